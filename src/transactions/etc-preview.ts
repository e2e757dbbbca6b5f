import { AtomicError, type Checksum, isAtomicError, type Job } from '../base/index.ts';
import { createBreather, findEntry, lsTree, type Repo } from '../repo/index.ts';
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

/** A few small objects of a hostile commit can describe a tree without end; real defaults are some thousand files. */
const maxDefaults = 1_000_000;

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
  const defaults = await listDefaults(sysroot.repo, sides.checksum, job);
  try {
    planEtcMerge(before, now, defaults);
    return [];
  } catch (error) {
    if (!isAtomicError(error, 'EtcConflict')) throw error;
    return [String(error.facts['path'] ?? error.message)];
  }
}

/** What a commit has below usr/etc, by kind; a conflict depends on nothing else. */
async function listDefaults(repo: Repo, commit: Checksum, job: Job): Promise<EtcListing> {
  if (findEntry(repo, commit, defaultsPath)?.kind !== 'directory') return new Map();
  const breathe = createBreather(job);
  const entries = new Map<string, EtcEntry>();
  for (const { path, kind } of lsTree(repo, commit, { path: defaultsPath, recursive: true })) {
    await breathe();
    if (path === defaultsPath) continue;
    if (entries.size >= maxDefaults) {
      throw new AtomicError(
        'LimitExceeded',
        `Commit ${commit} has more than ${maxDefaults} entries in ${defaultsPath}`,
        {
          facts: { commit },
          hint: 'No system has so many; tell who made the commit.',
        },
      );
    }
    entries.set(path.slice(defaultsPath.length + 1), { kind, mode: 0, uid: 0, gid: 0, content: '' });
  }
  return entries;
}
