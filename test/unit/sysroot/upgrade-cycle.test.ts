import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJob, type JobEvent } from '../../../src/base/index.ts';
import { decodeStagedRecord, encodeStagedRecord, parseOrigin } from '../../../src/format/index.ts';
import { interceptSyscalls } from '../../../src/platform/index.ts';
import { listRefs } from '../../../src/repo/index.ts';
import {
  deployTree,
  finalizeStaged,
  loadDeployments,
  openSysroot,
  setStagedLocked,
  stageDeployment,
  type Deployment,
} from '../../../src/sysroot/index.ts';
import { followDefaultEntry, makeSysroot, type TestHost } from '../../support/make-sysroot.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const version2 = { version: '2', kernel: 'kernel 2\n' };

function deployments(host: TestHost): readonly Deployment[] {
  using sysroot = host.open();
  const list = loadDeployments(sysroot);
  expect(list.notes).toEqual([]);
  return list.deployments;
}

/** `CHECKSUM.SERIAL` of every deployment directory on disk, listed or not. */
function onDisk(host: TestHost): readonly string[] {
  return readdirSync(join(host.path, 'ostree/deploy/testos/deploy')).filter((name) => !name.endsWith('.origin'));
}

function etcOf(host: TestHost, deployment: { readonly path: string } | undefined): string {
  return join(host.path, deployment?.path ?? 'nothing', 'etc');
}

function recordOf(host: TestHost): string {
  return join(host.runDir, 'ostree/staged-deployment');
}

describe('staging', () => {
  it('leaves the running system and what boots as they are and lists the staged deployment first', async () => {
    const host = await makeSysroot(makeTempDir());
    const before = followDefaultEntry(host.path);
    const made = await host.upgrade(version2);
    expect(followDefaultEntry(host.path)).toEqual(before);
    expect(deployments(host).map(({ name, staged, booted, index }) => [name, staged, booted, index])).toEqual([
      [made.name, true, false, 0],
      [before.deployment.split('/')[1], false, true, 1],
    ]);
  });

  it('writes the record in libostree’s format, for root alone', async () => {
    const host = await makeSysroot(makeTempDir());
    const [booted] = deployments(host);
    const made = await host.upgrade(version2);
    expect(statSync(recordOf(host)).mode & 0o7777).toBe(0o600);
    const record = decodeStagedRecord(readFileSync(recordOf(host)));
    expect(record).toMatchObject({
      target: { name: made.name, stateroot: 'testos', bootChecksum: made.bootChecksum },
      merge: { name: booted?.name, stateroot: 'testos', bootChecksum: booted?.bootChecksum },
      kargs: ['root=LABEL=root', 'quiet'],
      locked: false,
    });
  });

  it('has the kernel in /boot and a ref that keeps the commit', async () => {
    const host = await makeSysroot(makeTempDir());
    const made = await host.upgrade(version2);
    const installed = join(host.path, `boot/ostree/testos-${made.bootChecksum}/vmlinuz-6.1.0-test`);
    expect(readFileSync(installed, 'utf8')).toBe('kernel 2\n');
    expect(statSync(installed).nlink).toBe(1);
    using sysroot = host.open();
    expect([...listRefs(sysroot.repo, 'ostree').values()]).toContain(made.checksum);
  });

  it('replaces what was staged before', async () => {
    const host = await makeSysroot(makeTempDir());
    const first = await host.upgrade(version2);
    const second = await host.upgrade({ version: '3', kernel: 'kernel 3\n' });
    expect(deployments(host).map(({ name }) => name)).not.toContain(first.name);
    expect((await host.reboot()).deployment).toBe(`testos/${second.name}`);
    expect(onDisk(host)).not.toContain(first.name);
  });

  it('is refused, and leaves nothing behind, when /etc cannot be merged', async () => {
    const host = await makeSysroot(makeTempDir());
    writeFileSync(join(etcOf(host, deployments(host)[0]), 'new'), 'local');
    const before = onDisk(host);
    await expect(host.upgrade({ ...version2, etc: { 'new/file': 'x' } })).rejects.toMatchObject({
      code: 'EtcConflict',
      message: "During /etc merge: Modified config file newly defaults to directory 'new', cannot merge",
    });
    expect(onDisk(host)).toEqual(before);
    expect(existsSync(recordOf(host))).toBe(false);
  });

  it('is refused where nothing of the sysroot runs', async () => {
    const host = await makeSysroot(makeTempDir(), { booted: false });
    const checksum = await host.commit(version2);
    using offline = host.open();
    const made = await deployTree(offline, { stateroot: 'testos', checksum, origin: parseOrigin('') }, createJob());
    await expect(stageDeployment(offline, made, createJob())).rejects.toMatchObject({ code: 'NotBooted' });
    using elsewhere = openSysroot(host.path, { bootId: 'x', runDir: host.runDir, deployment: 'testos/other' });
    await expect(stageDeployment(elsewhere, made, createJob())).rejects.toMatchObject({ code: 'NotBooted' });
    expect(existsSync(recordOf(host))).toBe(false);
  });
});

describe('finalizing', () => {
  it('boots the new version by default and keeps the old one as the rollback', async () => {
    const host = await makeSysroot(makeTempDir());
    const [old] = deployments(host);
    const made = await host.upgrade(version2);
    const reboot = await host.reboot();
    expect(reboot).toMatchObject({ finalizeError: undefined, deployment: `testos/${made.name}` });
    expect(deployments(host).map(({ name, booted }) => [name, booted])).toEqual([
      [made.name, true],
      [old?.name, false],
    ]);
    expect(existsSync(recordOf(host))).toBe(false);
  });

  it('inherits the kernel arguments, and sets those asked for', async () => {
    const host = await makeSysroot(makeTempDir());
    await host.upgrade(version2);
    await host.reboot();
    expect(deployments(host)[0]?.kargs).toEqual(['root=LABEL=root', 'quiet']);
    await host.upgrade({ version: '3' }, { kargs: ['single', 'ostree=/nonsense'] });
    await host.reboot();
    expect(deployments(host)[0]?.kargs).toEqual(['single']);
    expect(followDefaultEntry(host.path).entry.match(/ostree=/g)).toHaveLength(1);
  });

  it('merges what changed in /etc until the shutdown, and leaves the old /etc alone', async () => {
    const host = await makeSysroot(makeTempDir());
    const [old] = deployments(host);
    writeFileSync(join(etcOf(host, old), 'a.conf'), 'local\n');
    const made = await host.upgrade({ ...version2, etc: { 'b.conf': 'new default\n' } });
    writeFileSync(join(etcOf(host, old), 'late'), 'written after staging\n');
    rmSync(join(etcOf(host, old), 'dir/c.conf'));
    const before = readdirSync(etcOf(host, old), { recursive: true });
    await host.reboot();
    const read = (name: string) => readFileSync(join(etcOf(host, made), name), 'utf8');
    expect(read('a.conf')).toBe('local\n');
    expect(read('b.conf')).toBe('new default\n');
    expect(read('late')).toBe('written after staging\n');
    expect(existsSync(join(etcOf(host, made), 'dir/c.conf'))).toBe(false);
    expect(readdirSync(etcOf(host, old), { recursive: true })).toEqual(before);
  });

  it('never links /etc to the objects', async () => {
    const host = await makeSysroot(makeTempDir());
    const made = await host.upgrade(version2);
    await host.reboot();
    expect(statSync(join(etcOf(host, made), 'a.conf')).nlink).toBe(1);
    expect(statSync(join(host.path, made.path, 'usr/bin/tool')).nlink).toBeGreaterThan(1);
  });

  it('does nothing without a staged deployment', async () => {
    const host = await makeSysroot(makeTempDir());
    using sysroot = host.open();
    expect(await finalizeStaged(sysroot, createJob())).toEqual({ kind: 'nothing' });
  });

  it.each(['the record', 'the older lock file'])('does nothing while locked by %s', async (what) => {
    const host = await makeSysroot(makeTempDir());
    const made = await host.upgrade(version2);
    const before = followDefaultEntry(host.path);
    using sysroot = host.open();
    if (what === 'the record') setStagedLocked(sysroot, true);
    else writeFileSync(join(host.runDir, 'ostree/staged-deployment-locked'), '');
    expect(loadDeployments(sysroot).staged?.locked).toBe(true);
    expect(await finalizeStaged(sysroot, createJob())).toEqual({ kind: 'locked', id: made.id });
    expect(followDefaultEntry(host.path)).toEqual(before);
    expect(existsSync(recordOf(host))).toBe(true);
  });

  it('drops a locked deployment with the reboot', async () => {
    const host = await makeSysroot(makeTempDir());
    const made = await host.upgrade(version2);
    {
      using sysroot = host.open();
      setStagedLocked(sysroot, true);
    }
    await host.reboot();
    expect(deployments(host)).toHaveLength(1);
    expect(onDisk(host)).not.toContain(made.name);
  });

  it('copies the kernel again when it is gone or damaged', async () => {
    const host = await makeSysroot(makeTempDir());
    const made = await host.upgrade(version2);
    const directory = join(host.path, `boot/ostree/testos-${made.bootChecksum}`);
    writeFileSync(join(directory, 'vmlinuz-6.1.0-test'), 'kernel X\n');
    rmSync(join(directory, 'initramfs-6.1.0-test.img'));
    await host.reboot();
    expect(readFileSync(join(directory, 'vmlinuz-6.1.0-test'), 'utf8')).toBe('kernel 2\n');
    expect(readFileSync(join(directory, 'initramfs-6.1.0-test.img'), 'utf8')).toBe('initramfs 1\n');
  });

  it('can be run again after it was cut short behind the swap', async () => {
    const host = await makeSysroot(makeTempDir());
    const made = await host.upgrade(version2);
    const record = readFileSync(recordOf(host));
    using sysroot = host.open();
    await finalizeStaged(sysroot, createJob());
    writeFileSync(recordOf(host), record);
    expect(loadDeployments(sysroot).staged).toBeUndefined();
    expect(await finalizeStaged(sysroot, createJob())).toEqual({ kind: 'finalized', id: made.id });
    expect(existsSync(recordOf(host))).toBe(false);
    expect(deployments(host).map(({ name }) => name)[0]).toBe(made.name);
  });

  it('counts as done although tidying after the swap fails', async () => {
    const host = await makeSysroot(makeTempDir());
    const made = await host.upgrade(version2);
    mkdirSync(join(host.path, `ostree/deploy/testos/deploy/${'a'.repeat(64)}.0`));
    const events: JobEvent[] = [];
    using sysroot = host.open();
    using _interception = interceptSyscalls((name, original) => (...args) => {
      if (name === 'removeTrees' && JSON.stringify(args).includes('aaaa')) throw new Error('will not go');
      return original(...args);
    });
    const outcome = await finalizeStaged(sysroot, createJob({ report: (event) => events.push(event) }));
    expect(outcome).toEqual({ kind: 'finalized', id: made.id });
    expect(events.some((event) => event.kind === 'note' && event.text.includes('will not go'))).toBe(true);
    expect(followDefaultEntry(host.path).deployment).toBe(`testos/${made.name}`);
  });

  it('leaves a failure for the next boot to report, once', async () => {
    const host = await makeSysroot(makeTempDir());
    const before = deployments(host);
    await host.upgrade({ ...version2, etc: { 'new/file': 'x' } });
    // A conflict that arises after staging is found only at shutdown.
    writeFileSync(join(etcOf(host, before[0]), 'new'), 'local');
    const events: JobEvent[] = [];
    const reboot = await host.reboot(createJob({ report: (event) => events.push(event) }));
    expect(reboot.finalizeError).toMatchObject({ code: 'EtcConflict' });
    expect(reboot.report.finalizeFailure).toContain("newly defaults to directory 'new'");
    expect(events.some((event) => event.kind === 'note' && event.text.includes('failed on previous boot'))).toBe(true);
    expect(deployments(host).map(({ name }) => name)).toEqual(before.map(({ name }) => name));
    expect((await host.reboot()).report.finalizeFailure).toBeUndefined();
  });

  it('refuses a record whose merge deployment is gone, or that asks for overlay images', async () => {
    const host = await makeSysroot(makeTempDir());
    await host.upgrade(version2);
    const record = decodeStagedRecord(readFileSync(recordOf(host)));
    using sysroot = host.open();
    const merge = { name: `${'0'.repeat(64)}.0`, stateroot: 'testos', bootChecksum: undefined };
    writeFileSync(recordOf(host), encodeStagedRecord({ ...record, merge }));
    await expect(finalizeStaged(sysroot, createJob())).rejects.toMatchObject({ code: 'NoDeployment' });
    writeFileSync(recordOf(host), encodeStagedRecord({ ...record, overlayInitrds: ['x.img'] }));
    await expect(finalizeStaged(sysroot, createJob())).rejects.toMatchObject({ code: 'NotSupported' });
  });

  it('carries further lines of a record into the entry, and on into the next one', async () => {
    const host = await makeSysroot(makeTempDir());
    await host.upgrade(version2);
    const record = decodeStagedRecord(readFileSync(recordOf(host)));
    writeFileSync(recordOf(host), encodeStagedRecord({ ...record, bootconfigExtra: new Map([['x-note', 'kept']]) }));
    const { deployment } = await host.reboot();
    expect(followDefaultEntry(host.path).entry).toContain('x-note kept\n');
    await host.upgrade({ version: '3' });
    await host.reboot();
    const older = deployments(host).find(({ name }) => deployment.endsWith(name));
    expect(older?.entry?.fields).toContainEqual(['x-note', 'kept']);
  });

  it('removes the stamps by which services know a version', async () => {
    const host = await makeSysroot(makeTempDir());
    writeFileSync(join(etcOf(host, deployments(host)[0]), '.updated'), '');
    mkdirSync(join(host.path, 'ostree/deploy/testos/var'), { recursive: true });
    writeFileSync(join(host.path, 'ostree/deploy/testos/var/.updated'), '');
    const made = await host.upgrade(version2);
    await host.reboot();
    expect(existsSync(join(etcOf(host, made), '.updated'))).toBe(false);
    expect(existsSync(join(host.path, 'ostree/deploy/testos/var/.updated'))).toBe(false);
  });
});

describe('what a boot configuration names', () => {
  it('stays on disk until a later boot has started from the new one', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 2 });
    const [, oldest] = deployments(host);
    await host.upgrade({ version: '3', kernel: 'kernel 3\n' });
    using sysroot = host.open();
    await finalizeStaged(sysroot, createJob());
    expect(loadDeployments(sysroot).deployments.map(({ name }) => name)).not.toContain(oldest?.name);
    expect(onDisk(host)).toContain(oldest?.name);
    for (const name of ['boot/loader.0', 'boot/loader.1', 'ostree/boot.0', 'ostree/boot.1']) {
      expect(existsSync(join(host.path, name))).toBe(true);
    }
    expect(existsSync(join(host.path, `boot/ostree/testos-${oldest?.bootChecksum}`))).toBe(true);
    const { report } = await host.reboot();
    expect(report.removed).toEqual([oldest?.id]);
    expect(onDisk(host)).not.toContain(oldest?.name);
    expect(existsSync(join(host.path, `boot/ostree/testos-${oldest?.bootChecksum}`))).toBe(false);
    expect(readdirSync(join(host.path, 'boot')).filter((name) => name.startsWith('loader.'))).toHaveLength(1);
  });

  it('goes through many upgrades with two deployments, one loader and two kernels left each time', async () => {
    const host = await makeSysroot(makeTempDir());
    for (const version of ['2', '3', '4', '5']) {
      const made = await host.upgrade({ version, kernel: `kernel ${version}\n` });
      expect((await host.reboot()).deployment).toBe(`testos/${made.name}`);
      expect(onDisk(host)).toHaveLength(2);
      expect(readdirSync(join(host.path, 'boot/ostree'))).toHaveLength(2);
      expect(readdirSync(join(host.path, 'ostree')).filter((name) => name.startsWith('boot.'))).toHaveLength(2);
      using sysroot = host.open();
      expect([...listRefs(sysroot.repo, 'ostree').keys()]).toHaveLength(2);
    }
  });
});
