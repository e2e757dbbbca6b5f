import { AtomicError, type Checksum } from '../base/index.ts';
import { objectPath, type ObjectType } from '../format/index.ts';
import type { Repo } from './repo.ts';

/** The refusal to use an object whose bytes are not those its name promises. Names checksum and path. */
export function corruptObject(
  repo: Repo,
  object: { type: ObjectType; checksum: Checksum },
  reason: string,
): AtomicError {
  const path = `${repo.path}/objects/${objectPath(object.checksum, object.type, repo.mode === 'archive')}`;
  return new AtomicError('CorruptObject', `Corrupted ${object.type} object ${object.checksum} (${path}): ${reason}`, {
    facts: { checksum: object.checksum, type: object.type, path },
    hint: `Run \`ostree fsck --repo=${repo.path} --delete\`, then pull the commit again.`,
  });
}

/** The refusal to go on without an object that something else refers to. */
export function missingObject(repo: Repo, object: { type: ObjectType; checksum: Checksum }): AtomicError {
  return new AtomicError('MissingObject', `No such ${object.type} object ${object.checksum} in repo ${repo.path}`, {
    facts: { checksum: object.checksum, type: object.type, path: repo.path },
    hint:
      object.type === 'commit'
        ? 'Pull the commit first, or name another one.'
        : `Run \`ostree fsck --repo=${repo.path}\` to see what else is missing, then pull the commit again.`,
  });
}
