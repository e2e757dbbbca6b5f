import { AtomicError } from '../base/index.ts';
import { Repo } from '../repo/index.ts';

/** A `POLICY` argument: a boolean in the spellings of the original. */
export function parseBoolean(text: string): boolean {
  if (/^(1|yes|true)$/i.test(text)) return true;
  if (/^(0|no|false|none)$/i.test(text)) return false;
  throw new AtomicError('InvalidArgument', `Invalid boolean argument '${text}'`);
}

/** The same open repository, asked not to sync what it writes; dispose of one of the two. */
export function withoutFsync(repo: Repo): Repo {
  const { dir, objects, config, settings, parent } = repo;
  return new Repo({ dir, objects, config, settings: { ...settings, fsync: false }, parent });
}
