import { createHash } from 'node:crypto';
import { isAtomicError, type Checksum } from '../base/index.ts';
import {
  decodeCommit,
  decodeDirMeta,
  decodeDirTree,
  decodeVariant,
  maxMetadataObjectBytes,
  objectPath,
  type Commit,
  type DirMeta,
  type DirTree,
  type ObjectType,
  type VariantDict,
} from '../format/index.ts';
import { sys } from '../platform/index.ts';
import { corruptObject, missingObject } from './errors.ts';
import type { Repo } from './repo.ts';

/** The object types whose bytes are a GVariant named by its own checksum. */
export type MetadataType = 'dirtree' | 'dirmeta' | 'commit';

/** SHA-256 of metadata bytes, by the fast implementation. */
export function metadataChecksum(bytes: Uint8Array): Checksum {
  return createHash('sha256').update(bytes).digest('hex') as Checksum;
}

/** Where a repo keeps an object, relative to its `objects` directory. */
export function objectPathIn(repo: Repo, checksum: Checksum, type: ObjectType): string {
  return objectPath(checksum, type, repo.mode === 'archive');
}

/** True if the object is in the repo or in one of its parent repos. Does not look into it. */
export function hasObject(repo: Repo, type: ObjectType, checksum: Checksum): boolean {
  return findObject(repo, type, checksum) !== undefined;
}

/** The repo of the chain of `core.parent` repos that holds the object, and the object's path in it. */
export function findObject(
  repo: Repo,
  type: ObjectType,
  checksum: Checksum,
): { readonly repo: Repo; readonly path: string } | undefined {
  for (let holder: Repo | undefined = repo; holder !== undefined; holder = holder.parent) {
    const path = objectPathIn(holder, checksum, type);
    if (sys.exists(holder.objects.fd, path)) return { repo: holder, path };
  }
  return undefined;
}

/**
 * The bytes of a commit, dirtree or dirmeta object, proven to have that checksum; undefined if the repo lacks it. Throws
 * `CorruptObject` when the bytes have another checksum. At most 128 MiB.
 */
export function tryLoadMetadata(repo: Repo, type: MetadataType, checksum: Checksum): Uint8Array | undefined {
  for (let holder: Repo | undefined = repo; holder !== undefined; holder = holder.parent) {
    const bytes = holder.objects.readFile(objectPathIn(holder, checksum, type), maxMetadataObjectBytes);
    if (bytes === undefined) continue;
    const actual = metadataChecksum(bytes);
    if (actual !== checksum) throw corruptObject(holder, { type, checksum }, `its checksum is ${actual}`);
    return bytes;
  }
  return undefined;
}

/** Like {@link tryLoadMetadata}, but `MissingObject` when the repo lacks it. */
export function loadMetadata(repo: Repo, type: MetadataType, checksum: Checksum): Uint8Array {
  const bytes = tryLoadMetadata(repo, type, checksum);
  if (bytes === undefined) throw missingObject(repo, { type, checksum });
  return bytes;
}

/** The commit of that checksum, checked; undefined if the repo lacks it, `CorruptObject` if it is damaged. */
export function tryLoadCommit(repo: Repo, checksum: Checksum): Commit | undefined {
  const bytes = tryLoadMetadata(repo, 'commit', checksum);
  return bytes === undefined ? undefined : decoded(repo, { type: 'commit', checksum }, () => decodeCommit(bytes));
}

/** The commit of that checksum, checked. Throws `MissingObject` and `CorruptObject`. */
export function loadCommit(repo: Repo, checksum: Checksum): Commit {
  const commit = tryLoadCommit(repo, checksum);
  if (commit === undefined) throw missingObject(repo, { type: 'commit', checksum });
  return commit;
}

/** The dirtree of that checksum, checked. Throws `MissingObject` and `CorruptObject`. */
export function loadDirTree(repo: Repo, checksum: Checksum): DirTree {
  const bytes = loadMetadata(repo, 'dirtree', checksum);
  return decoded(repo, { type: 'dirtree', checksum }, () => decodeDirTree(bytes));
}

/** The dirmeta of that checksum, checked. Throws `MissingObject` and `CorruptObject`. */
export function loadDirMeta(repo: Repo, checksum: Checksum): DirMeta {
  const bytes = loadMetadata(repo, 'dirmeta', checksum);
  return decoded(repo, { type: 'dirmeta', checksum }, () => decodeDirMeta(bytes));
}

/** The detached metadata of a commit (signatures live there); undefined if there is none. Nothing vouches for its bytes. */
export function loadCommitMeta(repo: Repo, checksum: Checksum): VariantDict | undefined {
  const bytes = loadCommitMetaBytes(repo, checksum);
  if (bytes === undefined) return undefined;
  return decoded(repo, { type: 'commitmeta', checksum }, () => decodeVariant('a{sv}', bytes) as unknown as VariantDict);
}

/** The bytes of the detached metadata of a commit; undefined if there is none. At most 128 MiB. */
export function loadCommitMetaBytes(repo: Repo, checksum: Checksum): Uint8Array | undefined {
  const found = findObject(repo, 'commitmeta', checksum);
  return found === undefined ? undefined : found.repo.objects.readFile(found.path, maxMetadataObjectBytes);
}

function decoded<T>(repo: Repo, object: { type: ObjectType; checksum: Checksum }, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!isAtomicError(error)) throw error;
    throw corruptObject(repo, object, error.message);
  }
}
