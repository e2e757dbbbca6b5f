import { AtomicError, isAtomicError } from '../base/index.ts';
import { explainedError, isSystemError } from '../platform/index.ts';

/** The name of the system error (`ENOENT`) behind `error`, if there is one: of a thin call or of a bulk call. */
export function systemCode(error: unknown): string | undefined {
  if (isSystemError(error)) return error.code;
  const errno = isAtomicError(error) ? error.facts['errno'] : undefined;
  return typeof errno === 'string' ? errno : undefined;
}

/**
 * Runs a step that writes below boot/; what it throws because /boot is read-only or full becomes `ReadOnly` or `BootFull`
 * (or `NotSupported` on FAT), any other failed system call `Io`, saying what was tried (`doing`: "install the kernel").
 */
export async function explainBootErrors<T>(doing: string, step: () => T | Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw bootError(doing, error);
  }
}

function bootError(doing: string, cause: unknown): unknown {
  const code = systemCode(cause);
  if (code === 'EROFS') return bootReadOnly(doing, cause);
  if (code === 'EPERM' && isSystemError(cause) && cause.syscall === 'symlinkat') {
    return new AtomicError('NotSupported', `Cannot ${doing}: the file system of /boot has no symbolic links`, {
      hint: 'Use a file system such as ext4 for /boot; FAT is good for the EFI partition only.',
      cause,
    });
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') return bootFull(doing, { cause });
  return explainedError(doing, cause);
}

/** The error for a /boot without room for what is being done. */
export function bootFull(
  doing: string,
  details: { cause?: unknown; neededBytes?: number; freeBytes?: number },
): AtomicError {
  const { cause, neededBytes, freeBytes } = details;
  const numbers = neededBytes === undefined || freeBytes === undefined ? {} : { neededBytes, freeBytes };
  const detail = 'neededBytes' in numbers ? ` (needed: ${neededBytes} bytes, free: ${freeBytes} bytes)` : '';
  return new AtomicError('BootFull', `Cannot ${doing}: no space left on /boot${detail}`, {
    hint: 'Remove the rollback deployment (atomic host cleanup --rollback) or other files on /boot and try again.',
    facts: numbers,
    cause,
  });
}

/** The error for a /boot that cannot be written. */
export function bootReadOnly(doing: string, cause?: unknown): AtomicError {
  return new AtomicError('ReadOnly', `Cannot ${doing}: /boot is read-only`, {
    hint: 'Make it writable (mount -o remount,rw /boot) and try again.',
    cause,
  });
}
