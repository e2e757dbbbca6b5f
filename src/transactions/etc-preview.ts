import { type Checksum, isAtomicError, type Job } from '../base/index.ts';
import { findEntry, lsTree, type Repo } from '../repo/index.ts';
import {
  type Deployment,
  type EtcEntry,
  type EtcListing,
  planEtcMerge,
  readEtcListings,
  type Sysroot,
} from '../sysroot/index.ts';

/** Where a tree keeps its default configuration. */
const defaultsPath = '/usr/etc';

/**
 * The path below /etc where the local changes of `merge` and the defaults of a commit cannot be merged, found before the
 * commit is checked out; empty when they can. The commit has to be in the repo with its whole tree. Changes nothing.
 */
export async function findEtcConflicts(
  sysroot: Sysroot,
  sides: { readonly merge: Deployment | undefined; readonly checksum: Checksum },
  job: Job,
): Promise<readonly string[]> {
  const { merge } = sides;
  if (merge === undefined) return [];
  using old = sysroot.dir.tryOpenDir(`${merge.path}${defaultsPath}`);
  using current = sysroot.dir.tryOpenDir(`${merge.path}/etc`);
  if (old === undefined || current === undefined) return [];
  const [before = new Map(), now = new Map()] = await readEtcListings([old, current], job);
  try {
    planEtcMerge(before, now, listDefaults(sysroot.repo, sides.checksum));
    return [];
  } catch (error) {
    if (!isAtomicError(error, 'EtcConflict')) throw error;
    return [String(error.facts['path'] ?? error.message)];
  }
}

/** What a commit has below usr/etc, by kind; a conflict depends on nothing else. */
function listDefaults(repo: Repo, commit: Checksum): EtcListing {
  if (findEntry(repo, commit, defaultsPath)?.kind !== 'directory') return new Map();
  const entries = new Map<string, EtcEntry>();
  for (const { path, kind } of lsTree(repo, commit, { path: defaultsPath, recursive: true })) {
    if (path === defaultsPath) continue;
    entries.set(path.slice(defaultsPath.length + 1), { kind, mode: 0, uid: 0, gid: 0, content: '' });
  }
  return entries;
}
