import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJob, parseChecksum } from '../../src/base/index.ts';
import { parseOrigin } from '../../src/format/index.ts';
import {
  cleanup,
  deployTree,
  finalizeDeployment,
  loadDeployments,
  openSysroot,
  pinDeployment,
  planRetention,
  rollbackOrder,
  undeploy,
  writeDeployments,
} from '../../src/sysroot/index.ts';
import { mountLoopImage } from '../support/loop-image.ts';
import { makeSysroot } from '../support/make-sysroot.ts';
import { ostree } from '../support/real-ostree.ts';
import { realCommit, realStatus, realSysroot } from '../support/real-sysroot.ts';

/** What `status` shows of a sysroot, as we see it. */
function ourStatus(path: string): readonly { stateroot: string; name: string; refspec: string | undefined }[] {
  using sysroot = openSysroot(path);
  const { deployments, notes } = loadDeployments(sysroot);
  expect(notes).toEqual([]);
  return deployments.map(({ stateroot, name, origin }) => ({ stateroot, name, refspec: origin.refspec }));
}

function expectAgreement(path: string, count: number): void {
  const real = realStatus(path).map(({ stateroot, name, refspec }) => ({ stateroot, name, refspec }));
  expect(ourStatus(path)).toEqual(real);
  expect(real).toHaveLength(count);
  expect(ostree(`--repo=${path}/ostree/repo`, 'fsck', '--quiet')).toContain('no errors found');
}

/** What `ostree admin deploy` does, done by us: offline, with a cleanup. */
async function ourDeploy(path: string, commit: string, kargs?: readonly string[]): Promise<void> {
  using sysroot = openSysroot(path);
  const list = loadDeployments(sysroot);
  const merge = list.deployments.find(({ stateroot }) => stateroot === 'testos');
  const job = createJob();
  const made = await deployTree(
    sysroot,
    {
      stateroot: 'testos',
      checksum: parseChecksum(commit),
      origin: parseOrigin('[origin]\nrefspec=test/os\n'),
      merge,
      ...(kargs === undefined ? {} : { kargs }),
    },
    job,
  );
  await finalizeDeployment(sysroot, made, job);
  await writeDeployments(sysroot, planRetention(list, made), job);
  await cleanup(sysroot, { base: true }, job);
}

/** Every path below boot/ and ostree/ but the repo and what only one of the tools writes, with what it holds. */
function describeSysroot(root: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  const ours = /(\/loader\.[01]\/grub\.cfg|\.ostree-selabeled)$/;
  const visit = (path: string): void => {
    for (const name of readdirSync(join(root, path)).sort()) {
      const below = `${path}/${name}`;
      if (below === 'ostree/repo' || ours.test(below)) continue;
      const stat = lstatSync(join(root, below));
      const what = `${(stat.mode & 0o7777).toString(8)} ${stat.uid}:${stat.gid}`;
      if (stat.isSymbolicLink()) found[below] = `-> ${readlinkSync(join(root, below))}`;
      else if (stat.isDirectory()) found[below] = `directory ${what}`;
      else found[below] = `file ${what} ${readFileSync(join(root, below), 'latin1')}`;
      if (stat.isDirectory()) visit(below);
    }
  };
  visit('boot');
  visit('ostree');
  return found;
}

/** Two sysroots that are the same to the byte. */
function twin(path: string, copy: string): string {
  execFileSync('cp', ['-a', path, copy]);
  return copy;
}

describe('sysroots of ours and the real ostree', () => {
  it('an empty sysroot and stateroot of ours is what the real tool makes', async () => {
    const mount = mountLoopImage();
    const real = realSysroot(join(mount, 'real'));
    mkdirSync(join(mount, 'ours'));
    const host = await makeSysroot(join(mount, 'ours'), { deployments: 0 });
    expect(describeSysroot(host.path)).toEqual(describeSysroot(real));
    const top = (path: string) => readdirSync(path).map((name) => [name, lstatSync(join(path, name)).mode & 0o7777]);
    expect(top(host.path)).toEqual(top(real));
    expectAgreement(host.path, 0);
  });

  it('the real tool lists what we deployed as we do', async () => {
    const host = await makeSysroot(mountLoopImage(), { deployments: 2, booted: false });
    expectAgreement(host.path, 2);
    expect(realStatus(host.path).map(({ version }) => version)).toEqual(['2', '1']);
  });

  it('we list what the real tool deployed as it does', () => {
    const mount = mountLoopImage();
    const path = realSysroot(join(mount, 'sysroot'));
    for (const version of ['1', '2']) {
      realCommit(path, mount, { version, kernel: `kernel ${version}\n` });
      ostree('admin', `--sysroot=${path}`, 'deploy', '--os=testos', 'test/os', '--karg=root=LABEL=root');
      expectAgreement(path, Number(version));
      expect(ourStatus(path)[0]).toMatchObject({ stateroot: 'testos', refspec: 'test/os' });
    }
  });

  it.each([
    ['a first deployment', []],
    ['an upgrade with the same kernel', [{ version: '1' }]],
    ['an upgrade with another kernel', [{ version: '1', kernel: 'old kernel\n' }]],
    ['an upgrade where only files changed', [{ version: '2', files: { 'usr/share/x': 'x' } }]],
    ['a third version', [{ version: '0' }, { version: '1', kernel: 'old kernel\n' }]],
  ])('writes what the real tool writes, to the byte: %s', async (_what, earlier) => {
    const mount = mountLoopImage();
    const path = realSysroot(join(mount, 'real'));
    for (const tree of earlier) {
      realCommit(path, mount, tree);
      ostree(
        'admin',
        `--sysroot=${path}`,
        'deploy',
        '--os=testos',
        'test/os',
        '--karg=root=LABEL=root',
        '--karg=quiet',
      );
    }
    const commit = realCommit(path, mount, { version: '2', files: { 'usr/lib/modules/6.1.0-test/dtb/a.dtb': 'dtb' } });
    const copy = twin(path, join(mount, 'ours'));
    const first = earlier.length === 0;
    ostree('admin', `--sysroot=${path}`, 'deploy', '--os=testos', 'test/os', ...(first ? ['--karg=quiet'] : []));
    await ourDeploy(copy, commit, first ? ['quiet'] : undefined);
    expect(describeSysroot(copy)).toEqual(describeSysroot(path));
    expect(ostree(`--repo=${copy}/ostree/repo`, 'refs').split('\n').sort()).toEqual(
      ostree(`--repo=${path}/ostree/repo`, 'refs').split('\n').sort(),
    );
  });

  it('we upgrade what the real tool deployed and it upgrades what we deployed, in turns', async () => {
    const mount = mountLoopImage();
    const path = realSysroot(join(mount, 'sysroot'));
    for (const version of ['1', '2', '3', '4', '5', '6']) {
      // Versions 3 and 4 share a kernel, so that both kinds of swap are taken over.
      const commit = realCommit(path, mount, { version, kernel: `kernel ${version.replace('4', '3')}\n` });
      if (Number(version) % 2 === 0) await ourDeploy(path, commit);
      else ostree('admin', `--sysroot=${path}`, 'deploy', '--os=testos', 'test/os');
      expectAgreement(path, version === '1' ? 1 : 2);
      expect(realStatus(path)[0]).toMatchObject({ version, name: `${commit}.0` });
    }
  });

  it('deploying one commit twice gives serials as the real tool counts them', async () => {
    const mount = mountLoopImage();
    const path = realSysroot(join(mount, 'sysroot'));
    const commit = realCommit(path, mount);
    await ourDeploy(path, commit);
    ostree('admin', `--sysroot=${path}`, 'deploy', '--os=testos', 'test/os');
    await ourDeploy(path, commit);
    expectAgreement(path, 2);
    expect(ourStatus(path).map(({ name }) => name)).toEqual([`${commit}.2`, `${commit}.1`]);
  });

  it('the real tool honours our pin, we honour its pin, and an undeploy of either is seen by both', async () => {
    const mount = mountLoopImage();
    const host = await makeSysroot(mount, { deployments: 2, booted: false });
    {
      using sysroot = host.open();
      expect(pinDeployment(sysroot, 1, true)).toBe(true);
      expect(pinDeployment(sysroot, 1, true)).toBe(false);
    }
    expect(ostree('admin', `--sysroot=${host.path}`, 'status')).toContain('Pinned: yes');
    realCommit(host.path, mount, { version: '3' });
    ostree('admin', `--sysroot=${host.path}`, 'deploy', '--os=testos', 'test/os');
    expectAgreement(host.path, 3);
    ostree('admin', `--sysroot=${host.path}`, 'pin', '0');
    await host.upgrade({ version: '4', kernel: 'kernel 4\n' });
    expectAgreement(host.path, 3);
    ostree('admin', `--sysroot=${host.path}`, 'undeploy', '2');
    expectAgreement(host.path, 2);
    {
      using sysroot = host.open();
      await undeploy(sysroot, 1, createJob());
    }
    expectAgreement(host.path, 1);
  });

  it('the real tool sees our rollback and goes on from it', async () => {
    const mount = mountLoopImage();
    const host = await makeSysroot(mount, { deployments: 2, booted: false });
    {
      using sysroot = host.open();
      await writeDeployments(sysroot, rollbackOrder(loadDeployments(sysroot)), createJob());
    }
    expectAgreement(host.path, 2);
    expect(realStatus(host.path).map(({ version }) => version)).toEqual(['1', '2']);
    realCommit(host.path, mount, { version: '3' });
    ostree('admin', `--sysroot=${host.path}`, 'upgrade', '--os=testos');
    expectAgreement(host.path, 2);
    expect(realStatus(host.path).map(({ version }) => version)).toEqual(['3', '1']);
  });

  it('the real cleanup and prune leave a staged update of ours whole', async () => {
    const host = await makeSysroot(mountLoopImage());
    const made = await host.upgrade({ version: '2', kernel: 'kernel 2\n' });
    // Pruning by refs alone is the harshest: the staged commit is named by nothing but our ref.
    ostree(`--repo=${host.path}/ostree/repo`, 'refs', '--delete', host.ref);
    ostree(`--repo=${host.path}/ostree/repo`, 'prune', '--refs-only');
    expect((await host.reboot()).deployment).toBe(`testos/${made.name}`);
    expectAgreement(host.path, 2);
  });
});
