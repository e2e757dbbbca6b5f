import { AtomicError } from '../base/index.ts';
import { flags } from './flags.ts';
import { isSystemError, sys } from './syscalls.ts';

/** A name beside `name` that nobody else picks. */
export function temporaryName(name: string): string {
  const random = Math.random().toString(36).slice(2, 10);
  return `.${name.slice(0, 200)}.${process.pid}-${random}`;
}

/** True for a name that {@link temporaryName} makes: of a writer at work, or left by one that was killed. */
export function isTemporaryName(name: string): boolean {
  return /^\..+\.[0-9]+-[0-9a-z]*$/.test(name);
}

/** Writes a new file with exactly this mode; EEXIST if the name is taken. Returns with the file closed unless `beforeClose` fails. */
export function writeNew(
  dirfd: number,
  name: string,
  content: Uint8Array | string,
  mode: number,
  beforeClose?: (fd: number) => void,
): void {
  const fd = sys.openat(dirfd, name, flags.O_WRONLY | flags.O_CREAT | flags.O_EXCL | flags.O_NOFOLLOW, 0o600);
  try {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    if (bytes.length > 0) sys.write(fd, bytes);
    // The umask took part in the creation, so the mode is set here.
    sys.fchmod(fd, mode);
    beforeClose?.(fd);
  } finally {
    sys.close(fd);
  }
}

/** Removes a leftover after a failure that is about to be reported; its own failure would hide that one. */
export function unlinkQuietly(dirfd: number, name: string): void {
  try {
    sys.unlinkat(dirfd, name, 0);
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
}

/** Everything from the descriptor's position to its end; `LimitExceeded` naming `label` beyond `limitBytes`. */
export function readAll(fd: number, limitBytes: number, label: string): Uint8Array {
  const { size } = sys.fstatat(fd, '', flags.AT_EMPTY_PATH);
  if (size > limitBytes) throw tooLarge(limitBytes, label);
  // One byte more than promised: a short read then proves the end in one call, except for files of /proc (size 0).
  const first = new Uint8Array(size + 1);
  const got = sys.read(fd, first);
  return got <= size ? first.subarray(0, got) : readRest(fd, first, { limitBytes, label });
}

function readRest(fd: number, first: Uint8Array, limit: { limitBytes: number; label: string }): Uint8Array {
  const chunks: Uint8Array[] = [first];
  let total = first.length;
  for (;;) {
    if (total > limit.limitBytes) throw tooLarge(limit.limitBytes, limit.label);
    const chunk = new Uint8Array(64 * 1024);
    const got = sys.read(fd, chunk);
    chunks.push(chunk.subarray(0, got));
    total += got;
    if (got < chunk.length) return new Uint8Array(Buffer.concat(chunks, total));
  }
}

function tooLarge(limitBytes: number, label: string): AtomicError {
  return new AtomicError('LimitExceeded', `${label} is larger than ${limitBytes} bytes`, { facts: { limitBytes } });
}
