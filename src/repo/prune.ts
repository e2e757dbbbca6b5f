import type { Checksum, Job } from '../base/index.ts';
import { encodeVariant, type ObjectType } from '../format/index.ts';
import { listObjects, syncFilesystem, unlinkMany } from '../platform/index.ts';
import { createBreather } from './breather.ts';
import { listDeltas } from './deltas.ts';
import { lockRepo } from './lock.ts';
import { objectPathIn } from './objects.ts';
import { isPartial, listPartial, unmarkPartial } from './partial.ts';
import { listMirrorRefs, listRefs, removeStaleRefFiles } from './refs.ts';
import type { Repo } from './repo.ts';
import { cleanTmp, listStagings, tmpExpiryNs } from './tmp.ts';
import { Traversal } from './traverse.ts';

/** What a prune keeps. */
export interface PruneOptions {
  /** Keeps only what refs and `extraRoots` reach; otherwise every commit that is present is kept with its tree. */
  readonly refsOnly: boolean;
  /** How many parents of each kept commit are kept too: 0 none, -1 (the default) all. */
  readonly depth?: number;
  /** Commits to keep besides. */
  readonly extraRoots?: readonly Checksum[];
  /** Counts, and removes nothing. */
  readonly dryRun?: boolean;
}

/** What a prune found and removed (or would have). */
export interface PruneResult {
  /** Commits, dirtrees, dirmetas and files in the repo before. */
  readonly totalObjects: number;
  readonly prunedObjects: number;
  readonly freedBytes: number;
}

/**
 * Removes the objects that nothing kept reaches, with the exclusive repo lock (`RepoLocked` if it stays busy). A commit
 * takes its detached metadata and its partial mark along and leaves a tombstone if `core.tombstone-commits` says so; static
 * deltas to removed commits and old `tmp` entries go too, and what killed writers left. Commits are gone from disk before
 * their trees, so a crash leaves only garbage. A missing tree of a commit that is not partial stops it before anything is removed (`MissingObject`).
 * OSTree repository format: prune.
 */
export async function pruneRepo(repo: Repo, options: PruneOptions, job: Job): Promise<PruneResult> {
  using _lock = await lockRepo(repo, 'exclusive', job);
  job.report({ kind: 'phase', text: 'Finding reachable objects' });
  const present = await listLooseObjects(repo);
  const { reachable } = await walkRoots(repo, { ...options, present }, job);
  const garbage = present.filter(({ type, checksum }) => !reachable.has(type, checksum));
  const freedBytes = await sizeOf(repo, garbage, job);
  if (options.dryRun !== true) await removeObjects(repo, garbage, job);
  return { totalObjects: present.length, prunedObjects: garbage.length, freedBytes };
}

interface LooseObject {
  readonly type: ObjectType;
  readonly checksum: Checksum;
}

const prunableTypes: ReadonlySet<ObjectType> = new Set(['commit', 'dirtree', 'dirmeta', 'file']);

async function listLooseObjects(repo: Repo): Promise<LooseObject[]> {
  const objects = await listObjects(repo.objects);
  return [...objects].filter(({ type }) => prunableTypes.has(type));
}

async function walkRoots(
  repo: Repo,
  options: PruneOptions & { readonly present: readonly LooseObject[] },
  job: Job,
): Promise<Traversal> {
  const traversal = new Traversal(repo, { depth: options.depth ?? -1 }, job);
  const roots = [
    ...listRefs(repo).values(),
    ...listMirrorRefs(repo).map(({ checksum }) => checksum),
    ...(options.extraRoots ?? []),
    ...(options.refsOnly ? [] : commitsOf(options.present)),
  ];
  for (const root of roots) await traversal.addCommit(root);
  return traversal;
}

function commitsOf(objects: readonly LooseObject[]): Checksum[] {
  return objects.flatMap(({ type, checksum }) => (type === 'commit' ? [checksum] : []));
}

async function sizeOf(repo: Repo, objects: readonly LooseObject[], job: Job): Promise<number> {
  const breathe = createBreather(job);
  let total = 0;
  for (const { checksum, type } of objects) {
    total += repo.objects.stat(objectPathIn(repo, checksum, type))?.size ?? 0;
    await breathe();
  }
  return total;
}

async function removeObjects(repo: Repo, garbage: readonly LooseObject[], job: Job): Promise<void> {
  job.report({ kind: 'phase', text: 'Removing unreachable objects' });
  const commits = commitsOf(garbage);
  for (const checksum of commits) unlinkCommit(repo, checksum);
  // A commit that came back after a power cut without its tree or its mark would count as complete.
  if (commits.length > 0 && repo.settings.fsync) await syncFilesystem(repo.dir);
  for (const checksum of commits) unmarkPartial(repo, checksum);
  const paths = garbage.flatMap(({ checksum, type }) =>
    type === 'commit' ? [] : [objectPathIn(repo, checksum, type)],
  );
  await unlinkMany(repo.objects, paths, {
    signal: job.signal,
    onProgress: (done) => job.report({ kind: 'count', done, total: paths.length, unit: 'objects' }),
  });
  removeDanglingPayloadLinks(repo, await listObjects(repo.objects));
  await removeOldDeltas(repo);
  await cleanTmp(repo);
  removeStaleMarks(repo);
  removeStaleRefFiles(repo, tmpExpiryNs(repo));
}

/**
 * Removes a commit object with its detached metadata and its partial mark; leaves a tombstone if the repo keeps them. Its
 * tree stays for the next prune. The mark goes when the removal is on disk.
 */
export async function removeCommit(repo: Repo, checksum: Checksum): Promise<void> {
  unlinkCommit(repo, checksum);
  if (!isPartial(repo, checksum)) return;
  if (repo.settings.fsync) await syncFilesystem(repo.dir);
  unmarkPartial(repo, checksum);
}

function unlinkCommit(repo: Repo, checksum: Checksum): void {
  if (repo.settings.tombstoneCommits) {
    repo.objects.writeFile(objectPathIn(repo, checksum, 'tombstone-commit'), encodeVariant('a{sv}', new Map()), 0o644);
  }
  repo.objects.unlink(objectPathIn(repo, checksum, 'commitmeta'));
  repo.objects.unlink(objectPathIn(repo, checksum, 'commit'));
}

/** Marks of commits that are neither here nor in a staging, which the next pull may publish: left by whoever was killed. */
function removeStaleMarks(repo: Repo): void {
  const stagings = listStagings(repo);
  for (const checksum of listPartial(repo)) {
    const path = objectPathIn(repo, checksum, 'commit');
    if (repo.objects.exists(path) || stagings.some((staging) => repo.dir.exists(`${staging}/${path}`))) continue;
    unmarkPartial(repo, checksum);
  }
}

/** A payload link points at the file object that holds its content; without that file it is of no use. */
function removeDanglingPayloadLinks(repo: Repo, objects: Iterable<LooseObject>): void {
  for (const { type, checksum } of objects) {
    if (type !== 'payload-link') continue;
    const path = objectPathIn(repo, checksum, type);
    const target = /([0-9a-f]{2}\/[0-9a-f]{62}\.file)$/.exec(repo.objects.readlink(path) ?? '')?.[1];
    if (target === undefined || !repo.objects.exists(target)) repo.objects.unlink(path);
  }
}

async function removeOldDeltas(repo: Repo): Promise<void> {
  for (const { to, path } of listDeltas(repo)) {
    if (!repo.objects.exists(objectPathIn(repo, to, 'commit'))) await repo.dir.removeTree(path);
  }
}
