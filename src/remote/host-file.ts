import { AtomicError } from '../base/index.ts';
import { flags, isSystemError, sys } from '../platform/index.ts';

const chunkBytes = 64 * 1024;

/**
 * The text of a file of this host by its path, symlinks followed wherever they lead (certificate bundles are links);
 * undefined where nothing is there, `LimitExceeded` above `limitBytes`.
 */
export function readHostText(path: string, limitBytes: number): string | undefined {
  const fd = tryOpen(path);
  if (fd === undefined) return undefined;
  try {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for (;;) {
      const chunk = new Uint8Array(chunkBytes);
      const count = sys.read(fd, chunk);
      if (count === 0) return Buffer.concat(chunks).toString('utf8');
      size += count;
      if (size > limitBytes) throw new AtomicError('LimitExceeded', `${path} is larger than ${limitBytes} bytes`);
      chunks.push(chunk.subarray(0, count));
    }
  } finally {
    sys.close(fd);
  }
}

/** A descriptor of the file; undefined where nothing is there. */
function tryOpen(path: string): number | undefined {
  try {
    return sys.openat(flags.AT_FDCWD, path, flags.O_RDONLY, 0);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
