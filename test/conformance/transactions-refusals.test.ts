import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { createJob } from '../../src/base/index.ts';
import { openHistory } from '../../src/state/index.ts';
import { TransactionRunner, upgrade } from '../../src/transactions/index.ts';
import { expectAgreement, type FollowingHost, makeHost } from '../support/make-host.ts';
import { ostree } from '../support/real-ostree.ts';

const job = createJob();

/** Expects the host to be as it was made, and an honest upgrade to work after all. */
async function expectUntouchedAndWell(machine: FollowingHost): Promise<void> {
  expect(machine.order()).toEqual([`*${machine.first}`]);
  expectAgreement(machine);
  machine.server.mischief = () => undefined;
  const next = machine.releases.add({ version: 'next' });
  expect(await upgrade(machine.host, {}, job)).toMatchObject({ kind: 'deployed' });
  expect(machine.order()).toEqual([`+${next}`, `*${machine.first}`]);
  await machine.reboot();
  expectAgreement(machine);
}

describe('an origin that cannot be followed', () => {
  it.each([
    ['is not configured', 'unconfigured-state=Register first.', 'origin unconfigured-state: Register first.'],
    ['asks for packages', 'refspec=origin:vendor/stable\n[packages]\nrequested=vim;', 'packages.requested'],
    ['names a remote that is not there', 'refspec=gone:vendor/stable', 'Remote "gone" not found'],
    ['names no ref of the remote', 'refspec=origin:vendor/gone', 'vendor/gone'],
  ])('stops the upgrade with a sentence when it %s', async (_what, text, words) => {
    // The builder refuses what we refuse, so the request is written afterwards, as another tool would.
    await using machine = await makeHost();
    const { booted } = machine.list();
    writeFileSync(`${machine.sysrootPath}/${booted?.path}.origin`, `[origin]\n${text}\n`);
    machine.releases.add({ version: '2' });
    await expect(upgrade(machine.host, {}, job)).rejects.toThrow(words);
    expect(machine.order()).toEqual([`*${machine.first}`]);
  });

  it('says so when it is pinned to a commit', async () => {
    await using machine = await makeHost();
    const { booted } = machine.list();
    writeFileSync(`${machine.sysrootPath}/${booted?.path}.origin`, `[origin]\nrefspec=${machine.first}\n`);
    const outcome = await upgrade(machine.host, {}, job);
    expect(outcome).toMatchObject({ kind: 'unchanged', message: 'Pinned to commit; no upgrade available' });
  });

  it('is refused when its remote demands a signature and the commit has none', async () => {
    await using machine = await makeHost({ remote: {} });
    machine.releases.add({ version: '2' });
    await expect(upgrade(machine.host, {}, job)).rejects.toMatchObject({ code: 'SignatureRequired' });
    expect(machine.order()).toEqual([`*${machine.first}`]);
  });
});

describe('a server that misbehaves', () => {
  it('cannot get a corrupt object in', async () => {
    await using machine = await makeHost();
    machine.releases.add({ version: '2' });
    machine.server.mischief = (path) => (path.endsWith('.filez') ? { kind: 'lie' } : undefined);
    await expect(upgrade(machine.host, {}, job)).rejects.toMatchObject({ code: 'CorruptObject' });
    await expectUntouchedAndWell(machine);
  });

  it('cannot pass another commit off as the one its ref names', async () => {
    await using machine = await makeHost();
    machine.releases.add({ version: '2' });
    machine.server.mischief = (path) => (path.endsWith('.commit') ? { kind: 'lie' } : undefined);
    await expect(upgrade(machine.host, {}, job)).rejects.toThrow(/\.commit/);
    await expectUntouchedAndWell(machine);
  });
});

describe('a tree that cannot be deployed', () => {
  it('has no kernel', async () => {
    await using machine = await makeHost();
    machine.releases.add({ version: '2', kernel: false });
    await expect(upgrade(machine.host, {}, job)).rejects.toMatchObject({ code: 'KernelMissing' });
    await expectUntouchedAndWell(machine);
  });

  it.each([[true], [false]])('has a directory where /etc has a changed file (booted: %s)', async (booted) => {
    await using machine = await makeHost({ booted });
    const [deployment] = machine.list().deployments;
    const local = `${machine.sysrootPath}/${deployment?.path}/etc/vendor.conf`;
    writeFileSync(local, 'changed by me\n');
    machine.releases.add({ version: '2', files: { 'usr/etc/vendor.conf': null, 'usr/etc/vendor.conf/part': 'x' } });
    const refused = upgrade(machine.host, {}, job);
    await expect(refused).rejects.toMatchObject({ code: 'EtcConflict' });
    await expect(refused).rejects.toThrow(/newly defaults to directory 'vendor.conf'/);
    const { update } = await upgrade(machine.host, { cacheOnly: true, checkOnly: true }, job);
    expect(update).toMatchObject({ available: true, etcConflicts: ['/etc/vendor.conf'] });
    expect(machine.order()).toEqual([`${booted ? '*' : ''}${machine.first}`]);
    expectAgreement(machine);
    writeFileSync(local, 'version=1\n');
    expect((await upgrade(machine.host, {}, job)).update?.etcConflicts).toEqual([]);
    await machine.reboot();
    expect(machine.read('etc/vendor.conf/part')).toBe('x');
    expectAgreement(machine);
  });
});

describe('two upgrades at once', () => {
  it('in one agent: the second is refused naming the first', async () => {
    await using machine = await makeHost();
    const second = machine.releases.add({ version: '2' });
    const history = await openHistory(`${machine.host.stateDir}/history.db`, machine.host.clock);
    const runner = new TransactionRunner(history);
    const running = runner.start('upgrade', (job) => upgrade(machine.host, {}, job));
    expect(() => runner.start('upgrade --reboot', (job) => upgrade(machine.host, {}, job))).toThrow(
      expect.objectContaining({ code: 'UpdateInProgress', message: 'Transaction in progress: upgrade' }),
    );
    expect(await running.outcome).toMatchObject({ deploymentId: `vendor-${second}.0` });
    expect(history.list(5).map(({ event, title }) => `${title} ${event}`)).toEqual(['upgrade done', 'upgrade started']);
    history.close();
  });

  it('past the agent: one deploys, the other sees that and does nothing', async () => {
    await using machine = await makeHost();
    const second = machine.releases.add({ version: '2' });
    const outcomes = await Promise.all([upgrade(machine.host, {}, job), upgrade(machine.host, {}, job)]);
    expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(['deployed', 'unchanged']);
    expect(machine.order()).toEqual([`+${second}`, `*${machine.first}`]);
    expectAgreement(machine);
  });

  it('with a program that keeps the sysroot locked: refused after a while, everything fetched is kept', async () => {
    await using machine = await makeHost();
    machine.releases.add({ version: '2' });
    const holder = spawn('/usr/bin/python3', ['-c', lockHolder, `${machine.sysrootPath}/ostree/lock`]);
    try {
      await new Promise((resolve) => holder.stdout.once('data', resolve));
      await expect(upgrade(machine.host, {}, job)).rejects.toMatchObject({ code: 'UpdateInProgress' });
      expect(machine.order()).toEqual([`*${machine.first}`]);
    } finally {
      holder.kill();
    }
    await new Promise((resolve) => holder.once('exit', resolve));
    expect(await upgrade(machine.host, { cacheOnly: true }, job)).toMatchObject({ kind: 'deployed' });
  });
});

/** Takes an open-file-description lock as libostree does and keeps it until killed. */
const lockHolder = `
import fcntl, os, struct, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o660)
fcntl.fcntl(fd, 37, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))
print('locked', flush=True)
time.sleep(600)
`;

/** A directory on a small file system of its own. */
function mountTmpfs(sizeMiB: number): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'atomic-small-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'tmpfs', path]);
  return {
    path,
    [Symbol.dispose]: () => {
      execFileSync('umount', ['--lazy', path]);
      rmSync(path, { recursive: true });
    },
  };
}

/** Bytes that do not compress. */
const noise = (length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  for (let index = 0, state = 1; index < length; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[index] = state >>> 16;
  }
  return bytes;
};

describe('a file system', () => {
  it.each([
    ['while fetching', []],
    ['before fetching anything, when the vendor recorded the sizes', ['--generate-sizes']],
  ])('that is too small stops the upgrade %s', async (_when, extraArgs) => {
    using small = mountTmpfs(24);
    await using machine = await makeHost({ sysrootParent: small.path });
    const content = noise(30 * 1024 * 1024);
    machine.releases.add({ version: '2', files: { 'usr/share/big': content }, extraArgs });
    await expect(upgrade(machine.host, {}, job)).rejects.toMatchObject({ code: 'NoSpace' });
    const contentRequests = machine.server.log.filter(({ path }) => path.endsWith('.filez'));
    expect(contentRequests.length > 0).toBe(extraArgs.length === 0);
    await expectUntouchedAndWell(machine);
  });

  it('that is read-only below /boot stops the upgrade while the person is there', async () => {
    await using machine = await makeHost();
    machine.releases.add({ version: '2', files: { 'usr/lib/modules/6.1.0-test/vmlinuz': 'another kernel' } });
    const boot = `${machine.sysrootPath}/boot`;
    execFileSync('mount', ['--bind', boot, boot]);
    try {
      execFileSync('mount', ['-o', 'remount,ro,bind', boot]);
      await expect(upgrade(machine.host, {}, job)).rejects.toMatchObject({ code: 'ReadOnly' });
      expect(machine.order()).toEqual([`*${machine.first}`]);
    } finally {
      execFileSync('umount', [boot]);
    }
    await expectUntouchedAndWell(machine);
  });
});

describe('a cancelled upgrade', () => {
  it('ends although the server says nothing', async () => {
    await using machine = await makeHost();
    machine.releases.add({ version: '2' });
    const abort = new AbortController();
    machine.server.mischief = (path) => {
      if (!path.endsWith('.filez')) return undefined;
      setImmediate(() => abort.abort());
      return { kind: 'silent' };
    };
    const cancelled = upgrade(machine.host, {}, createJob({ signal: abort.signal }));
    await expect(cancelled).rejects.toMatchObject({ code: 'Cancelled', message: 'Operation was cancelled' });
    await expectUntouchedAndWell(machine);
  });

  it('before it began does nothing', async () => {
    await using machine = await makeHost();
    machine.releases.add({ version: '2' });
    await expect(upgrade(machine.host, {}, createJob({ signal: AbortSignal.abort() }))).rejects.toMatchObject({
      code: 'Cancelled',
    });
    await expectUntouchedAndWell(machine);
  });

  it.each([[true], [false]])('at any event leaves the old list or the new one (booted: %s)', async (booted) => {
    await using machine = await makeHost({ booted });
    const before = machine.order();
    const second = machine.releases.add({ version: '2' });
    for (let stopAt = 1; ; stopAt += 1) {
      const abort = new AbortController();
      const heard = { count: 0 };
      const report = (): void => {
        heard.count += 1;
        if (heard.count === stopAt) abort.abort();
      };
      const done = await upgrade(machine.host, {}, createJob({ signal: abort.signal, report })).then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject({ code: 'Cancelled' });
          return false;
        },
      );
      if (done) break;
      expect(machine.order()).toEqual(before);
      expectAgreement(machine);
    }
    expect(machine.order()[0]).toBe(`${booted ? '+' : ''}${second}`);
    await machine.reboot();
    expect(machine.order()[0]).toBe(`*${second}`);
    expectAgreement(machine);
  });

  it('at random moments leaves the old list or the new one', async () => {
    await using machine = await makeHost();
    const files = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`usr/share/f${index}`, `${index}`]));
    const second = machine.releases.add({ version: '2', files });
    const delays = [0, 3, 10, 20, 40, 60, 80, 120];
    for (const delayMs of delays) {
      const outcome = await upgrade(machine.host, {}, createJob({ signal: AbortSignal.timeout(delayMs) })).catch(
        (error: unknown) => error,
      );
      expect(outcome).toSatisfy((ended: object) => 'kind' in ended || ('code' in ended && ended.code === 'Cancelled'));
      expect([[`*${machine.first}`], [`+${second}`, `*${machine.first}`]]).toContainEqual(machine.order());
      ostree(`--repo=${machine.sysrootPath}/ostree/repo`, 'fsck', '-q');
    }
    await upgrade(machine.host, {}, job);
    await machine.reboot();
    expect(machine.order()).toEqual([`*${second}`, machine.first]);
    expectAgreement(machine);
  });
});
