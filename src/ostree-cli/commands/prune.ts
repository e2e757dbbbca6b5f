import type { Command } from 'commander';
import { AtomicError, type Job } from '../../base/index.ts';
import { listRefs, loadCommit, lockRepo, pruneRepo, removeCommit, type Repo } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { formatSize } from '../format-size.ts';
import { parseDepth } from '../parse-depth.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';
import { requireCommit } from '../require-commit.ts';

interface PruneOptions {
  readonly prune: boolean;
  readonly refsOnly?: boolean;
  readonly depth: number;
  readonly deleteCommit?: string;
}

/** Removes one commit that no ref needs, with the words of the original where that is refused. */
async function deleteCommit(repo: Repo, { deleteCommit: rev = '', prune }: PruneOptions, job: Job): Promise<void> {
  if (!prune) throw new AtomicError('InvalidArgument', 'Cannot specify both --delete-commit and --no-prune');
  const checksum = requireCommit(repo, rev);
  for (const [refspec, named] of listRefs(repo)) {
    if (named !== checksum) continue;
    throw new AtomicError('InvalidArgument', `Commit '${checksum}' is referenced by '${refspec}'`, {
      hint: `Delete the ref first: ostree refs --delete ${refspec}`,
    });
  }
  using _lock = await lockRepo(repo, 'exclusive', job);
  loadCommit(repo, checksum);
  await removeCommit(repo, checksum);
}

/** `ostree prune`: deletes what nothing reaches any more. */
export function pruneCommand(context: OstreeContext): Command {
  const command = repoCommand('prune', 'Search for unreachable objects')
    .option('--no-prune', "only display unreachable objects; don't delete")
    .option('--refs-only', 'only compute reachability via refs')
    .option('--delete-commit <commit>', 'specify a commit to delete')
    .option('--depth <depth>', 'only traverse DEPTH parents for each commit (-1: all)', parseDepth, -1);
  return command.action(async (options: PruneOptions) => {
    using repo = openCommandRepo(context, command);
    if (options.deleteCommit !== undefined) await deleteCommit(repo, options, context.job);
    const result = await pruneRepo(
      repo,
      { refsOnly: options.refsOnly === true, depth: options.depth, dryRun: !options.prune },
      context.job,
    );
    context.write(`Total objects: ${result.totalObjects}\n`);
    if (result.prunedObjects === 0) context.write('No unreachable objects\n');
    else if (options.prune) {
      context.write(`Deleted ${result.prunedObjects} objects, ${formatSize(result.freedBytes)} freed\n`);
    } else context.write(`Would delete: ${result.prunedObjects} objects, freeing ${formatSize(result.freedBytes)}\n`);
  });
}
