import { isAtomicError, type Job } from '../base/index.ts';
import { systemCode } from '../boot/index.ts';
import { copyTree, sys, type Dir } from '../platform/index.ts';
import { readEtcListings } from './etc-listing.ts';
import { planEtcMerge, type EtcCopy, type EtcMergePlan } from './plan-etc-merge.ts';

/** The three directories of a merge; `current` is the live /etc of the deployment whose defaults are `old`. */
export interface EtcSides {
  readonly old: Dir;
  readonly current: Dir;
  /** The defaults of the new tree, its usr/etc; undefined if it has none. */
  readonly target: Dir | undefined;
}

/** Reads the three sides and plans their merge; `EtcConflict` if they cannot be merged. Changes nothing. */
export async function readEtcMergePlan(sides: EtcSides, job: Job): Promise<EtcMergePlan> {
  const directories = [sides.old, sides.current, ...(sides.target === undefined ? [] : [sides.target])];
  const [old, current, target] = await readEtcListings(directories, job);
  return planEtcMerge(old ?? new Map(), current ?? new Map(), target ?? new Map());
}

/**
 * Carries a merge plan from `current` into `into`, a fresh copy of the new defaults; safe to run again on a fresh copy.
 * Owners, modes and xattrs come along. Not durable. A file that vanished from the live /etc meanwhile counts as removed.
 */
export async function applyEtcMerge(plan: EtcMergePlan, current: Dir, into: Dir, job: Job): Promise<void> {
  const { modified, removed, added } = plan;
  job.report({
    kind: 'note',
    text: `Copying /etc changes: ${modified.length} modified, ${removed.length} removed, ${added.length} added`,
  });
  for (const path of plan.skipped) {
    job.report({ kind: 'note', text: `Ignoring non-regular/non-symlink file found during /etc merge: ${path}` });
  }
  for (const path of removed) await into.removeTree(path);
  for (const copy of plan.copies) await carry(copy, current, into, job);
}

async function carry(copy: EtcCopy, current: Dir, into: Dir, job: Job): Promise<void> {
  const { path } = copy;
  ensureParents(path, current, into);
  if (copy.replace) await into.removeTree(path);
  try {
    if (copy.kind === 'file') current.copyFile(path, into, path);
    else await copyWhole(path, { current, into }, job);
  } catch (error) {
    if (isAtomicError(error) || systemCode(error) !== 'ENOENT' || current.exists(path)) throw error;
    job.report({ kind: 'note', text: `/etc/${path} vanished while it was copied` });
  }
}

async function copyWhole(path: string, sides: { current: Dir; into: Dir }, job: Job): Promise<void> {
  const slash = path.lastIndexOf('/');
  const name = path.slice(slash + 1);
  const parent = slash < 0 ? '.' : path.slice(0, slash);
  using from = sides.current.openDir(parent);
  using to = sides.into.openDir(parent);
  await copyTree({ from, fromName: name, to, toName: name }, { signal: job.signal });
}

/** Missing directories above a path get the attributes they have in the current /etc. */
function ensureParents(path: string, current: Dir, into: Dir): void {
  const parts = path.split('/').slice(0, -1);
  parts.forEach((_, index) => {
    const parent = parts.slice(0, index + 1).join('/');
    if (into.exists(parent)) return;
    into.makeDir(parent, 0o700);
    using template = current.openDir(parent);
    using made = into.openDir(parent);
    copyAttributes(template, made);
  });
}

function copyAttributes(from: Dir, to: Dir): void {
  const stat = sys.fstatat(from.fd, '.', 0);
  for (const name of sys.flistxattr(from.fd)) {
    const value = sys.fgetxattr(from.fd, name);
    if (value !== undefined) sys.fsetxattr(to.fd, name, value);
  }
  sys.fchown(to.fd, stat.uid, stat.gid);
  sys.fchmod(to.fd, stat.mode & 0o7777);
}
