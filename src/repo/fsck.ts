import { isAtomicError, messageOf, type Checksum, type Job, type JobEvent } from '../base/index.ts';
import type { ObjectType } from '../format/index.ts';
import { listObjects, syncFilesystem, verifyObjects } from '../platform/index.ts';
import { createBreather } from './breather.ts';
import { loadDirMeta, objectPathIn, tryLoadCommit } from './objects.ts';
import { ObjectSet } from './object-set.ts';
import { isPartial, markPartial, partialReason } from './partial.ts';
import { listMirrorRefs, listRefFiles, readRef } from './refs.ts';
import type { Repo } from './repo.ts';
import { Traversal, type BrokenObject } from './traverse.ts';

/** How a check goes. */
export interface FsckOptions {
  /** Removes corrupt objects and marks the commits that need them, or need missing ones, as partial. */
  readonly deleteCorrupt?: boolean;
  /** No progress. */
  readonly quiet?: boolean;
}

/** An object that is there and wrong. */
export interface CorruptObjectReport {
  readonly type: ObjectType;
  readonly checksum: Checksum;
  readonly reason: string;
}

/** An object that a complete commit needs and the repo lacks. */
export interface MissingObjectReport {
  readonly type: ObjectType;
  readonly checksum: Checksum;
}

/** A ref that names no commit, or whose file is damaged. */
export interface BrokenRefReport {
  readonly refspec: string;
  readonly reason: string;
  /** The commit it names and that is not there. */
  readonly missingCommit?: Checksum;
}

/** What a check found. The repo is sound when `corrupt`, `missing`, `brokenRefs` and `damaged` are empty. */
export interface FsckReport {
  /** Commit objects present, partial ones included. */
  readonly commits: number;
  /** Objects looked into. */
  readonly objects: number;
  readonly corrupt: readonly CorruptObjectReport[];
  readonly missing: readonly MissingObjectReport[];
  readonly brokenRefs: readonly BrokenRefReport[];
  /** Commits marked as not complete before the check; their trees were not judged. */
  readonly partial: readonly Checksum[];
  /** Those of `partial` that an earlier check has marked because of damage: pull them again. */
  readonly damaged: readonly Checksum[];
  /** Complete commits that need something corrupt or missing. */
  readonly affected: readonly Checksum[];
  /** Commits that `deleteCorrupt` has marked. */
  readonly newlyPartial: readonly Checksum[];
}

type Report = (event: JobEvent) => void;

/** File objects hashed by one native call: enough for all cores, few enough to report progress and stop in time. */
const verifyBatch = 4096;

/**
 * Looks into every object that a complete commit of the repo needs: commits and directories are decoded and hashed, files
 * hashed with their metadata. Damage is reported, not thrown. Takes no lock and changes nothing unless `deleteCorrupt`.
 * OSTree repository format: fsck.
 */
export async function fsckRepo(repo: Repo, options: FsckOptions, job: Job): Promise<FsckReport> {
  const report: Report = options.quiet === true ? () => undefined : (event) => job.report(event);
  const findings = new Findings();
  report({ kind: 'phase', text: 'Checking refs' });
  const brokenRefs = checkRefs(repo);
  report({ kind: 'phase', text: 'Checking commits' });
  const { commits, partial } = await listCommits(repo);
  const traversal = new Traversal(repo, { depth: 0, onBroken: (object) => findings.addBroken(object) }, job);
  for (const commit of commits) {
    if (!partial.includes(commit)) await traversal.addCommit(commit);
    else checkCommit(repo, commit, findings);
  }
  const { reachable } = traversal;
  await checkDirMetas(repo, { reachable, findings }, job);
  report({ kind: 'phase', text: 'Checking content' });
  await checkFiles(repo, { reachable, findings, report }, job);
  const { corrupt, missing } = findings;
  const damaged = partial.filter((commit) => partialReason(repo, commit) === 'fsck');
  const affected = await commitsReaching(repo, { commits, partial, wanted: findings.all }, job);
  const newlyPartial = options.deleteCorrupt === true ? await quarantine(repo, affected, findings) : [];
  const objects = reachable.size + partial.length;
  return { commits: commits.length, objects, corrupt, missing, brokenRefs, partial, damaged, affected, newlyPartial };
}

/** Damaged and missing objects, each once. */
class Findings {
  readonly corrupt: CorruptObjectReport[] = [];
  readonly missing: MissingObjectReport[] = [];
  readonly all = new ObjectSet();

  addBroken({ type, checksum, error }: BrokenObject): void {
    if (isAtomicError(error, 'MissingObject')) this.addMissing(type, checksum);
    else this.addCorrupt({ type, checksum, reason: messageOf(error) });
  }

  addCorrupt(object: CorruptObjectReport): void {
    if (this.all.add(object.type, object.checksum)) this.corrupt.push(object);
  }

  addMissing(type: ObjectType, checksum: Checksum): void {
    if (this.all.add(type, checksum)) this.missing.push({ type, checksum });
  }
}

function checkRefs(repo: Repo): BrokenRefReport[] {
  const broken: BrokenRefReport[] = [];
  const judge = (refspec: string, read: () => Checksum | undefined): void => {
    try {
      const checksum = read();
      if (checksum === undefined) broken.push({ refspec, reason: 'it is an alias that leads nowhere' });
      else if (!hasCommit(repo, checksum)) {
        broken.push({ refspec, reason: `its commit ${checksum} is missing`, missingCommit: checksum });
      }
    } catch (error) {
      if (!isAtomicError(error)) throw error;
      broken.push({ refspec, reason: error.message });
    }
  };
  for (const [refspec] of listRefFiles(repo)) judge(refspec, () => readRef(repo, refspec));
  for (const { collection, ref, checksum } of listMirrorRefs(repo)) judge(`(${collection}, ${ref})`, () => checksum);
  return broken;
}

/** A corrupt commit is there; that it is corrupt is reported once, as an object. */
function hasCommit(repo: Repo, checksum: Checksum): boolean {
  try {
    return tryLoadCommit(repo, checksum) !== undefined;
  } catch (error) {
    if (isAtomicError(error, 'CorruptObject')) return true;
    throw error;
  }
}

async function listCommits(repo: Repo): Promise<{ commits: readonly Checksum[]; partial: readonly Checksum[] }> {
  const objects = await listObjects(repo.objects);
  const commits = [...objects].flatMap(({ type, checksum }) => (type === 'commit' ? [checksum] : []));
  return { commits, partial: commits.filter((checksum) => isPartial(repo, checksum)) };
}

/** The commit object of a partial commit is whole even though its tree is not. */
function checkCommit(repo: Repo, checksum: Checksum, findings: Findings): void {
  try {
    tryLoadCommit(repo, checksum);
  } catch (error) {
    if (!isAtomicError(error)) throw error;
    findings.addBroken({ type: 'commit', checksum, error });
  }
}

async function checkDirMetas(
  repo: Repo,
  { reachable, findings }: { reachable: ObjectSet; findings: Findings },
  job: Job,
): Promise<void> {
  const breathe = createBreather(job);
  for (const checksum of reachable.checksums('dirmeta')) {
    try {
      loadDirMeta(repo, checksum);
    } catch (error) {
      if (!isAtomicError(error)) throw error;
      findings.addBroken({ type: 'dirmeta', checksum, error });
    }
    await breathe();
  }
}

async function checkFiles(
  repo: Repo,
  { reachable, findings, report }: { reachable: ObjectSet; findings: Findings; report: Report },
  job: Job,
): Promise<void> {
  const checksums = [...reachable.checksums('file')].sort();
  for (let start = 0; start < checksums.length; start += verifyBatch) {
    const batch = checksums.slice(start, start + verifyBatch);
    await verifyBatchIn(repo, { batch, findings }, job);
    report({ kind: 'count', done: start + batch.length, total: checksums.length, unit: 'objects' });
  }
}

/** What the repo lacks is looked for in its parent repos. */
async function verifyBatchIn(
  repo: Repo,
  { batch, findings }: { batch: readonly Checksum[]; findings: Findings },
  job: Job,
): Promise<void> {
  const options = { objects: repo.objects, mode: repo.mode, checksums: batch };
  const verdicts = await verifyObjects(options, { signal: job.signal });
  const missing: Checksum[] = [];
  for (const [index, checksum] of batch.entries()) {
    const verdict = verdicts[index];
    if (verdict?.status === 'missing') missing.push(checksum);
    if (verdict?.status !== 'corrupt') continue;
    const reason = verdict.actual === undefined ? 'it cannot be read' : `its checksum is ${verdict.actual}`;
    findings.addCorrupt({ type: 'file', checksum, reason });
  }
  if (missing.length === 0) return;
  if (repo.parent !== undefined) await verifyBatchIn(repo.parent, { batch: missing, findings }, job);
  else for (const checksum of missing) findings.addMissing('file', checksum);
}

/** The complete commits that reach one of the wanted objects. */
async function commitsReaching(
  repo: Repo,
  { commits, partial, wanted }: { commits: readonly Checksum[]; partial: readonly Checksum[]; wanted: ObjectSet },
  job: Job,
): Promise<readonly Checksum[]> {
  const found: Checksum[] = [];
  if (wanted.size === 0) return found;
  for (const commit of commits) {
    if (!partial.includes(commit) && (await reaches(repo, { commit, wanted }, job))) found.push(commit);
  }
  return found;
}

/** Marks the commits that lack something and removes what is corrupt; returns the commits. */
async function quarantine(repo: Repo, affected: readonly Checksum[], findings: Findings): Promise<readonly Checksum[]> {
  for (const commit of affected) markPartial(repo, commit, 'fsck');
  // A power cut must not leave a commit that lost an object and counts as complete.
  if (affected.length > 0 && repo.settings.fsync) await syncFilesystem(repo.dir);
  for (const { type, checksum } of findings.corrupt) repo.objects.unlink(objectPathIn(repo, checksum, type));
  return affected;
}

async function reaches(
  repo: Repo,
  { commit, wanted }: { commit: Checksum; wanted: ObjectSet },
  job: Job,
): Promise<boolean> {
  const traversal = new Traversal(repo, { depth: 0, onBroken: () => undefined }, job);
  await traversal.addCommit(commit);
  const types: readonly ObjectType[] = ['commit', 'dirtree', 'dirmeta', 'file'];
  return types.some((type) => [...wanted.checksums(type)].some((checksum) => traversal.reachable.has(type, checksum)));
}
