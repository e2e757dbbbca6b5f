import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { pullLocal, type RemoteConfig, requireRemote } from '../../remote/index.ts';
import { openRepo, type Repo } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { parseDepth } from '../parse-depth.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';
import { systemTrustOf } from '../signing.ts';

interface PullLocalCommandOptions {
  readonly remote?: string;
  readonly untrusted?: boolean;
  readonly commitMetadataOnly?: boolean;
  readonly depth: number;
  readonly gpgVerify?: boolean;
  readonly gpgVerifySummary?: boolean;
}

/** The remote whose keys must have signed, if the command line asks for that: its own settings do not matter here. */
function signedFor(repo: Repo, options: PullLocalCommandOptions): RemoteConfig | undefined {
  const { remote, gpgVerify = false, gpgVerifySummary = false } = options;
  if (!gpgVerify && !gpgVerifySummary) return undefined;
  if (remote === undefined) {
    throw new AtomicError('InvalidArgument', 'Must specify remote name to enable gpg verification');
  }
  const unsigned = { signVerify: undefined, signVerifySummary: undefined };
  return { ...requireRemote(repo, remote), ...unsigned, gpgVerify, gpgVerifySummary };
}

/** `ostree pull-local`: takes refs or commits from another repository of this machine, by hard link where it can. */
export function pullLocalCommand(context: OstreeContext): Command {
  const command = repoCommand('pull-local', 'Copy data from SRC_REPO')
    .argument('<src_repo>')
    .argument('[refs...]')
    .option('--remote <remote>', 'add REMOTE to refspec')
    .option('--untrusted', 'verify checksums of objects, and copy instead of linking')
    .option('--commit-metadata-only', 'fetch only the commit metadata')
    .option('--gpg-verify', 'GPG verify commits (must specify --remote)')
    .option('--gpg-verify-summary', 'GPG verify summary (must specify --remote)')
    .option('--depth <depth>', 'traverse DEPTH parents (-1: all)', parseDepth, 0)
    .option('--disable-static-deltas', 'copy objects (always so here)');
  return command.action(async (sourcePath: string, refs: readonly string[], options: PullLocalCommandOptions) => {
    using repo = openCommandRepo(context, command);
    const signer = signedFor(repo, options);
    using source = openRepo(sourcePath);
    const result = await pullLocal(
      repo,
      {
        source,
        refs,
        depth: options.depth,
        untrusted: options.untrusted === true,
        commitMetadataOnly: options.commitMetadataOnly === true,
        systemTrust: systemTrustOf(context),
        ...(signer === undefined ? {} : { signedFor: signer }),
        ...(options.remote === undefined ? {} : { remoteName: options.remote }),
      },
      context.job,
    );
    context.write(`${result.fetchedMetadata} metadata, ${result.fetchedContent} content objects imported\n`);
  });
}
