import { AtomicError, type Checksum } from '../base/index.ts';
import { loadCommit, requireRev, type Repo } from '../repo/index.ts';

/**
 * The commit a command line's REV names, with the words of the original where there is none: `Refspec 'X' not found`,
 * `Commit C has no parent`. As there, a bare name is looked for in every remote too.
 */
export function requireCommit(repo: Repo, rev: string): Checksum {
  const name = rev.replace(/\^+$/, '');
  let checksum = requireRev(repo, name, { anyRemote: true });
  for (let step = name.length; step < rev.length; step += 1) {
    const { parent } = loadCommit(repo, checksum);
    if (parent === undefined) {
      throw new AtomicError('RefNotFound', `Commit ${checksum} has no parent`, { facts: { rev, checksum } });
    }
    checksum = parent;
  }
  return checksum;
}
