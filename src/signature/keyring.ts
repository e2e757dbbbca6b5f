import { AtomicError } from '../base/index.ts';
import { compareBytes } from '../format/index.ts';
import { splitKeyring } from './keyring-file.ts';
import { listFiles, readFile } from './host-files.ts';
import { maxKeyringBytes } from './limits.ts';

/** Where the keys of a remote may lie. */
export interface KeyringPlaces {
  /** Paths of the remote's own ring, `NAME.trustedkeys.gpg`; those that are absent do not count. */
  readonly rings: readonly string[];
  /** `gpgkeypath`: files, or directories of files; each must be there. */
  readonly keyPaths: readonly string[];
  /** The directory whose keys count for every remote that has none of its own. */
  readonly globalDir: string;
}

/** Where the system keeps keys that count for every remote without keys of its own. */
export const defaultGlobalKeyringDir = '/usr/share/ostree/trusted.gpg.d';

/** The keys that may sign for a remote, each as the bytes of one public key. */
export interface Keyring {
  readonly keys: readonly Uint8Array[];
  /** The files they came from, for messages. */
  readonly sources: readonly string[];
}

/**
 * Reads the keys that may sign for a remote: its own ring and `gpgkeypath`; the global directory only where it has neither.
 * Reads anew on every call. `NotFound` naming the `gpgkeypath` entry that is not there. OSTree: GPG keyrings.
 */
export function loadKeyring(places: KeyringPlaces): Keyring {
  const own = places.rings.filter((path) => readFile(path, maxKeyringBytes) !== undefined);
  const named = places.keyPaths.flatMap(filesOfKeyPath);
  const sources = own.length > 0 || places.keyPaths.length > 0 ? [...own, ...named] : globalFiles(places.globalDir);
  const keys = sources.flatMap((path) => splitKeyring(readFile(path, maxKeyringBytes) ?? new Uint8Array()));
  return { keys, sources };
}

function filesOfKeyPath(path: string): readonly string[] {
  const files = listFiles(path);
  if (files !== undefined) return files.toSorted(compareBytes);
  if (readFile(path, maxKeyringBytes) !== undefined) return [path];
  throw new AtomicError('NotFound', `gpgkeypath: (${path}): No such file or directory`, {
    facts: { path },
    hint: 'Correct gpgkeypath of the remote, or put the keys there.',
  });
}

function globalFiles(directory: string): readonly string[] {
  return (listFiles(directory) ?? []).filter((path) => /\.(gpg|asc|kbx)$/.test(path)).toSorted(compareBytes);
}
