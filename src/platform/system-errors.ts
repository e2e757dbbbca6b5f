import { AtomicError, type ErrorCode } from '../base/index.ts';
import { isSystemError } from './syscalls.ts';

/** What a failed system call means to whoever reads the error. */
export function errorCodeOf(systemCode: string | undefined): ErrorCode {
  if (systemCode === 'ENOSPC' || systemCode === 'EDQUOT') return 'NoSpace';
  return systemCode === 'EROFS' ? 'ReadOnly' : 'Io';
}

/**
 * Runs a step; a failed system call in it becomes `NoSpace`, `ReadOnly` or `Io` with the sentence "Cannot <doing>: …".
 * `doing` names what was tried: "write the boot links". Errors that are sentences already pass as they are, so steps nest
 * and the innermost names the error.
 */
export async function explainSystemErrors<T>(doing: string, step: () => T | Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw explainedError(doing, error);
  }
}

/** The error of {@link explainSystemErrors}, for code that may not wait. */
export function explainedError(doing: string, error: unknown): unknown {
  if (!isSystemError(error)) return error;
  const code = errorCodeOf(error.code);
  const hint = hints[code];
  return new AtomicError(code, `Cannot ${doing}: ${error.message}`, {
    facts: { errno: error.code, syscall: error.syscall, ...(error.path === undefined ? {} : { path: error.path }) },
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}

const hints: Partial<Readonly<Record<ErrorCode, string>>> = {
  NoSpace: 'Free some space on that file system, then try again.',
  ReadOnly: 'Make that file system writable, then try again.',
  Io: 'See what the kernel says about that file system (dmesg), then try again.',
};
