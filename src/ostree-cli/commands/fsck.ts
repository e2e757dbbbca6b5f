import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { fsckRepo } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';

interface FsckOptions {
  readonly quiet?: boolean;
  readonly all?: boolean;
  readonly delete?: boolean;
}

/** `ostree fsck`: re-hashes every object that a commit reaches; every problem is told, `--all` or not. */
export function fsckCommand(context: OstreeContext): Command {
  const command = repoCommand('fsck', 'Check the repository for consistency')
    .option('-q, --quiet', 'only print error messages')
    .option('-a, --all', "don't stop on first error (always so here)")
    .option('--delete', 'remove corrupted objects');
  return command.action(async (options: FsckOptions) => {
    using repo = openCommandRepo(context, command);
    const result = await fsckRepo(repo, { deleteCorrupt: options.delete === true }, context.job);
    for (const { type, checksum, reason } of result.corrupt) context.writeError(`${checksum}.${type}: ${reason}\n`);
    for (const { type, checksum } of result.missing) context.writeError(`Missing object: ${checksum}.${type}\n`);
    for (const { refspec, reason } of result.brokenRefs) context.writeError(`Ref ${refspec}: ${reason}\n`);
    if (result.partial.length > 0) context.write(`${result.partial.length} partial commits not verified\n`);
    const broken = result.corrupt.length + result.missing.length + result.brokenRefs.length;
    if (broken > 0) {
      throw new AtomicError(
        'CorruptObject',
        `Repository corruption encountered: ${broken} problems in ${result.objects} objects`,
        {
          hint: 'Run `ostree fsck --delete`, then pull the affected refs again.',
        },
      );
    }
    if (options.quiet !== true) {
      context.write(`object fsck of ${result.commits} commits completed successfully - no errors found.\n`);
    }
  });
}
