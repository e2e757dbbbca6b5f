import type { Checksum } from '../base/index.ts';
import { isChecksum } from '../base/index.ts';
import type { Repo } from './repo.ts';

const suffix = '.commitpartial';

/** What a partial mark holds when fsck has set it. */
const fsckReason = 'f';

/** The mark that says a commit's tree is not complete. OSTree repository format: state directory. */
export function partialMarkPath(checksum: Checksum): string {
  return `state/${checksum}${suffix}`;
}

/** True if the tree of this commit is known not to be complete; always false for a commit that has no mark. */
export function isPartial(repo: Repo, checksum: Checksum): boolean {
  return repo.dir.exists(partialMarkPath(checksum));
}

/** Why a commit is marked: a pull that has not ended, or damage that fsck has found; undefined if it is not marked. */
export function partialReason(repo: Repo, checksum: Checksum): 'pulling' | 'fsck' | undefined {
  const text = repo.dir.readText(partialMarkPath(checksum));
  if (text === undefined) return undefined;
  return text === fsckReason ? 'fsck' : 'pulling';
}

/** The commits marked as not complete. */
export function listPartial(repo: Repo): ReadonlySet<Checksum> {
  const names = repo.dir.exists('state') ? repo.dir.list('state') : [];
  return new Set(
    names.flatMap(({ name }) => {
      const checksum = name.endsWith(suffix) ? name.slice(0, -suffix.length) : '';
      return isChecksum(checksum) ? [checksum] : [];
    }),
  );
}

/** Marks a commit as not complete; durable with the next sync of the file system. A mark that exists is left alone. */
export function markPartial(repo: Repo, checksum: Checksum, reason: 'pulling' | 'fsck' = 'pulling'): void {
  const path = partialMarkPath(checksum);
  repo.dir.ensureDir('state', 0o775);
  if (reason === 'pulling' && repo.dir.exists(path)) return;
  repo.dir.writeFile(path, reason === 'fsck' ? fsckReason : '', 0o644);
}

/** Says that a commit is complete. Does nothing if it was not marked. */
export function unmarkPartial(repo: Repo, checksum: Checksum): void {
  repo.dir.unlink(partialMarkPath(checksum));
}
