import { AtomicError, isAtomicError, isChecksum, type Checksum, type Job } from '../base/index.ts';
import { checkoutTree, type CheckoutStats, type Dir } from '../platform/index.ts';
import { corruptObject, missingObject } from './errors.ts';
import { loadCommit, type MetadataType } from './objects.ts';
import type { Repo } from './repo.ts';
import { findEntry } from './tree.ts';

/** What to check out, and where. */
export interface CheckoutOptions {
  readonly commit: Checksum;
  readonly destination: Dir;
  /** Of the directory made in `destination`. */
  readonly name: string;
  /** A directory of the commit to check out alone; the whole commit unless told. */
  readonly subpath?: string;
  /** `link` shares the inodes of a bare repo (of bare-user with `userMode`) and copies where it cannot. */
  readonly how: 'link' | 'copy';
  /** For an unprivileged user: owners stay the caller's, setuid bits and xattrs are dropped. */
  readonly userMode?: boolean;
  /** What to do about what stands there already: an error (the default), or files replaced and directories merged. */
  readonly existing?: 'fail' | 'union';
}

/**
 * Makes the tree of a commit a directory: owners, modes, xattrs and symlinks as committed, times zero. Regular files of no
 * size are always copied, so that none collects links without end. Not durable: what makes it bootable syncs. Throws
 * `MissingObject` or `CorruptObject` naming what is damaged. OSTree repository format: checkout.
 */
export async function checkoutCommit(repo: Repo, options: CheckoutOptions, job: Job): Promise<CheckoutStats> {
  const root = treeOf(repo, options);
  const { destination, name, how, userMode, existing } = options;
  job.report({ kind: 'phase', text: 'Checking out files' });
  return await namingDamage(repo, () =>
    checkoutTree(
      {
        objects: repo.objects,
        mode: repo.mode,
        ...(repo.parent === undefined ? {} : { parentObjects: repo.parent.objects }),
        destination,
        name,
        rootTree: root.tree,
        rootMeta: root.meta,
        how,
        userMode: userMode ?? false,
        existing: existing ?? 'fail',
      },
      { signal: job.signal, onProgress: (done) => job.report({ kind: 'count', done, unit: 'files' }) },
    ),
  );
}

/** Gives damage that the addon met the path and the hint that every reader of a repo gives. */
async function namingDamage<T>(repo: Repo, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isAtomicError(error, 'CorruptObject', 'MissingObject')) throw error;
    const { type, checksum } = error.facts;
    if (typeof checksum !== 'string' || !isChecksum(checksum) || !isObjectType(type)) throw error;
    if (error.code === 'MissingObject') throw missingObject(repo, { type, checksum });
    throw corruptObject(repo, { type, checksum }, error.message);
  }
}

function isObjectType(type: unknown): type is 'file' | MetadataType {
  return type === 'file' || type === 'dirtree' || type === 'dirmeta' || type === 'commit';
}

function treeOf(repo: Repo, { commit, subpath }: CheckoutOptions): { tree: Checksum; meta: Checksum } {
  if (subpath === undefined) {
    const { rootTree, rootMeta } = loadCommit(repo, commit);
    return { tree: rootTree, meta: rootMeta };
  }
  const entry = findEntry(repo, commit, subpath);
  if (entry?.kind === 'directory') return entry;
  const reason = entry === undefined ? 'nothing of that name is in it' : 'it is a file';
  throw new AtomicError('NotFound', `Cannot check out ${subpath} of commit ${commit}: ${reason}`, {
    facts: { commit, subpath },
  });
}
