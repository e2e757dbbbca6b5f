import { AtomicError, throwIfCancelled, type Job } from '../base/index.ts';
import { explainedError, flags, isSystemError, sys, systemClock } from '../platform/index.ts';
import type { Repo } from './repo.ts';

/** How often a busy lock is tried again: short enough to go unnoticed, long enough to cost nothing. */
const pollIntervalMs = 100;

/** What one open repo holds. One descriptor, so that a shared lock becomes exclusive without a gap. */
interface HeldLock {
  readonly fd: number;
  shared: number;
  exclusive: number;
}

const heldLocks = new WeakMap<Repo, HeldLock>();

/**
 * Holds the repo's lock until disposed: `shared` keeps objects from being pruned, `exclusive` keeps everybody else from
 * adding some. Locks of the same `Repo` nest, an exclusive one inside a shared one too; other `Repo`s and processes, the
 * real ostree among them, are kept out (open-file-description locks on `.lock`). Waits up to `core.lock-timeout-secs`, then
 * throws `RepoLocked`; stops with `Cancelled`. A repo with `core.locking=false` or on a read-only file system is not locked.
 */
export async function lockRepo(repo: Repo, mode: 'shared' | 'exclusive', job: Job): Promise<Disposable> {
  if (!repo.settings.locking) return noLock;
  const started = performance.now();
  const timeoutMs = repo.settings.lockTimeoutMs;
  for (;;) {
    throwIfCancelled(job);
    const lock = tryLock(repo, mode);
    if (lock !== undefined) return lock;
    const leftMs = timeoutMs === undefined ? pollIntervalMs : timeoutMs - (performance.now() - started);
    if (leftMs <= 0) throw repoLocked(repo, mode, timeoutMs ?? 0);
    await systemClock.sleep(Math.min(pollIntervalMs, leftMs), job.signal);
  }
}

const noLock: Disposable = { [Symbol.dispose]: () => undefined };

/** One attempt, without waiting; undefined when somebody else is in the way. */
function tryLock(repo: Repo, mode: 'shared' | 'exclusive'): Disposable | undefined {
  const held = heldLocks.get(repo);
  if (held !== undefined) {
    const upgrade = mode === 'exclusive' && held.exclusive === 0;
    if (upgrade && !take(held.fd, true)) return undefined;
    held[mode] += 1;
    return releaser(repo, held, mode);
  }
  const fd = openLockFile(repo);
  if (fd === undefined) return noLock;
  if (!take(fd, mode === 'exclusive')) {
    sys.close(fd);
    return undefined;
  }
  const taken: HeldLock = { fd, shared: 0, exclusive: 0 };
  taken[mode] += 1;
  heldLocks.set(repo, taken);
  return releaser(repo, taken, mode);
}

/** Undefined where nothing can be written, hence nothing needs a lock. */
function openLockFile(repo: Repo): number | undefined {
  try {
    return sys.openat(repo.dir.fd, '.lock', flags.O_RDWR | flags.O_CREAT, 0o660);
  } catch (error) {
    if (isSystemError(error, 'EROFS')) return undefined;
    throw explainedError(`open the lock ${repo.path}/.lock`, error);
  }
}

function take(fd: number, exclusive: boolean): boolean {
  try {
    return sys.ofdLock(fd, exclusive);
  } catch (error) {
    // Where there are no open-file-description locks, everybody falls back in the same way.
    if (!isSystemError(error, 'EINVAL')) throw error;
    return sys.flock(fd, exclusive);
  }
}

function releaser(repo: Repo, held: HeldLock, mode: 'shared' | 'exclusive'): Disposable {
  let released = false;
  return {
    [Symbol.dispose]: () => {
      if (released) return;
      released = true;
      held[mode] -= 1;
      if (held.shared + held.exclusive === 0) {
        heldLocks.delete(repo);
        sys.close(held.fd);
      } else if (mode === 'exclusive' && held.exclusive === 0) {
        take(held.fd, false);
      }
    },
  };
}

function repoLocked(repo: Repo, mode: 'shared' | 'exclusive', timeoutMs: number): AtomicError {
  const seconds = Math.round(timeoutMs / 1000);
  return new AtomicError(
    'RepoLocked',
    `Cannot lock repo ${repo.path} (${mode}): another process has held it for ${seconds} s`,
    {
      facts: { path: repo.path, mode, timeoutMs },
      hint: `Wait until it has finished and try again; \`fuser -v ${repo.path}/.lock\` shows which process it is.`,
    },
  );
}
