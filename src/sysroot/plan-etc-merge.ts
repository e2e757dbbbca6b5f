import { AtomicError } from '../base/index.ts';
import { compareBytes } from '../format/index.ts';

/** One file, directory or link below an /etc. */
export interface EtcEntry {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Target of a symlink; checksum of a file's content, or '' where nobody needs it. */
  readonly content: string;
}

/** Everything below one /etc by path relative to it; the top directory itself is not listed. */
export type EtcListing = ReadonlyMap<string, EtcEntry>;

/** What a person changed in /etc, as it will be carried into the new tree's /etc. Paths are sorted, parents first. */
export interface EtcMergePlan {
  readonly removed: readonly string[];
  readonly modified: readonly string[];
  readonly added: readonly string[];
  /** Local versions that win although the new tree's default changed too. */
  readonly kept: readonly string[];
  /** Sockets, devices and the like, which are not carried over. */
  readonly skipped: readonly string[];
  /** The copies to make, in order; `replace` first removes the new default. */
  readonly copies: readonly EtcCopy[];
}

/** A path to copy from the current /etc: a `tree` with everything below it. */
export interface EtcCopy {
  readonly path: string;
  readonly kind: 'file' | 'tree';
  readonly replace: boolean;
}

/**
 * Plans the three-way merge of /etc; pure. `old` is the default configuration of the deployment that `current` belongs to,
 * `target` the default of the new one. The local version always wins; unmodified files get the new default.
 * `EtcConflict` where the new tree makes a directory of a changed file, or a file of the directory above one.
 * OSTree sysroot format: /etc merge.
 */
export function planEtcMerge(old: EtcListing, current: EtcListing, target: EtcListing): EtcMergePlan {
  const removed = [...old.keys()].filter((path) => !current.has(path) && parentLives(path, old, current));
  const modified: string[] = [];
  const added: string[] = [];
  for (const [path, entry] of current) {
    const before = old.get(path);
    if (before === undefined) added.push(path);
    else if (!sameEntry(before, entry)) modified.push(path);
  }
  sortAll(removed, modified, added);
  const skipped = [...modified, ...added].filter((path) => current.get(path)?.kind === 'other');
  return {
    removed,
    modified,
    added,
    kept: modified.filter((path) => defaultChanged(path, old, target)),
    skipped,
    copies: planCopies([...modified, ...added], current, withoutRemoved(target, removed)),
  };
}

/** Only the topmost of removed paths is listed: what is below it goes with it. Below a changed kind nothing is removed. */
function parentLives(path: string, old: EtcListing, current: EtcListing): boolean {
  const parent = parentOf(path);
  if (parent === undefined) return true;
  return current.get(parent)?.kind === 'directory' && old.get(parent)?.kind === 'directory';
}

function sameEntry(a: EtcEntry, b: EtcEntry): boolean {
  return a.kind === b.kind && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.content === b.content;
}

function defaultChanged(path: string, old: EtcListing, target: EtcListing): boolean {
  const before = old.get(path);
  const after = target.get(path);
  return before !== undefined && before.kind !== 'directory' && (after === undefined || !sameEntry(before, after));
}

function withoutRemoved(target: EtcListing, removed: readonly string[]): EtcListing {
  const gone = new Set(removed);
  const left = new Map<string, EtcEntry>();
  for (const [path, entry] of target) if (!ancestry(path).some((above) => gone.has(above))) left.set(path, entry);
  return left;
}

function planCopies(changed: readonly string[], current: EtcListing, target: EtcListing): readonly EtcCopy[] {
  const trees = new Set<string>();
  const copies: EtcCopy[] = [];
  for (const path of changed) {
    // A path below a directory that is copied as a whole comes along with it.
    if (ancestry(path).some((above) => trees.has(above))) continue;
    const copy = planCopy(path, current, target);
    if (copy === undefined) continue;
    if (copy.kind === 'tree') trees.add(path);
    copies.push(copy);
  }
  return copies;
}

function planCopy(path: string, current: EtcListing, target: EtcListing): EtcCopy | undefined {
  const kind = current.get(path)?.kind;
  const there = target.get(path)?.kind;
  if (kind === undefined || kind === 'other') return undefined;
  requireParent(path, target);
  // Both directories: the new tree's attributes stay; what changed below is in the plan by itself.
  if (there === 'directory' && kind === 'directory') return undefined;
  if (there === 'directory') throw newlyDirectory(path);
  return { path, kind: kind === 'directory' ? 'tree' : 'file', replace: there !== undefined };
}

function requireParent(path: string, target: EtcListing): void {
  for (const above of ancestry(path).slice(1)) {
    const there = target.get(above)?.kind;
    if (there === undefined || there === 'directory') continue;
    throw etcConflict(
      `Modified config file '${path}' is below '${above}', which newly defaults to a file, cannot merge`,
      path,
    );
  }
}

function newlyDirectory(path: string): AtomicError {
  return etcConflict(`Modified config file newly defaults to directory '${path}', cannot merge`, path);
}

function etcConflict(reason: string, path: string): AtomicError {
  return new AtomicError('EtcConflict', `During /etc merge: ${reason}`, {
    hint: `Move /etc/${path} away (or restore its default from /usr/etc/${path}) and try again.`,
    facts: { path: `/etc/${path}` },
  });
}

/** The path and all directories above it, innermost first. */
function ancestry(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('/'));
}

function parentOf(path: string): string | undefined {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? undefined : path.slice(0, slash);
}

function sortAll(...lists: string[][]): void {
  for (const list of lists) list.sort(compareBytes);
}
