import process from 'node:process';
import { Dir } from '../platform/index.ts';

/** A directory of our own; gone when disposed. */
export interface SocketDir extends AsyncDisposable {
  readonly path: string;
}

// The kernel takes 107 bytes; our longest name in the directory takes about 60 of them.
const maxParentBytes = 40;

/** Makes a directory only we can enter, with a name nobody can foresee, short enough for sockets in it. */
export function makeSocketDir(): SocketDir {
  const candidates = [process.env['XDG_RUNTIME_DIR'], process.env['TMPDIR']];
  const parent = candidates.find((path) => path?.startsWith('/') === true && path.length <= maxParentBytes) ?? '/tmp';
  const name = `atomic-${crypto.randomUUID().slice(0, 13)}`;
  using dir = Dir.open(parent);
  // Fails if somebody was quicker, who could only have guessed.
  dir.makeDir(name, 0o700);
  return {
    path: `${parent.replace(/\/+$/, '')}/${name}`,
    [Symbol.asyncDispose]: async () => {
      using again = Dir.open(parent);
      await again.removeTree(name);
    },
  };
}
