/**
 * The sysroot as a running machine sees it: `/` is the deployment, `ostree` is a link into the physical root, and boot/ may
 * be a file system of its own, or not be mounted at all.
 */
import {
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJob } from '../../../src/base/index.ts';
import {
  cleanup,
  completeBoot,
  finalizeStaged,
  loadDeployments,
  openSysroot,
  rollbackOrder,
  writeDeployments,
} from '../../../src/sysroot/index.ts';
import { makeSysroot, type TestHost } from '../../support/make-sysroot.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

/** Everything by which a machine boots and goes back: links, kernels and deployments. */
function essentials(host: TestHost): readonly string[] {
  const links = readdirSync(join(host.path, 'ostree')).filter((name) => name.startsWith('boot.'));
  const below = `ostree/deploy/${host.stateroot}/deploy`;
  const refs = readdirSync(join(host.path, 'ostree/repo/refs/heads/ostree'), { encoding: 'utf8', recursive: true });
  return [...links, ...readdirSync(join(host.path, below)), ...refs].toSorted();
}

const unknown = { code: 'InvalidSysroot', hint: expect.stringContaining('/boot') as string };

describe('a running machine whose /boot is not there', () => {
  async function hostWithoutBoot(): Promise<TestHost> {
    const host = await makeSysroot(makeTempDir(), { deployments: 2 });
    renameSync(join(host.path, 'boot'), join(host.path, 'unmounted'));
    mkdirSync(join(host.path, 'boot'));
    return host;
  }

  it('loses nothing to the completion of a boot or to a cleanup, which say what is wrong', async () => {
    const host = await hostWithoutBoot();
    const before = essentials(host);
    using sysroot = host.open();
    await expect(completeBoot(sysroot, createJob())).rejects.toMatchObject(unknown);
    await expect(cleanup(sysroot, { base: true }, createJob())).rejects.toMatchObject(unknown);
    expect(essentials(host)).toEqual(before);
    rmSync(join(host.path, 'boot'), { recursive: true });
    renameSync(join(host.path, 'unmounted'), join(host.path, 'boot'));
    await completeBoot(sysroot, createJob());
    expect(loadDeployments(sysroot).deployments).toHaveLength(2);
  });

  it('is not cleaned up as an offline one either', async () => {
    const host = await hostWithoutBoot();
    const before = essentials(host);
    using sysroot = openSysroot(host.path);
    await expect(cleanup(sysroot, { base: true }, createJob())).rejects.toMatchObject(unknown);
    expect(essentials(host)).toEqual(before);
  });
});

describe('a running machine whose deployment no entry leads to', () => {
  it('has its list neither written nor cleaned up', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 2 });
    const { boot } = host;
    if (boot === undefined) throw new Error('not booted');
    const before = essentials(host);
    using sysroot = openSysroot(host.path, { ...boot, deployment: { dev: 1n, ino: 1n } });
    const list = loadDeployments(sysroot);
    await expect(writeDeployments(sysroot, rollbackOrder(list), createJob())).rejects.toMatchObject(unknown);
    await expect(cleanup(sysroot, { base: true }, createJob())).rejects.toMatchObject(unknown);
    expect(essentials(host)).toEqual(before);
  });
});

describe('a staged record that cannot be read', () => {
  it('keeps deployments from being removed: one of them may be the staged one', async () => {
    const host = await makeSysroot(makeTempDir());
    const made = await host.upgrade({ version: '2' });
    writeFileSync(join(host.runDir, 'ostree/staged-deployment'), 'of another format');
    using sysroot = host.open();
    await cleanup(sysroot, { base: true }, createJob());
    expect(statSync(join(host.path, made.path)).isDirectory()).toBe(true);
  });
});

describe('the root directory of a running machine as the sysroot', () => {
  it('is upgraded, finalized and tidied, with boot/ apart from the physical root', async () => {
    const directory = makeTempDir();
    const host = await makeSysroot(directory);
    const made = await host.upgrade({ version: '2', kernel: 'kernel 2\n' });
    const root = join(directory, 'root');
    mkdirSync(root);
    renameSync(join(host.path, 'boot'), join(root, 'boot'));
    mkdirSync(join(host.path, 'boot'));
    renameSync(host.path, join(root, 'sysroot'));
    symlinkSync('sysroot/ostree', join(root, 'ostree'));
    const { boot } = host;
    if (boot?.bootVersion === undefined) throw new Error('not booted');
    {
      using sysroot = openSysroot(root, boot);
      await finalizeStaged(sysroot, createJob());
      expect(loadDeployments(sysroot).deployments.map(({ booted }) => booted)).toEqual([false, true]);
    }
    const bootVersion = boot.bootVersion === 0 ? 1 : 0;
    expect(readlinkSync(join(root, 'boot/loader'))).toBe(`loader.${bootVersion}`);
    using sysroot = openSysroot(root, { ...boot, bootVersion, deployment: `${made.stateroot}/${made.name}` });
    await completeBoot(sysroot, createJob());
    await cleanup(sysroot, { rollback: true }, createJob());
    using offline = openSysroot(root);
    await cleanup(offline, { base: true }, createJob());
    const [deployment] = loadDeployments(offline).deployments;
    expect(readdirSync(join(root, 'ostree/deploy', host.stateroot, 'deploy')).toSorted()).toEqual([
      made.name,
      `${made.name}.origin`,
    ]);
    expect(readdirSync(join(root, 'ostree')).filter((name) => name.startsWith('boot.'))).toHaveLength(2);
    expect(deployment?.name).toBe(made.name);
    expect(readdirSync(join(root, 'sysroot/boot'))).toEqual([]);
  });
});
