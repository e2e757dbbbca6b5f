import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJob } from '../../../src/base/index.ts';
import { initRepo, lockRepo, openRepo, updateRepoConfig } from '../../../src/repo/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const job = createJob();

/** A repo that waits for its lock for no more than `seconds`. */
function newRepoPath(seconds: number): string {
  const path = join(makeTempDir(), 'repo');
  using repo = initRepo(path, { mode: 'bare' });
  updateRepoConfig(repo, (config) => config.set('core', 'lock-timeout-secs', `${seconds}`));
  return path;
}

describe('lockRepo', () => {
  it('lets shared holders in together and an exclusive one alone', async () => {
    const path = newRepoPath(0);
    using first = openRepo(path);
    using second = openRepo(path);
    const lock = await lockRepo(first, 'shared', job);
    (await lockRepo(second, 'shared', job))[Symbol.dispose]();
    const hint = expect.stringContaining('.lock') as unknown;
    const refusal = expect.objectContaining({ code: 'RepoLocked', hint }) as Error;
    await expect(lockRepo(second, 'exclusive', job)).rejects.toThrow(refusal);
    lock[Symbol.dispose]();
    using _exclusive = await lockRepo(second, 'exclusive', job);
    await expect(lockRepo(first, 'shared', job)).rejects.toThrow(refusal);
  });

  it('nests for the same repo, and gives back what an exclusive lock inside a shared one took', async () => {
    const path = newRepoPath(0);
    using repo = openRepo(path);
    using other = openRepo(path);
    const outer = await lockRepo(repo, 'shared', job);
    const inner = await lockRepo(repo, 'exclusive', job);
    const innermost = await lockRepo(repo, 'shared', job);
    await expect(lockRepo(other, 'shared', job)).rejects.toThrow(/Cannot lock repo/);
    inner[Symbol.dispose]();
    inner[Symbol.dispose]();
    (await lockRepo(other, 'shared', job))[Symbol.dispose]();
    await expect(lockRepo(other, 'exclusive', job)).rejects.toThrow(/Cannot lock repo/);
    innermost[Symbol.dispose]();
    outer[Symbol.dispose]();
    (await lockRepo(other, 'exclusive', job))[Symbol.dispose]();
  });

  it('waits until the lock is free', async () => {
    const path = newRepoPath(60);
    using holder = openRepo(path);
    using waiter = openRepo(path);
    const lock = await lockRepo(holder, 'exclusive', job);
    const order: string[] = [];
    const waiting = lockRepo(waiter, 'shared', job).then((taken) => {
      order.push('taken');
      taken[Symbol.dispose]();
    });
    order.push('released');
    lock[Symbol.dispose]();
    await waiting;
    expect(order).toEqual(['released', 'taken']);
  });

  it('stops waiting when the job is cancelled', async () => {
    const path = newRepoPath(60);
    using holder = openRepo(path);
    using waiter = openRepo(path);
    using _lock = await lockRepo(holder, 'exclusive', job);
    const controller = new AbortController();
    const waiting = lockRepo(waiter, 'shared', createJob({ signal: controller.signal }));
    controller.abort();
    await expect(waiting).rejects.toThrow(expect.objectContaining({ code: 'Cancelled' }) as Error);
  });

  it('takes no lock where core.locking is false', async () => {
    const path = newRepoPath(0);
    using repo = openRepo(path);
    updateRepoConfig(repo, (config) => config.set('core', 'locking', 'false'));
    using unlocked = openRepo(path);
    using _first = await lockRepo(unlocked, 'exclusive', job);
    using _second = await lockRepo(repo, 'exclusive', job);
    expect(unlocked.settings.locking).toBe(false);
  });
});
