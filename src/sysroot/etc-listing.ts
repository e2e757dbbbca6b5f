import { AtomicError, checksumFromBytes, throwIfCancelled, type Job } from '../base/index.ts';
import { systemCode } from '../boot/index.ts';
import { hashFiles, type Dir, type Stat } from '../platform/index.ts';
import type { EtcEntry, EtcListing } from './plan-etc-merge.ts';

/** An /etc of a million entries is a mistake; a limit keeps it from filling memory. */
const maxEntries = 1_000_000;

/** Deeper than any path name of the kernel can be used. */
const maxDepth = 256;

/** How often a listing is begun again because a file vanished under it. */
const maxAttempts = 5;

/** A listing under construction, and where its files lie. */
interface Draft {
  readonly path: string;
  readonly entries: Map<string, EtcEntry>;
}

/**
 * Reads several /etc directories so that equal `content` means equal content among them: a file's size, and its checksum
 * where another listing has a file of the same size under the same path.
 */
export async function readEtcListings(directories: readonly Dir[], job: Job): Promise<readonly EtcListing[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await readOnce(directories, job);
    } catch (error) {
      // A live /etc: what was listed may be gone when it is read. Its next listing does not have it.
      if (attempt >= maxAttempts || systemCode(error) !== 'ENOENT') throw error;
    }
  }
}

async function readOnce(directories: readonly Dir[], job: Job): Promise<readonly EtcListing[]> {
  const drafts: Draft[] = [];
  for (const dir of directories) {
    const entries = new Map<string, EtcEntry>();
    await walk(dir, '', { entries, depth: 0 }, job);
    drafts.push({ path: dir.path, entries });
  }
  await hashDoubtful(drafts, job);
  return drafts.map(({ entries }) => entries);
}

interface Walk {
  readonly entries: Map<string, EtcEntry>;
  readonly depth: number;
}

async function walk(dir: Dir, prefix: string, into: Walk, job: Job): Promise<void> {
  throwIfCancelled(job);
  if (into.depth > maxDepth) throw new AtomicError('LimitExceeded', `Directories nest too deep in ${dir.path}`);
  // One directory at a time, so that the process stays responsive.
  await new Promise((resolve) => setImmediate(resolve));
  for (const { name } of dir.list()) {
    const stat = dir.stat(name);
    // Vanished since the directory was read: /etc is a live directory.
    if (stat === undefined) continue;
    if (into.entries.size >= maxEntries)
      throw new AtomicError('LimitExceeded', `More than ${maxEntries} entries in ${dir.path}`);
    into.entries.set(prefix + name, describe(dir, name, stat));
    if (!stat.isDirectory()) continue;
    using below = dir.tryOpenDir(name);
    if (below !== undefined) await walk(below, `${prefix}${name}/`, { ...into, depth: into.depth + 1 }, job);
  }
}

function describe(dir: Dir, name: string, stat: Stat): EtcEntry {
  const { uid, gid } = stat;
  const mode = stat.mode & 0o7777;
  if (stat.isFile()) return { kind: 'file', mode, uid, gid, content: String(stat.size) };
  if (stat.isDirectory()) return { kind: 'directory', mode, uid, gid, content: '' };
  if (stat.isSymlink()) return { kind: 'symlink', mode, uid, gid, content: dir.readlink(name) ?? '' };
  return { kind: 'other', mode, uid, gid, content: '' };
}

async function hashDoubtful(drafts: readonly Draft[], job: Job): Promise<void> {
  const doubtful: { draft: Draft; path: string; entry: EtcEntry }[] = [];
  for (const path of new Set(drafts.flatMap(({ entries }) => [...entries.keys()]))) {
    const files = drafts.flatMap((draft) => {
      const entry = draft.entries.get(path);
      return entry?.kind === 'file' ? [{ draft, path, entry }] : [];
    });
    doubtful.push(...files.filter((a) => files.some((b) => a !== b && a.entry.content === b.entry.content)));
  }
  const paths = doubtful.map(({ draft, path }) => `${draft.path}/${path}`);
  const checksums = await hashFiles(paths, { signal: job.signal });
  doubtful.forEach(({ draft, path, entry }, index) => {
    const checksum = checksumFromBytes(checksums.subarray(index * 32, index * 32 + 32));
    draft.entries.set(path, { ...entry, content: `${entry.content}:${checksum}` });
  });
}
