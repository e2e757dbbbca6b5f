import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { listObjects } from '../../platform/index.ts';
import type { Repo } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';
import { requireCommit } from '../require-commit.ts';

/** The one commit of a repository; the words of the original if there is none or more than one. */
async function onlyCommit(repo: Repo): Promise<string> {
  const objects = [...(await listObjects(repo.objects))];
  const [first, second] = objects.filter(({ type }) => type === 'commit');
  if (first === undefined) throw new AtomicError('NotFound', 'No commit objects found');
  if (second !== undefined) throw new AtomicError('InvalidArgument', 'Multiple commit objects found');
  return first.checksum;
}

/** `ostree rev-parse`: prints the commit checksum of each revision. */
export function revParseCommand(context: OstreeContext): Command {
  const command = repoCommand('rev-parse', 'Output the target of a rev')
    .argument('[rev...]')
    .option('-S, --single', 'print the only commit of the repository; an error unless there is exactly one');
  return command.action(async (revs: readonly string[], options: { single?: boolean }) => {
    using repo = openCommandRepo(context, command);
    if (options.single === true) {
      if (revs.length > 0) {
        throw new AtomicError('InvalidArgument', 'Cannot specify arguments and --single');
      }
      context.write(`${await onlyCommit(repo)}\n`);
      return;
    }
    if (revs.length === 0) throw new AtomicError('InvalidArgument', 'REV must be specified');
    for (const rev of revs) context.write(`${requireCommit(repo, rev)}\n`);
  });
}
