import { AtomicError, isAtomicError, type Checksum, type Job } from '../base/index.ts';
import {
  compareBytes,
  encodeCommit,
  encodeDirMeta,
  encodeDirTree,
  isRefName,
  maxMetadataObjectBytes,
  variant,
  type Variant,
  type VariantDict,
} from '../format/index.ts';
import { Dir, ingestTree, systemClock, type TreeListing } from '../platform/index.ts';
import { freeSpaceBudget, noSpace } from './free-space.ts';
import { createBreather } from './breather.ts';
import { hasObject, loadCommit, loadMetadata, metadataChecksum, objectPathIn } from './objects.ts';
import { isPartial } from './partial.ts';
import { readRef } from './refs.ts';
import type { Repo } from './repo.ts';
import { beginStaging, type Staging } from './staging.ts';

/** Everything a commit says besides its tree. */
export interface CommitDescription {
  /** The local ref that will name the commit; none makes an orphan. */
  readonly branch?: string;
  readonly subject?: string;
  readonly body?: string;
  /** Now unless told. */
  readonly timestampSeconds?: number;
  readonly metadata?: VariantDict;
  /** The branch's commit unless told. */
  readonly parent?: Checksum | 'none';
  /** More refs that the commit may be found under. */
  readonly bindRefs?: readonly string[];
  /** Leaves the ref and collection bindings out. */
  readonly noBindings?: boolean;
}

/** What to commit and how. */
export interface CommitDirectoryOptions extends CommitDescription {
  /** Path of the directory. */
  readonly source: string;
  /** Sets owner 0:0, drops xattrs, setuid bits and the like, as bare-user-only repos need. */
  readonly canonicalPermissions?: boolean;
  readonly owner?: { readonly uid?: number; readonly gid?: number };
  readonly skipXattrs?: boolean;
  /** Makes no commit and moves no ref when the parent's tree is the same. */
  readonly skipIfUnchanged?: boolean;
  /** Makes the detached metadata (signatures) from the bytes of the new commit; it appears together with the commit. */
  readonly detach?: (commit: Uint8Array) => Promise<Uint8Array>;
}

/** The new commit (the parent where `skipIfUnchanged` found nothing new) and what it took. */
export interface CommitResult {
  readonly checksum: Checksum;
  readonly stats: TreeListing['stats'];
}

/**
 * Commits a directory: durable on return, with the branch naming it. Files whose content the repo has are not written
 * again; an unchanged directory still gives a new commit (its timestamp differs). Throws `NoSpace` before new content that
 * would touch the reserve is written. OSTree repository format: commit from a directory.
 */
export async function commitDirectory(repo: Repo, options: CommitDirectoryOptions, job: Job): Promise<CommitResult> {
  const staging = await beginStaging(repo, job);
  try {
    job.report({ kind: 'phase', text: 'Writing files' });
    const listing = await ingest(staging, options, job);
    job.report({ kind: 'phase', text: 'Writing directories' });
    const root = await writeDirectories(staging, listing, job);
    const parent = options.skipIfUnchanged === true ? findParent(repo, options) : undefined;
    if (parent !== undefined && hasTree(repo, parent, root)) {
      await staging.abort();
      return { checksum: parent, stats: listing.stats };
    }
    const checksum = writeCommit(staging, root, options);
    if (options.detach !== undefined) {
      staging.writeCommitMeta(checksum, await options.detach(commitBytes(staging, checksum)));
    }
    await staging.publish(options.branch === undefined ? undefined : new Map([[options.branch, checksum]]));
    return { checksum, stats: listing.stats };
  } catch (error) {
    await staging.abort();
    throw error;
  }
}

/** The bytes of a commit that was just staged, or that the repo had already. */
function commitBytes({ dir, repo }: Staging, checksum: Checksum): Uint8Array {
  const staged = dir.readFile(objectPathIn(repo, checksum, 'commit'), maxMetadataObjectBytes);
  return staged ?? loadMetadata(repo, 'commit', checksum);
}

async function ingest(staging: Staging, options: CommitDirectoryOptions, job: Job): Promise<TreeListing> {
  const { repo } = staging;
  using source = Dir.open(options.source);
  const budget = freeSpaceBudget(repo);
  const request = {
    source,
    objects: repo.objects,
    staging: staging.dir,
    mode: repo.mode,
    zlibLevel: repo.settings.zlibLevel,
    canonicalPermissions: options.canonicalPermissions ?? false,
    ...(options.owner === undefined ? {} : { owner: options.owner }),
    skipXattrs: options.skipXattrs === true || repo.settings.disableXattrs,
    maxNewBytes: budget < 0n ? 0n : budget,
  };
  const onProgress = (done: number): void => job.report({ kind: 'count', done, unit: 'files' });
  try {
    return await ingestTree(request, { signal: job.signal, onProgress });
  } catch (error) {
    if (isAtomicError(error, 'NoSpace')) throw noSpace(repo, budget, `the new files of ${options.source} need more`);
    throw error;
  }
}

/** The two objects of a directory. */
export interface TreeRoot {
  readonly tree: Checksum;
  readonly meta: Checksum;
}

/** Stages the dirmeta and dirtree objects of a listing, children first, and returns those of the root. */
async function writeDirectories(staging: Staging, { directories }: TreeListing, job: Job): Promise<TreeRoot> {
  const breathe = createBreather(job);
  const done: TreeRoot[] = [];
  // Parents stand before their children, so walking backwards finds every child done.
  for (let index = directories.length - 1; index >= 0; index -= 1) {
    const { uid, gid, mode, xattrs, files, directories: children } = at(directories, index);
    const tree = encodeDirTree({
      files,
      directories: children.map((child) => ({ name: child.name, ...at(done, child.index) })),
    });
    done[index] = {
      tree: staging.writeMetadata('dirtree', tree),
      meta: staging.writeMetadata('dirmeta', encodeDirMeta({ uid, gid, mode, xattrs })),
    };
    await breathe();
  }
  return at(done, 0);
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new AtomicError('Failed', `The listing of the tree lacks directory ${index}`);
  return item;
}

/**
 * Stages a commit object for a tree whose objects exist or are staged, and returns its checksum. The parent is the branch's
 * commit unless told, and the bindings are those the real tool writes: the branch and `bindRefs`, sorted, then the repo's
 * collection id.
 */
export function writeCommit(staging: Staging, root: TreeRoot, description: CommitDescription): Checksum {
  const { repo } = staging;
  const { branch } = description;
  if (branch !== undefined && !isRefName(branch)) {
    throw new AtomicError(
      'InvalidRefspec',
      `Cannot commit to ${JSON.stringify(branch)}: it is not the name of a local ref`,
      {
        facts: { ref: branch },
        hint: 'Use letters, digits, dots, dashes and underscores, in parts divided by slashes.',
      },
    );
  }
  const bytes = encodeCommit({
    metadata: commitMetadata(repo, description),
    parent: findParent(repo, description),
    subject: description.subject ?? '',
    body: description.body ?? '',
    timestampSeconds: description.timestampSeconds ?? Math.floor(systemClock.now().getTime() / 1000),
    rootTree: root.tree,
    rootMeta: root.meta,
  });
  // Until all of its tree is in place: a publish cut short may have brought the commit before what it names.
  const checksum = metadataChecksum(bytes);
  if (!hasObject(repo, 'commit', checksum) || isPartial(repo, checksum)) staging.markPartial(checksum);
  return staging.writeMetadata('commit', bytes);
}

/** The branch's commit unless told. */
function findParent(repo: Repo, { branch, parent }: CommitDescription): Checksum | undefined {
  if (parent !== undefined) return parent === 'none' ? undefined : parent;
  return branch === undefined ? undefined : readRef(repo, branch);
}

function hasTree(repo: Repo, commit: Checksum, { tree, meta }: TreeRoot): boolean {
  const { rootTree, rootMeta } = loadCommit(repo, commit);
  return rootTree === tree && rootMeta === meta;
}

function commitMetadata(repo: Repo, { branch, bindRefs, noBindings, metadata }: CommitDescription): VariantDict {
  const all = new Map<string, Variant>(metadata ?? []);
  if (noBindings === true) return all;
  const refs = [...(branch === undefined ? [] : [branch]), ...(bindRefs ?? [])];
  all.set('ostree.ref-binding', variant('as', refs.sort(compareBytes)));
  const { collectionId } = repo.settings;
  if (collectionId !== undefined && !all.has('ostree.collection-binding')) {
    all.set('ostree.collection-binding', variant('s', collectionId));
  }
  return all;
}
