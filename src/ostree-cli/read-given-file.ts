import { AtomicError } from '../base/index.ts';
import { Dir } from '../platform/index.ts';

/** Keys and keyrings named on a command line; a larger file was named by mistake. */
const maxGivenBytes = 16 * 1024 * 1024;

/** The bytes of a file that the command line names; `NotFound` if it is not there. */
export function readGivenFile(path: string): Uint8Array {
  const at = path.lastIndexOf('/');
  using directory = Dir.open(at < 0 ? '.' : path.slice(0, at) || '/');
  const bytes = directory.readFile(path.slice(at + 1), maxGivenBytes);
  if (bytes === undefined) throw new AtomicError('NotFound', `${path}: No such file`, { facts: { path } });
  return bytes;
}
