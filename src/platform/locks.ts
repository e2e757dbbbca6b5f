import { throwIfCancelled, type AtomicError, type Job } from '../base/index.ts';
import { systemClock, type Clock } from './clock.ts';
import type { Dir } from './dir.ts';
import { flags } from './flags.ts';
import { isSystemError, sys } from './syscalls.ts';
import { explainedError } from './system-errors.ts';

/** How a lock is taken. `busy` makes the error thrown when it was not free within `timeoutMs` (Infinity waits for ever). */
export interface LockOptions {
  readonly exclusive: boolean;
  readonly timeoutMs: number;
  /** Removes the file on release, as libostree does with `ostree/lock`; exclusive locks only. */
  readonly deleteOnRelease?: boolean;
  readonly busy: () => AtomicError;
  /** Called once, when the lock turned out to be held by another. */
  readonly onWait?: () => void;
  readonly clock?: Clock;
}

const pollMs = 50;

/**
 * Takes the lock file as libostree takes it (an open-file-description lock on the whole file, made with mode 0660 where
 * absent) and holds it until disposed; the real `ostree` and we exclude each other. Polls; stops when the job is
 * cancelled. Fails with what `busy` makes after the time.
 */
export async function lockFile(dir: Dir, rel: string, options: LockOptions, job?: Job): Promise<Disposable> {
  const clock = options.clock ?? systemClock;
  const deadlineMs = clock.now().getTime() + options.timeoutMs;
  for (let waiting = false; ; waiting = true) {
    if (job !== undefined) throwIfCancelled(job);
    const lock = tryLock(dir, rel, options);
    if (lock !== undefined) return lock;
    if (clock.now().getTime() >= deadlineMs) throw options.busy();
    if (!waiting) options.onWait?.();
    await clock.sleep(pollMs, job?.signal);
  }
}

function tryLock(dir: Dir, rel: string, { exclusive, deleteOnRelease }: LockOptions): Disposable | undefined {
  const fd = openLockFile(dir, rel);
  try {
    const unlinks = deleteOnRelease === true && exclusive;
    if (take(fd, exclusive) && isStill(fd, dir, rel)) return holding(dir, rel, { fd, unlinks });
  } catch (error) {
    sys.close(fd);
    throw error;
  }
  sys.close(fd);
  return undefined;
}

function openLockFile(dir: Dir, rel: string): number {
  try {
    return dir.openFile(rel, flags.O_RDWR | flags.O_CREAT | flags.O_NOFOLLOW, 0o660);
  } catch (error) {
    throw explainedError(`open the lock ${dir.path.replace(/\/$/, '')}/${rel}`, error);
  }
}

function take(fd: number, exclusive: boolean): boolean {
  try {
    return sys.ofdLock(fd, exclusive);
  } catch (error) {
    // Kernels and file systems without open-file-description locks; libostree falls back in the same way.
    if (!isSystemError(error, 'EINVAL')) throw error;
    return sys.flock(fd, exclusive);
  }
}

/** False if the holder before us deleted the file: what we locked is then no longer what others will open. */
function isStill(fd: number, dir: Dir, rel: string): boolean {
  const named = dir.stat(rel);
  const opened = sys.fstatat(fd, '', flags.AT_EMPTY_PATH);
  return named !== undefined && named.ino === opened.ino && named.dev === opened.dev;
}

function holding(dir: Dir, rel: string, held: { fd: number; unlinks: boolean }): Disposable {
  // The caller's directory may be closed before the lock is released.
  const own = held.unlinks ? dir.clone() : undefined;
  const open = new Set([held.fd]);
  return {
    [Symbol.dispose]: () => {
      if (!open.delete(held.fd)) return;
      if (own !== undefined) removeLockFile(own, rel);
      own?.[Symbol.dispose]();
      sys.close(held.fd);
    },
  };
}

/** A file that stays is harmless, for the next holder takes it; a lock that is never released is not. */
function removeLockFile(dir: Dir, rel: string): void {
  try {
    dir.unlink(rel);
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
}
