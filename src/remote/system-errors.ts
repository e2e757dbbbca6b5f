import { AtomicError } from '../base/index.ts';
import { errorCodeOf, isSystemError } from '../platform/index.ts';
import type { Repo } from '../repo/index.ts';

/** Runs a pull; a failed system call on the way becomes `NoSpace`, `ReadOnly` or `Io` naming the repo. */
export async function withNamedErrors<T>(repo: Repo, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const code = errorCodeOf(error.code);
    throw new AtomicError(code, `Cannot write to the repo ${repo.path}: ${error.message}`, {
      facts: { path: repo.path, errno: error.code, syscall: error.syscall },
      hint:
        code === 'NoSpace'
          ? 'Free some space on the file system of the repo, then try again; what had arrived is kept.'
          : 'Check the file system of the repo, then try again.',
      cause: error,
    });
  }
}
