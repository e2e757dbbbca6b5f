import { AtomicError, isAtomicError, type Checksum, type Job } from '../base/index.ts';
import {
  compareBytes,
  encodeCommit,
  isRefName,
  maxMetadataObjectBytes,
  parseRefspec,
  variant,
  type Variant,
  type VariantDict,
} from '../format/index.ts';
import { Dir, ingestTree, removeTrees, systemClock, type TreeListing } from '../platform/index.ts';
import { freeSpaceBudget, noSpace } from './free-space.ts';
import {
  hasPath,
  kernelRelease,
  layOver,
  treeOfCommit,
  treeOfListing,
  writeTree,
  type LayeredTree,
  type TreeRoot,
} from './commit-layers.ts';
import { hasObject, loadCommit, loadMetadata, metadataChecksum, objectPathIn } from './objects.ts';
import { isPartial } from './partial.ts';
import { readRef } from './refs.ts';
import type { Repo } from './repo.ts';
import { beginStaging, type Staging } from './staging.ts';

/** Everything a commit says besides its tree. */
export interface CommitDescription {
  /** The ref (of a remote too) that will name the commit; none makes an orphan. */
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

/** A tree to commit, or one of several that are laid over each other: a directory, or the tree of a commit. */
export type CommitLayer =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'commit'; readonly checksum: Checksum };

/** What to commit and how. */
export interface CommitDirectoryOptions extends CommitDescription {
  /** A directory's path, or layers of which each covers those before it. */
  readonly source: string | readonly CommitLayer[];
  /** Sets owner 0:0, drops xattrs, setuid bits and the like, as bare-user-only repos need. */
  readonly canonicalPermissions?: boolean;
  readonly owner?: { readonly uid?: number; readonly gid?: number };
  readonly skipXattrs?: boolean;
  /** Paths from the root of the directories (`/usr/share/doc`) that are left out with all below them. */
  readonly skipPaths?: ReadonlySet<string>;
  /** New permission bits by path: those of `set` instead of, those of `add` besides what the file has. */
  readonly modes?: ReadonlyMap<string, ModeOverride>;
  /** Adds `ostree.bootable` and `ostree.linux` for the kernel in the tree; `NotFound` if there is none. */
  readonly bootable?: boolean;
  /** Removes the directories that were committed when the commit is durable. */
  readonly consume?: boolean;
  /** Makes no commit and moves no ref when the parent's tree is the same. */
  readonly skipIfUnchanged?: boolean;
  /** Makes the detached metadata (signatures) from the bytes of the new commit; it appears together with the commit. */
  readonly detach?: (commit: Uint8Array) => Promise<Uint8Array>;
}

/** What becomes of the permission bits of one file or directory. */
export type ModeOverride = { readonly set: number } | { readonly add: number };

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
    const { tree, stats } = await buildTree(staging, options, job);
    job.report({ kind: 'phase', text: 'Writing directories' });
    const root = await writeTree(staging, tree, job);
    const parent = options.skipIfUnchanged === true ? findParent(repo, options) : undefined;
    if (parent !== undefined && hasTree(repo, parent, root)) {
      await staging.abort();
      if (options.consume === true) await removeSources(options.source);
      return { checksum: parent, stats };
    }
    const checksum = writeCommit(staging, root, options.bootable === true ? withKernel(options, tree) : options);
    if (options.detach !== undefined) {
      staging.writeCommitMeta(checksum, await options.detach(commitBytes(staging, checksum)));
    }
    await staging.publish(options.branch === undefined ? undefined : new Map([[options.branch, checksum]]));
    if (options.consume === true) await removeSources(options.source);
    return { checksum, stats };
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

const noStats: TreeListing['stats'] = { files: 0, symlinks: 0, directories: 0, bytes: 0, newObjects: 0, newBytes: 0 };

/** All layers as one tree whose files are in the repo or staged. */
async function buildTree(
  staging: Staging,
  options: CommitDirectoryOptions,
  job: Job,
): Promise<{ tree: LayeredTree; stats: TreeListing['stats'] }> {
  requireUnmodified(options);
  let tree: LayeredTree | undefined;
  const totals = { ...noStats };
  for (const layer of layersOf(options.source)) {
    const above =
      layer.kind === 'commit'
        ? await treeOfCommit(staging.repo, rootOf(staging.repo, layer.checksum), job)
        : await ingestLayer(staging, { options, path: layer.path, totals }, job);
    tree = tree === undefined ? above : layOver(tree, above);
  }
  if (tree === undefined) throw new AtomicError('InvalidArgument', 'There is no tree to commit');
  for (const path of options.modes?.keys() ?? []) {
    if (!hasPath(tree, path)) throw new AtomicError('InvalidArgument', `Unmatched statoverride path: ${path}`);
  }
  return { tree, stats: totals };
}

/** What would have to change files that are objects already is refused rather than done to one layer only. */
function requireUnmodified({
  source,
  canonicalPermissions,
  owner,
  skipXattrs,
  skipPaths,
  modes,
}: CommitDirectoryOptions): void {
  if (layersOf(source).every(({ kind }) => kind === 'directory')) return;
  const changesOwner = owner?.uid !== undefined || owner?.gid !== undefined;
  const changesFiles = canonicalPermissions === true || skipXattrs === true || modes !== undefined;
  if (!changesOwner && !changesFiles && skipPaths === undefined) return;
  throw new AtomicError(
    'NotSupported',
    'Changing owners, permissions or attributes of the tree of a commit is not built yet',
    { hint: 'Check the commit out and commit the directory.' },
  );
}

function layersOf(source: string | readonly CommitLayer[]): readonly CommitLayer[] {
  return typeof source === 'string' ? [{ kind: 'directory', path: source }] : source;
}

function rootOf(repo: Repo, commit: Checksum): TreeRoot {
  const { rootTree, rootMeta } = loadCommit(repo, commit);
  return { tree: rootTree, meta: rootMeta };
}

interface IngestedLayer {
  readonly options: CommitDirectoryOptions;
  readonly path: string;
  readonly totals: { -readonly [key in keyof TreeListing['stats']]: number };
}

async function ingestLayer(staging: Staging, layer: IngestedLayer, job: Job): Promise<LayeredTree> {
  const listing = await ingest(staging, layer, job);
  for (const key of ['files', 'symlinks', 'directories', 'bytes', 'newObjects', 'newBytes'] as const) {
    layer.totals[key] += listing.stats[key];
  }
  return await treeOfListing(staging, listing, job);
}

function withKernel(options: CommitDirectoryOptions, tree: LayeredTree): CommitDirectoryOptions {
  const metadata = new Map<string, Variant>(options.metadata ?? []);
  metadata.set('ostree.linux', variant('s', kernelRelease(tree)));
  metadata.set('ostree.bootable', variant('b', true));
  return { ...options, metadata };
}

/** Removes the directories that were committed, what is below them first. */
async function removeSources(source: string | readonly CommitLayer[]): Promise<void> {
  for (const layer of layersOf(source)) {
    if (layer.kind !== 'directory') continue;
    using directory = Dir.open(layer.path);
    await removeTrees(
      directory,
      directory.list().map(({ name }) => name),
    );
    const [, above = '.', name = ''] = /^(.*\/)?([^/]+)\/*$/.exec(layer.path) ?? [];
    // What is called `.` has a name that is not ours to know, and it may be somebody's working directory.
    if (name === '' || name === '.' || name === '..') continue;
    using parent = Dir.open(above);
    await removeTrees(parent, [name]);
  }
}

const relativePath = (path: string): string => path.replace(/^\/+|\/+$/g, '');

async function ingest(staging: Staging, { options, path }: IngestedLayer, job: Job): Promise<TreeListing> {
  const { repo } = staging;
  using source = Dir.open(path);
  const budget = freeSpaceBudget(repo);
  const request = {
    source,
    objects: repo.objects,
    staging: staging.dir,
    mode: repo.mode,
    zlibLevel: repo.settings.zlibLevel,
    // There is nowhere to keep more than canonical permissions in such a repo.
    canonicalPermissions: options.canonicalPermissions === true || repo.mode === 'bare-user-only',
    ...(options.owner === undefined ? {} : { owner: options.owner }),
    skipXattrs: options.skipXattrs === true || repo.settings.disableXattrs,
    skipPaths: [...(options.skipPaths ?? [])].map(relativePath),
    modes: new Map([...(options.modes ?? [])].map(([name, mode]) => [relativePath(name), mode])),
    maxNewBytes: budget < 0n ? 0n : budget,
  };
  const onProgress = (done: number): void => job.report({ kind: 'count', done, unit: 'files' });
  try {
    return await ingestTree(request, { signal: job.signal, onProgress });
  } catch (error) {
    if (isAtomicError(error, 'NoSpace')) throw noSpace(repo, budget, `the new files of ${path} need more`);
    throw error;
  }
}

/**
 * Stages a commit object for a tree whose objects exist or are staged, and returns its checksum. The parent is the branch's
 * commit unless told, and the bindings are those the real tool writes: the branch and `bindRefs`, sorted, then the repo's
 * collection id.
 */
export function writeCommit(staging: Staging, root: TreeRoot, description: CommitDescription): Checksum {
  const { repo } = staging;
  const { branch } = description;
  if (branch !== undefined && !isRefName(parseRefspec(branch).ref)) {
    throw new AtomicError('InvalidRefspec', `Cannot commit to ${JSON.stringify(branch)}: it is not the name of a ref`, {
      facts: { ref: branch },
      hint: 'Use letters, digits, dots, dashes and underscores, in parts divided by slashes.',
    });
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
