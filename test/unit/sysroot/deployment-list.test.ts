import { mkdirSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJob } from '../../../src/base/index.ts';
import { listRefs } from '../../../src/repo/index.ts';
import {
  cleanup,
  initStateroot,
  initSysroot,
  loadDeployments,
  lockSysroot,
  openSysroot,
  pinDeployment,
  rollbackOrder,
  undeploy,
  writeDeployments,
} from '../../../src/sysroot/index.ts';
import { followDefaultEntry, makeSysroot, type TestHost } from '../../support/make-sysroot.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

async function rollback(host: TestHost): Promise<void> {
  using sysroot = host.open();
  await writeDeployments(sysroot, rollbackOrder(loadDeployments(sysroot)), createJob());
}

function versions(host: TestHost): readonly (string | undefined)[] {
  using sysroot = host.open();
  const title = /Test OS (\d+)/;
  return loadDeployments(sysroot).deployments.map(
    ({ entry }) => title.exec(entry?.fields.find(([key]) => key === 'title')?.[1] ?? '')?.[1],
  );
}

describe('rolling back', () => {
  it('boots the older deployment next, and back again', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 2 });
    await rollback(host);
    expect(versions(host)).toEqual(['1', '2']);
    await host.reboot();
    expect(versions(host)).toEqual(['1', '2']);
    await rollback(host);
    await host.reboot();
    expect(versions(host)).toEqual(['2', '1']);
  });

  it('twice in one boot is where it began', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 2 });
    const before = followDefaultEntry(host.path);
    await rollback(host);
    await rollback(host);
    expect(versions(host)).toEqual(['2', '1']);
    expect(followDefaultEntry(host.path).deployment).toBe(before.deployment);
    await host.reboot();
    expect(versions(host)).toEqual(['2', '1']);
  });

  it('removes nothing, and what the running configuration names least of all', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 2 });
    const before = readdirSync(join(host.path, 'boot'), { encoding: 'utf8', recursive: true });
    await rollback(host);
    expect(readdirSync(join(host.path, 'boot'), { recursive: true })).toEqual(expect.arrayContaining(before));
  });
});

describe('the list of deployments', () => {
  it('tolerates and reports an entry that leads nowhere, and a later write gets rid of it', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 2, booted: false });
    using sysroot = host.open();
    const [first, second] = loadDeployments(sysroot).deployments;
    const slot = followDefaultEntry(host.path).bootVersion;
    rmSync(join(host.path, `ostree/boot.${slot}/testos/${first?.bootChecksum}/0`));
    const list = loadDeployments(sysroot);
    expect(list.deployments.map(({ name }) => name)).toEqual([second?.name]);
    expect(list.notes.join()).toContain('is missing');
    // Nothing of what it might name is removed meanwhile.
    await cleanup(sysroot, { base: true }, createJob());
    expect(statSync(join(host.path, first?.path ?? '')).isDirectory()).toBe(true);
    await writeDeployments(sysroot, list.deployments, createJob());
    expect(loadDeployments(sysroot)).toMatchObject({ notes: [], deployments: [{ name: second?.name }] });
  });

  it.each([
    ['an entry without ostree=', 'title x\nversion 9\noptions quiet\nlinux /x\n'],
    ['an entry of the other slot', `title x\nversion 9\noptions ostree=/ostree/boot.9/testos/${'0'.repeat(64)}/0\n`],
    ['an entry of no known form', '\u0000\u0001'],
    ['an empty entry', ''],
  ])('lists the others beside %s', async (_what, text) => {
    const host = await makeSysroot(makeTempDir());
    writeFileSync(join(host.path, 'boot/loader/entries/ostree-9-testos.conf'), text);
    using sysroot = host.open();
    expect(loadDeployments(sysroot).deployments).toHaveLength(1);
    expect(loadDeployments(sysroot).notes).toHaveLength(1);
  });

  it('leaves entries of other systems alone', async () => {
    const host = await makeSysroot(makeTempDir());
    writeFileSync(join(host.path, 'boot/loader/entries/windows.conf'), 'title Windows\n');
    using sysroot = host.open();
    expect(loadDeployments(sysroot).notes).toEqual([]);
  });

  it('lists a deployment whose directory is gone as a note', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 2, booted: false });
    using sysroot = host.open();
    const [, second] = loadDeployments(sysroot).deployments;
    await sysroot.dir.removeTree(second?.path ?? '');
    expect(loadDeployments(sysroot)).toMatchObject({
      deployments: [{ index: 0 }],
      notes: [expect.stringContaining('is missing')],
    });
  });

  it('keeps a deployment whose origin is damaged or missing, following nothing', async () => {
    const host = await makeSysroot(makeTempDir());
    using sysroot = host.open();
    const path = join(host.path, `${loadDeployments(sysroot).deployments[0]?.path}.origin`);
    writeFileSync(path, 'no keyfile\n');
    expect(loadDeployments(sysroot).deployments[0]?.origin.refspec).toBeUndefined();
    expect(loadDeployments(sysroot).notes).toHaveLength(1);
    rmSync(path);
    expect(loadDeployments(sysroot).deployments[0]?.origin.refspec).toBeUndefined();
  });

  it('knows the booted deployment by device and inode too', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 2 });
    const { deployment } = followDefaultEntry(host.path);
    const [stateroot, name] = deployment.split('/');
    const { dev, ino } = statSync(join(host.path, `ostree/deploy/${stateroot}/deploy/${name}`), { bigint: true });
    host.boot = { bootId: 'x', runDir: host.runDir, bootVersion: 0, deployment: { dev, ino } };
    using sysroot = host.open();
    expect(loadDeployments(sysroot).booted?.name).toBe(name);
  });

  it('changes its stamp with every change', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 2 });
    using sysroot = host.open();
    const first = loadDeployments(sysroot).stamp;
    await rollback(host);
    expect(loadDeployments(sysroot).stamp).not.toBe(first);
  });

  it('is refused where boot/loader is a directory of another boot loader', async () => {
    const host = await makeSysroot(makeTempDir());
    rmSync(join(host.path, 'boot/loader'));
    mkdirSync(join(host.path, 'boot/loader/entries'), { recursive: true });
    using sysroot = host.open();
    expect(() => loadDeployments(sysroot)).toThrow(expect.objectContaining({ code: 'InvalidSysroot' }) as Error);
  });

  it('keeps both boot configurations where the boot record does not say which one runs', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 2 });
    await rollback(host);
    const { deployment = '' } = host.boot ?? {};
    host.boot = { bootId: 'x', runDir: host.runDir, deployment };
    using sysroot = host.open();
    await cleanup(sysroot, { base: true }, createJob());
    expect(readdirSync(join(host.path, 'boot')).filter((name) => /^loader\.[01]$/.test(name))).toHaveLength(2);
  });

  it('is not written without the booted deployment, nor empty', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 2 });
    using sysroot = host.open();
    const list = loadDeployments(sysroot).deployments;
    await expect(writeDeployments(sysroot, list.slice(1), createJob())).rejects.toMatchObject({
      code: 'InvalidArgument',
    });
    using offline = openSysroot(host.path);
    await expect(writeDeployments(offline, [], createJob())).rejects.toMatchObject({ code: 'InvalidArgument' });
    expect(await writeDeployments(sysroot, list, createJob())).toBe('none');
  });
});

describe('cleaning up', () => {
  it('takes a staged update off the list and off the disk', async () => {
    const host = await makeSysroot(makeTempDir());
    const made = await host.upgrade({ version: '2', kernel: 'kernel 2\n' });
    using sysroot = host.open();
    expect(await cleanup(sysroot, { pending: true }, createJob())).toMatchObject({ removed: [made.id] });
    expect(loadDeployments(sysroot).staged).toBeUndefined();
    expect(readdirSync(join(host.path, 'boot/ostree'))).toHaveLength(1);
    expect(readdirSync(join(host.path, 'ostree/deploy/testos/deploy'))).not.toContain(made.name);
  });

  it('says that nothing was removed when there was nothing', async () => {
    const host = await makeSysroot(makeTempDir());
    using sysroot = host.open();
    expect(await cleanup(sysroot, { pending: true, rollback: true, base: true }, createJob())).toMatchObject({
      removed: [],
    });
  });

  it('removes the rollback from the list, and from disk once no boot configuration in use names it', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 2 });
    using sysroot = host.open();
    const [, rollbackDeployment] = loadDeployments(sysroot).deployments;
    const report = await cleanup(sysroot, { rollback: true }, createJob());
    expect(report.removed).toEqual([rollbackDeployment?.id]);
    expect(loadDeployments(sysroot).deployments).toHaveLength(1);
    expect(statSync(join(host.path, rollbackDeployment?.path ?? '')).isDirectory()).toBe(true);
    expect((await host.reboot()).report.removed).toEqual([rollbackDeployment?.id]);
  });

  it('keeps pinned deployments, which an explicit undeploy takes', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 2 });
    using sysroot = host.open();
    pinDeployment(sysroot, 1, true);
    expect((await cleanup(sysroot, { rollback: true }, createJob())).removed).toEqual([]);
    await undeploy(sysroot, 1, createJob());
    expect(loadDeployments(sysroot).deployments).toHaveLength(1);
  });

  it('removes leftovers of a deployment that was cut short, but nothing foreign', async () => {
    const host = await makeSysroot(makeTempDir());
    const directory = join(host.path, 'ostree/deploy/testos/deploy');
    mkdirSync(join(directory, `${'a'.repeat(64)}.0/usr`), { recursive: true });
    writeFileSync(join(directory, `${'b'.repeat(64)}.3.origin`), '');
    mkdirSync(join(directory, 'notes'));
    symlinkSync('loader.1', join(host.path, 'boot/loader.tmp'));
    using sysroot = host.open();
    await cleanup(sysroot, { base: true }, createJob());
    expect(readdirSync(directory).filter((name) => /^([ab]|notes)/.test(name) && !name.startsWith('b1'))).toContain(
      'notes',
    );
    expect(readdirSync(directory)).not.toContain(`${'a'.repeat(64)}.0`);
    expect(readdirSync(directory)).not.toContain(`${'b'.repeat(64)}.3.origin`);
    expect(readdirSync(join(host.path, 'boot'))).not.toContain('loader.tmp');
  });

  it('frees the objects of what it removed and keeps those of every deployment', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 2 });
    using sysroot = host.open();
    const [first] = loadDeployments(sysroot).deployments;
    await cleanup(sysroot, { rollback: true }, createJob());
    await host.reboot();
    const { freedBytes } = await cleanup(sysroot, { base: true }, createJob());
    expect(freedBytes).toBeGreaterThan(0);
    expect([...listRefs(sysroot.repo, 'ostree').values()]).toEqual([first?.checksum]);
  });
});

describe('pinning', () => {
  it('is refused for a staged deployment and for an index that is not there', async () => {
    const host = await makeSysroot(makeTempDir());
    await host.upgrade({ version: '2' });
    using sysroot = host.open();
    expect(() => pinDeployment(sysroot, 0, true)).toThrow('Cannot pin staged deployment');
    expect(() => pinDeployment(sysroot, 7, true)).toThrow('Invalid index: 7');
  });

  it('keeps a deployment through upgrades, and the next one does not inherit it', async () => {
    const host = await makeSysroot(makeTempDir());
    using sysroot = host.open();
    pinDeployment(sysroot, 0, true);
    for (const version of ['2', '3']) {
      await host.upgrade({ version });
      await host.reboot();
    }
    expect(loadDeployments(sysroot).deployments.map(({ pinned }) => pinned)).toEqual([false, false, true]);
  });
});

describe('opening a sysroot', () => {
  it('refuses what is none, saying how to make one', () => {
    expect(() => openSysroot(makeTempDir())).toThrow(expect.objectContaining({ code: 'InvalidSysroot' }) as Error);
    expect(() => openSysroot('/nowhere/at/all')).toThrow(expect.objectContaining({ code: 'InvalidSysroot' }) as Error);
  });

  it('makes one again without harm, and refuses a second stateroot of one name', () => {
    const path = join(makeTempDir(), 'new/sysroot');
    initSysroot(path);
    initSysroot(path);
    using sysroot = openSysroot(path);
    initStateroot(sysroot, 'testos');
    expect(() => initStateroot(sysroot, 'testos')).toThrow('already exists');
    expect(() => initStateroot(sysroot, 'a/b')).toThrow('Invalid stateroot name');
    expect(loadDeployments(sysroot)).toMatchObject({ deployments: [], notes: [], booted: undefined });
  });

  it('has one writer at a time', async () => {
    const host = await makeSysroot(makeTempDir());
    using sysroot = host.open();
    {
      using _lock = await lockSysroot(sysroot, createJob());
      await expect(lockSysroot(sysroot, createJob(), { timeoutMs: 0 })).rejects.toMatchObject({
        code: 'UpdateInProgress',
      });
    }
    using _again = await lockSysroot(sysroot, createJob(), { timeoutMs: 0 });
    expect(readdirSync(join(host.path, 'ostree'))).toContain('lock');
  });

  it('still lists its deployments when it was moved elsewhere', async () => {
    const host = await makeSysroot(makeTempDir(), { booted: false });
    renameSync(host.path, `${host.path}-moved`);
    using sysroot = openSysroot(`${host.path}-moved`);
    expect(loadDeployments(sysroot).deployments).toHaveLength(1);
  });
});
