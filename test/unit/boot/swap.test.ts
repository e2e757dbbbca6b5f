import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createJob } from '../../../src/base/index.ts';
import { mayRewriteBootedSlot } from '../../../src/boot/index.ts';
import { interceptSyscalls } from '../../../src/platform/index.ts';
import {
  finalizeStaged,
  initStateroot,
  initSysroot,
  loadDeployments,
  openSysroot,
  rollbackOrder,
  writeDeployments,
} from '../../../src/sysroot/index.ts';
import { mountLoopImage } from '../../support/loop-image.ts';
import { followDefaultEntry, makeSysroot, TestHost } from '../../support/make-sysroot.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

/** A host whose boot/ is a file system of its own, mounted by `mount` before anything is written there. */
async function hostWithBoot(mount: (path: string) => void, deployments: 1 | 2 = 2): Promise<TestHost> {
  const directory = makeTempDir();
  const host = new TestHost(directory, {});
  for (const path of [host.path, host.runDir]) mkdirSync(path, { recursive: true });
  initSysroot(host.path);
  mount(join(host.path, 'boot'));
  {
    using sysroot = openSysroot(host.path);
    initStateroot(sysroot, host.stateroot);
  }
  for (let version = 1; version <= deployments; version += 1) {
    await host.upgrade({ version: String(version), kernel: `kernel ${version}\n` }, { kargs: ['quiet'] });
  }
  host.start();
  return host;
}

function mountTmpfs(options: string) {
  return (path: string): void => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]);
    onTestFinished(() => {
      execFileSync('umount', [path]);
    });
  };
}

async function rollback(host: TestHost): Promise<void> {
  using sysroot = host.open();
  await writeDeployments(sysroot, rollbackOrder(loadDeployments(sysroot)), createJob());
}

/** Every call of the table that `work` makes, as `name argument…`. */
async function trace(work: () => Promise<unknown>): Promise<readonly string[]> {
  const calls: string[] = [];
  using _interception = interceptSyscalls((name, original) => (...args) => {
    const texts = args.map((arg) =>
      typeof arg === 'string' ? arg : typeof arg === 'object' ? JSON.stringify(arg) : '',
    );
    calls.push([name, ...texts].join(' ').replace(/ +/g, ' ').trim());
    return original(...args);
  });
  await work();
  return calls;
}

describe('the order of a swap', () => {
  it('syncs before the switch, and removes nothing after it', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 2 });
    const calls = await trace(() => rollback(host));
    const commit = calls.findIndex((call) => call === 'renameat2 loader.tmp loader');
    expect(commit).toBeGreaterThan(0);
    const link = calls.findIndex((call) => /^renameat2 \S+ boot\.[01]$/.test(call));
    const lastLink = calls.slice(0, link).findLastIndex((call) => /^symlinkat .*deploy/.test(call));
    expect(calls.slice(lastLink, link).some((call) => call.startsWith('syncFilesystem'))).toBe(true);
    const lastWrite = calls.slice(0, commit).findLastIndex((call) => /^(write|linkat|symlinkat|renameat2) /.test(call));
    expect(lastWrite).toBeGreaterThan(link);
    expect(calls.slice(lastWrite, commit)).toContain('syncfs');
    const after = calls.slice(commit + 1);
    expect(after.some((call) => call.startsWith('fsync'))).toBe(true);
    expect(after.filter((call) => /^(unlinkat|removeTrees|unlinkMany)/.test(call))).toEqual([]);
  });

  it('freezes and thaws a /boot of its own before and after the switch', async () => {
    const host = await hostWithBoot((path) => void mountLoopImage({ mountPoint: path }));
    const calls = await trace(() => rollback(host));
    const commit = calls.findIndex((call) => call === 'renameat2 loader.tmp loader');
    expect(calls.slice(0, commit)).toContain('freezeThaw');
    expect(calls.slice(commit)).toContain('freezeThaw');
    const lastWrite = calls.slice(0, commit).findLastIndex((call) => /^(write|symlinkat|linkat|renameat2) /.test(call));
    expect(calls.slice(lastWrite, commit)).toContain('freezeThaw');
  });

  it('replaces one link, and touches nothing in /boot, where the entries can stay', async () => {
    const host = await makeSysroot(makeTempDir(), { booted: false });
    const before = statSync(join(host.path, 'boot/loader/entries'), { bigint: true });
    const slot = followDefaultEntry(host.path).bootVersion;
    await host.upgrade({ version: '1', kernel: 'kernel 1\n', files: { 'usr/share/x': 'x' } });
    await host.upgrade({ version: '1', kernel: 'kernel 1\n', files: { 'usr/share/x': 'y' } });
    const after = followDefaultEntry(host.path);
    expect(after.bootVersion).not.toBe(slot);
    await host.upgrade({ version: '1', kernel: 'kernel 1\n', files: { 'usr/share/x': 'z' } });
    expect(followDefaultEntry(host.path).bootVersion).toBe(after.bootVersion);
    expect(followDefaultEntry(host.path).deployment).not.toBe(after.deployment);
    expect(statSync(join(host.path, 'boot/loader/entries'), { bigint: true }).ino).not.toBe(before.ino);
  });
});

describe('a second swap in one boot', () => {
  it.each([
    ['frozen', true, true],
    ['frozen', false, true],
    ['synced', false, true],
    ['synced', true, false],
  ] as const)('with /boot %s and its own file system %s is allowed: %s', (settled, own, allowed) => {
    expect(mayRewriteBootedSlot(settled, own)).toBe(allowed);
  });

  it('is done where /boot can be frozen', async () => {
    const host = await hostWithBoot((path) => void mountLoopImage({ mountPoint: path }));
    await rollback(host);
    await rollback(host);
    expect((await host.reboot()).deployment).toContain(followDefaultEntry(host.path).deployment);
    expect(followDefaultEntry(host.path).entry).toContain('Test OS 2');
  });

  it('is refused where /boot cannot be frozen, and changes nothing; after a reboot it is done', async () => {
    const host = await hostWithBoot(mountTmpfs('size=16m'));
    await rollback(host);
    const before = readdirSync(join(host.path, 'boot'), { recursive: true });
    await expect(rollback(host)).rejects.toMatchObject({
      code: 'BootSwapRefused',
      hint: expect.stringContaining('Reboot first') as string,
    });
    expect(readdirSync(join(host.path, 'boot'), { recursive: true })).toEqual(before);
    expect(followDefaultEntry(host.path).entry).toContain('Test OS 1');
    await host.reboot();
    await rollback(host);
    expect(followDefaultEntry(host.path).entry).toContain('Test OS 2');
  });
});

describe('an update staged after a swap in the same boot', () => {
  it('is refused at once where its own swap could not be made at the shutdown', async () => {
    const host = await hostWithBoot(mountTmpfs('size=16m'));
    await rollback(host);
    await expect(host.upgrade({ version: '3', kernel: 'kernel 3\n' })).rejects.toMatchObject({
      code: 'BootSwapRefused',
    });
    {
      using sysroot = host.open();
      expect(loadDeployments(sysroot).staged).toBeUndefined();
    }
    await host.reboot();
    await host.upgrade({ version: '3', kernel: 'kernel 3\n' });
    await host.reboot();
    expect(followDefaultEntry(host.path).entry).toContain('Test OS 3');
  });

  it('boots next where /boot can be frozen', async () => {
    const host = await hostWithBoot((path) => void mountLoopImage({ mountPoint: path }));
    await rollback(host);
    await host.upgrade({ version: '3', kernel: 'kernel 3\n' });
    expect((await host.reboot()).finalized).toMatchObject({ kind: 'finalized' });
    expect(followDefaultEntry(host.path).entry).toContain('Test OS 3');
  });
});

describe('a /boot that cannot take the kernel', () => {
  it('is found full when the update is staged, with the numbers, and nothing is staged', async () => {
    const host = await hostWithBoot(mountTmpfs('size=4m'), 1);
    await expect(host.upgrade({ version: '2', kernel: 'k'.repeat(5_000_000) })).rejects.toMatchObject({
      code: 'BootFull',
      facts: { neededBytes: expect.any(Number) as number, freeBytes: expect.any(Number) as number },
    });
    using sysroot = host.open();
    expect(loadDeployments(sysroot).deployments).toHaveLength(1);
    expect(readdirSync(join(host.path, 'boot/ostree'))).toHaveLength(1);
  });

  it('is named when it is read-only, at staging and at a rollback', async () => {
    const host = await hostWithBoot(mountTmpfs('size=16m'), 2);
    const boot = join(host.path, 'boot');
    execFileSync('mount', ['-o', 'remount,ro', boot]);
    const expected = { code: 'ReadOnly', message: expect.stringContaining('/boot is read-only') as string };
    await expect(host.upgrade({ version: '3', kernel: 'kernel 3\n' })).rejects.toMatchObject(expected);
    await expect(rollback(host)).rejects.toMatchObject(expected);
    execFileSync('mount', ['-o', 'remount,rw', boot]);
    await rollback(host);
    expect(followDefaultEntry(host.path).entry).toContain('Test OS 1');
  });

  it('reports a /boot that became read-only before the shutdown, where it can', async () => {
    const host = await hostWithBoot(mountTmpfs('size=16m'), 1);
    await host.upgrade({ version: '2', kernel: 'kernel 2\n' });
    const boot = join(host.path, 'boot');
    execFileSync('mount', ['-o', 'remount,ro', boot]);
    using sysroot = host.open();
    await expect(finalizeStaged(sysroot, createJob())).rejects.toMatchObject({ code: 'ReadOnly' });
    expect(existsSync(join(host.runDir, 'ostree/staged-deployment'))).toBe(true);
    execFileSync('mount', ['-o', 'remount,rw', boot]);
    expect(await finalizeStaged(sysroot, createJob())).toMatchObject({ kind: 'finalized' });
  });
});

describe('the kernel in /boot', () => {
  it('is replaced, never edited, when its content is wrong', async () => {
    const host = await makeSysroot(makeTempDir());
    const made = await host.upgrade({ version: '2', kernel: 'kernel 2\n' });
    const file = join(host.path, `boot/ostree/testos-${made.bootChecksum}/vmlinuz-6.1.0-test`);
    const other = join(host.path, 'other-name');
    linkSync(file, other);
    writeFileSync(file, 'KERNEL 2\n');
    chmodSync(other, 0o600);
    await host.reboot();
    expect(readFileSync(file, 'utf8')).toBe('kernel 2\n');
    expect(readFileSync(other, 'utf8')).toBe('KERNEL 2\n');
    expect(statSync(other).mode & 0o777).toBe(0o600);
  });

  it('is brought back for an older deployment whose files somebody removed', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 2 });
    using sysroot = host.open();
    const [, older] = loadDeployments(sysroot).deployments;
    await sysroot.dir.removeTree(`boot/ostree/testos-${older?.bootChecksum}`);
    await rollback(host);
    expect(followDefaultEntry(host.path).entry).toContain('Test OS 1');
  });
});
