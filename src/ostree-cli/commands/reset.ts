import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { resolveRev, writeRef } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';
import { requireCommit } from '../require-commit.ts';
import { updateSummaryIfAsked } from '../update-summary.ts';

/** `ostree reset`: makes an existing ref name another commit; durable on return. */
export function resetCommand(context: OstreeContext): Command {
  const command = repoCommand('reset', 'Reset a REF to a previous COMMIT').argument('<ref>').argument('<commit>');
  return command.action(async (ref: string, rev: string) => {
    using repo = openCommandRepo(context, command);
    const checksum = requireCommit(repo, rev);
    if (resolveRev(repo, ref) === undefined) {
      throw new AtomicError('RefNotFound', `Invalid ref '${ref}'`, {
        hint: 'Make one with `ostree refs --create=REF COMMIT`.',
      });
    }
    writeRef(repo, ref, checksum);
    await updateSummaryIfAsked(repo, context.job);
  });
}
