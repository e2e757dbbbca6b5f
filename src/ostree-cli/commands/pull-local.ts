import type { Command } from 'commander';
import { pullLocal } from '../../remote/index.ts';
import { openRepo } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { parseDepth } from '../parse-depth.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';

interface PullLocalCommandOptions {
  readonly remote?: string;
  readonly untrusted?: boolean;
  readonly commitMetadataOnly?: boolean;
  readonly depth: number;
}

/** `ostree pull-local`: takes refs or commits from another repository of this machine, by hard link where it can. */
export function pullLocalCommand(context: OstreeContext): Command {
  const command = repoCommand('pull-local', 'Copy data from SRC_REPO')
    .argument('<src_repo>')
    .argument('[refs...]')
    .option('--remote <remote>', 'add REMOTE to refspec')
    .option('--untrusted', 'verify checksums of objects, and copy instead of linking')
    .option('--commit-metadata-only', 'fetch only the commit metadata')
    .option('--depth <depth>', 'traverse DEPTH parents (-1: all)', parseDepth, 0)
    .option('--disable-static-deltas', 'copy objects (always so here)');
  return command.action(async (sourcePath: string, refs: readonly string[], options: PullLocalCommandOptions) => {
    using repo = openCommandRepo(context, command);
    using source = openRepo(sourcePath);
    const result = await pullLocal(
      repo,
      {
        source,
        refs,
        depth: options.depth,
        untrusted: options.untrusted === true,
        commitMetadataOnly: options.commitMetadataOnly === true,
        ...(options.remote === undefined ? {} : { remoteName: options.remote }),
      },
      context.job,
    );
    context.write(`${result.fetchedMetadata} metadata, ${result.fetchedContent} content objects imported\n`);
  });
}
