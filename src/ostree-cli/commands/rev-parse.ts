import type { Command } from 'commander';
import { requireRev } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';

/** `ostree rev-parse`: prints the commit checksum of each revision. */
export function revParseCommand(context: OstreeContext): Command {
  const command = repoCommand('rev-parse', 'Output the target of a rev').argument('<rev...>');
  return command.action((revs: readonly string[]) => {
    using repo = openCommandRepo(context, command);
    for (const rev of revs) context.write(`${requireRev(repo, rev)}\n`);
  });
}
