import { AtomicError } from '../base/index.ts';
import { Dir, flags, isSystemError, sys } from '../platform/index.ts';
import { maxKeyFiles } from './limits.ts';

const chunkBytes = 64 * 1024;

/**
 * The bytes of a file of this host, symlinks followed; undefined where no file is. `LimitExceeded` above `limitBytes`. A
 * file that is there and cannot be read is an error: keys that are silently left out could be the revoked ones.
 */
export function readFile(path: string, limitBytes: number): Uint8Array | undefined {
  const fd = tryOpen(path);
  if (fd === undefined) return undefined;
  try {
    const chunks: Uint8Array[] = [];
    for (let size = 0; ;) {
      const chunk = new Uint8Array(chunkBytes);
      const count = sys.read(fd, chunk);
      if (count === 0) return new Uint8Array(Buffer.concat(chunks));
      size += count;
      if (size > limitBytes) throw new AtomicError('LimitExceeded', `${path} is larger than ${limitBytes} bytes`);
      chunks.push(chunk.subarray(0, count));
    }
  } catch (error) {
    if (isSystemError(error, 'EISDIR')) return undefined;
    throw error;
  } finally {
    sys.close(fd);
  }
}

/** The paths of what lies in a directory, directories left out; undefined where no directory is. */
export function listFiles(path: string): readonly string[] | undefined {
  try {
    using dir = Dir.open(path);
    const entries = dir.list().filter(({ type }) => type === 'file' || type === 'symlink');
    if (entries.length > maxKeyFiles)
      throw new AtomicError('LimitExceeded', `${path} has more than ${maxKeyFiles} files`);
    return entries.map(({ name }) => `${path}/${name}`);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

function tryOpen(path: string): number | undefined {
  try {
    return sys.openat(flags.AT_FDCWD, path, flags.O_RDONLY, 0);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
