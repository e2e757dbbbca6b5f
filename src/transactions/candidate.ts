import { AtomicError, type Checksum, type Job, throwIfCancelled } from '../base/index.ts';
import { type Commit, commitVersion } from '../format/index.ts';
import { demandsSignedCommits, pull, type RemoteConfig, resolveRemoteRef } from '../remote/index.ts';
import { loadCommit, type Repo, requireRev, tryLoadCommit } from '../repo/index.ts';

import type { Source } from './decide.ts';
import type { Revision } from './revision.ts';

/** A branch and, unless only what is local counts, the remote that has it. */
interface Branch {
  readonly source: Extract<Source, { kind: 'branch' }>;
  readonly remote: RemoteConfig | undefined;
}

/** What {@link findRevision} searches and where. */
interface RevisionSearch {
  readonly source: Source;
  readonly remote: RemoteConfig | undefined;
  readonly revision: Revision;
  readonly skipBranchCheck: boolean;
}

/** Commit objects fetched by the first look into a branch's history; each further look goes twice as deep. */
const firstDepth = 10;

/** Commits of one branch looked at: decades of hourly composes; a longer history is a server's mischief. */
const maxHistoryCommits = 200_000;

/** The commit that the branch names now: at the remote, or by the local ref when there is none. `RefNotFound` otherwise. */
export async function findBranchTip(repo: Repo, branch: Branch, job: Job): Promise<Checksum> {
  const { source, remote } = branch;
  if (remote === undefined) return requireRev(repo, source.refspec);
  const { checksum } = await resolveRemoteRef(repo, { remote, ref: source.ref }, job);
  return checksum;
}

/**
 * Makes sure that the commit object (it alone) is in the repo, and signed if the remote demands that. `MissingObject` when it
 * is not here and there is no remote.
 */
export async function ensureCommit(
  repo: Repo,
  wanted: { checksum: Checksum; remote: RemoteConfig | undefined },
  job: Job,
): Promise<Commit> {
  const { checksum, remote } = wanted;
  const here = tryLoadCommit(repo, checksum);
  // One that came some other way has not been checked for this remote, so it is asked about again: a small request.
  const isProven = remote === undefined || !demandsSignedCommits(remote);
  if (here !== undefined && isProven) return here;
  if (remote !== undefined) await pull(repo, { remote, refs: [checksum], commitMetadataOnly: true }, job);
  return loadCommit(repo, checksum);
}

/**
 * The commit a revision means on its branch. A checksum has to be an ancestor of the tip unless the check is skipped; a
 * version is searched from the tip backwards. `NotFound` naming the branch when the history ends without it.
 */
export async function findRevision(repo: Repo, search: RevisionSearch, job: Job): Promise<Checksum> {
  const { source, remote, revision, skipBranchCheck } = search;
  if (source.kind === 'pinned') return pinnedRevision(revision);
  if (revision.kind === 'checksum' && skipBranchCheck) return revision.checksum;
  job.report({ kind: 'note', text: announcement(revision) });
  const tip = await findBranchTip(repo, { source, remote }, job);
  const found = await searchHistory(repo, { tip, remote, matches: matcherOf(revision) }, job);
  if (found === undefined) throw new AtomicError('NotFound', `${nameOf(revision)} not found in ${source.refspec}`);
  return found;
}

function pinnedRevision(revision: Revision): Checksum {
  if (revision.kind === 'checksum') return revision.checksum;
  throw new AtomicError('InvalidArgument', 'Cannot look up version while pinned to commit', {
    hint: 'Name the checksum of the commit instead.',
  });
}

type Matcher = (checksum: Checksum, commit: Commit) => boolean;

function matcherOf(revision: Revision): Matcher {
  if (revision.kind === 'checksum') return (checksum) => checksum === revision.checksum;
  return (_checksum, commit) => commitVersion(commit) === revision.version;
}

/** Walks from `tip` to the first match, fetching commit objects in batches that double; `undefined` at the history's end. */
async function searchHistory(
  repo: Repo,
  search: { tip: Checksum; remote: RemoteConfig | undefined; matches: Matcher },
  job: Job,
): Promise<Checksum | undefined> {
  const fetchMore = historyFetcher(repo, search.remote, job);
  let child = search.tip;
  let checksum: Checksum | undefined = search.tip;
  for (let looked = 0; checksum !== undefined; looked += 1) {
    throwIfCancelled(job);
    if (looked > maxHistoryCommits) {
      throw new AtomicError('LimitExceeded', `The history of the branch is longer than ${maxHistoryCommits} commits`);
    }
    if (tryLoadCommit(repo, checksum) === undefined) await fetchMore(child);
    const commit = tryLoadCommit(repo, checksum);
    // A server may keep less than the whole history: where it ends, the search ends.
    if (commit === undefined) return undefined;
    if (search.matches(checksum, commit)) return checksum;
    child = checksum;
    checksum = commit.parent;
  }
  return undefined;
}

/** A function that brings the next batch of commit objects behind one that is known to exist; nothing without a remote. */
function historyFetcher(repo: Repo, remote: RemoteConfig | undefined, job: Job) {
  let depth = firstDepth;
  return async (known: Checksum): Promise<void> => {
    if (remote === undefined) return;
    await pull(repo, { remote, refs: [known], commitMetadataOnly: true, depth }, job);
    depth *= 2;
  };
}

function announcement(revision: Revision): string {
  return revision.kind === 'checksum'
    ? `Validating checksum '${revision.checksum}'`
    : `Resolving version '${revision.version}'`;
}

function nameOf(revision: Revision): string {
  return revision.kind === 'checksum' ? `Checksum ${revision.checksum}` : `Version ${revision.version}`;
}
