import { describe, expect, test } from 'vitest';
import { AtomicError, createJob, isAtomicError } from '../../../src/base/index.ts';
import { armError, Dir, lockFile, type LockOptions } from '../../../src/platform/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const busy = (): AtomicError => new AtomicError('RepoLocked', 'the repo is locked');
const now = (exclusive: boolean): LockOptions => ({ exclusive, timeoutMs: 0, busy });

async function codeOf(action: Promise<unknown>): Promise<string> {
  return await action.then(
    () => 'taken',
    (error: unknown) => (isAtomicError(error) ? error.code : String(error)),
  );
}

describe('a lock file', () => {
  test('is held by one exclusive or many shared holders', async () => {
    using dir = Dir.open(makeTempDir());
    {
      using _one = await lockFile(dir, '.lock', now(false));
      using _two = await lockFile(dir, '.lock', now(false));
      expect(await codeOf(lockFile(dir, '.lock', now(true)))).toBe('RepoLocked');
    }
    using _three = await lockFile(dir, '.lock', now(true));
    expect(await codeOf(lockFile(dir, '.lock', now(false)))).toBe('RepoLocked');
    expect((dir.stat('.lock')?.mode ?? 0) & 0o7777 & ~0o060).toBe(0o600);
  });

  test('is waited for, and told that it is', async () => {
    using dir = Dir.open(makeTempDir());
    const first = await lockFile(dir, 'lock', now(true));
    const waited: string[] = [];
    const second = lockFile(dir, 'lock', {
      ...now(true),
      timeoutMs: 60_000,
      onWait: () => {
        waited.push('yes');
        first[Symbol.dispose]();
      },
    });
    using _held = await second;
    expect(waited).toEqual(['yes']);
  });

  test('can be deleted on release without two holders ever', async () => {
    using dir = Dir.open(makeTempDir());
    const options: LockOptions = { exclusive: true, timeoutMs: 60_000, deleteOnRelease: true, busy };
    const holders = { now: 0, most: 0 };
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        using _held = await lockFile(dir, 'lock', options);
        holders.now += 1;
        holders.most = Math.max(holders.most, holders.now);
        await new Promise((resolve) => setImmediate(resolve));
        holders.now -= 1;
      }),
    );
    expect(holders.most).toBe(1);
    expect(dir.exists('lock')).toBe(false);
  });

  test('may be released twice and after its directory was closed', async () => {
    const path = makeTempDir();
    const dir = Dir.open(path);
    const held = await lockFile(dir, 'lock', { ...now(true), deleteOnRelease: true });
    dir[Symbol.dispose]();
    held[Symbol.dispose]();
    held[Symbol.dispose]();
    using again = Dir.open(path);
    expect(again.list()).toEqual([]);
  });

  test('is free again even if its file could not be deleted', async () => {
    using dir = Dir.open(makeTempDir());
    const held = await lockFile(dir, 'lock', { ...now(true), deleteOnRelease: true });
    armError(1, 5);
    held[Symbol.dispose]();
    expect(dir.exists('lock')).toBe(true);
    using _next = await lockFile(dir, 'lock', now(true));
  });

  test('that cannot be opened is named', async () => {
    using dir = Dir.open(makeTempDir());
    armError(1, 28);
    await expect(lockFile(dir, 'lock', now(true))).rejects.toMatchObject({
      code: 'NoSpace',
      message: expect.stringContaining(`Cannot open the lock ${dir.path}/lock: ENOSPC`) as string,
    });
  });

  test('stops waiting when the job is cancelled', async () => {
    using dir = Dir.open(makeTempDir());
    using _first = await lockFile(dir, 'lock', now(true));
    const controller = new AbortController();
    const job = createJob({ signal: controller.signal });
    const waiting = lockFile(dir, 'lock', { ...now(true), timeoutMs: Infinity, onWait: () => controller.abort() }, job);
    expect(await codeOf(waiting)).toBe('Cancelled');
  });
});
