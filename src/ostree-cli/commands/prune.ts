import type { Command } from 'commander';
import { pruneRepo } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { formatSize } from '../format-size.ts';
import { parseDepth } from '../parse-depth.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';

interface PruneOptions {
  readonly prune: boolean;
  readonly refsOnly?: boolean;
  readonly depth: number;
}

/** `ostree prune`: deletes what nothing reaches any more. */
export function pruneCommand(context: OstreeContext): Command {
  const command = repoCommand('prune', 'Search for unreachable objects')
    .option('--no-prune', "only display unreachable objects; don't delete")
    .option('--refs-only', 'only compute reachability via refs')
    .option('--depth <depth>', 'only traverse DEPTH parents for each commit (-1: all)', parseDepth, -1);
  return command.action(async (options: PruneOptions) => {
    using repo = openCommandRepo(context, command);
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
