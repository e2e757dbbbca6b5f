import { type Checksum, isAtomicError } from '../base/index.ts';
import type { Commit } from '../format/index.ts';
import { isPartial, listRefs, objectPathIn, readRef, type Repo, tryLoadCommit } from '../repo/index.ts';

/** More commits to compare with find hardly more in common, and each costs a look at its directories. */
const maxComparedCommits = 4;

/** True if the commit and everything below it is in the repo (or a parent repo), as far as its own marks say. */
export function isComplete(repo: Repo, checksum: Checksum): boolean {
  for (let holder: Repo | undefined = repo; holder !== undefined; holder = holder.parent) {
    if (holder.objects.exists(objectPathIn(holder, checksum, 'commit'))) return !isPartial(holder, checksum);
  }
  return false;
}

/**
 * Complete commits here that are likely to share much with `commit`: what the ref names now, the parent, then what other
 * refs name (those of deployments among them).
 */
export function commitsToCompare(repo: Repo, commit: Commit, refspec: string | undefined): readonly Commit[] {
  const current = refspec === undefined ? undefined : readRef(repo, refspec);
  const candidates = new Set([current, commit.parent, ...listRefs(repo).values()]);
  const found: Commit[] = [];
  for (const checksum of candidates) {
    if (checksum === undefined || !isComplete(repo, checksum)) continue;
    const complete = tryReadableCommit(repo, checksum);
    if (complete !== undefined) found.push(complete);
    if (found.length === maxComparedCommits) break;
  }
  return found;
}

/** The commit, undefined too when it is damaged: then there is nothing to compare with. */
function tryReadableCommit(repo: Repo, checksum: Checksum): Commit | undefined {
  try {
    return tryLoadCommit(repo, checksum);
  } catch (error) {
    if (isAtomicError(error, 'CorruptObject')) return undefined;
    throw error;
  }
}
