import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { readSummary, writeSummary } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';

/** `ostree summary`: writes the summary that remotes read first, or shows it. */
export function summaryCommand(context: OstreeContext): Command {
  const command = repoCommand('summary', 'Manage summary metadata')
    .option('-u, --update', 'update the summary')
    .option('-v, --view', 'view the local summary file');
  return command.action(async (options: { update?: boolean; view?: boolean }) => {
    using repo = openCommandRepo(context, command);
    if (options.update === true) {
      await writeSummary(repo, context.job);
      return;
    }
    if (options.view !== true) {
      throw new AtomicError('InvalidArgument', 'No option specified; use -u to update summary');
    }
    const summary = readSummary(repo);
    if (summary === undefined)
      throw new AtomicError('NotFound', 'The repository has no summary', { hint: 'Write one with -u.' });
    for (const [ref, { checksum, commitSizeBytes }] of summary.refs) {
      context.write(`* ${ref}\n    Latest Commit (${commitSizeBytes} bytes):\n      ${checksum}\n`);
    }
  });
}
