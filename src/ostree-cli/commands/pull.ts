import type { Command } from 'commander';
import { AtomicError, isChecksum, type Checksum } from '../../base/index.ts';
import { type DeltaUse, pull, type PullOptions, type PullResult, requireRemote } from '../../remote/index.ts';
import type { OstreeContext } from '../context.ts';
import { formatSize } from '../format-size.ts';
import { parseDepth } from '../parse-depth.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';
import { systemTrustOf } from '../signing.ts';

interface PullCommandOptions {
  readonly mirror?: boolean;
  readonly depth: number;
  readonly url?: string;
  readonly commitMetadataOnly?: boolean;
  readonly timestampCheck?: boolean;
  readonly disableVerifyBindings?: boolean;
  readonly disableStaticDeltas?: boolean;
  readonly requireStaticDeltas?: boolean;
}

/** The words before the colon of `remote:branch`, and the branch among those named. */
function splitRemote(remote: string, branches: readonly string[]): readonly [name: string, refs: readonly string[]] {
  const at = remote.indexOf(':');
  return at < 0 ? [remote, branches] : [remote.slice(0, at), [remote.slice(at + 1), ...branches]];
}

/** The refs of `REF` and `REF@COMMIT` words, and the commits to take instead of what the remote names now. */
function splitOverrides(words: readonly string[]): Pick<PullOptions, 'refs' | 'overrideCommits'> {
  const overrideCommits = new Map<string, Checksum>();
  const refs = words.map((word) => {
    const at = word.indexOf('@');
    if (at < 0) return word;
    const checksum = word.slice(at + 1);
    if (!isChecksum(checksum)) throw new AtomicError('InvalidArgument', `Invalid checksum '${checksum}' in '${word}'`);
    overrideCommits.set(word.slice(0, at), checksum);
    return word.slice(0, at);
  });
  return { refs, overrideCommits };
}

/** What the two options say of static deltas; both at once make no sense. */
function deltaUse({ disableStaticDeltas, requireStaticDeltas }: PullCommandOptions): DeltaUse {
  if (disableStaticDeltas === true && requireStaticDeltas === true) {
    throw new AtomicError('InvalidArgument', 'Cannot specify both --disable-static-deltas and --require-static-deltas');
  }
  if (requireStaticDeltas === true) return 'require';
  return disableStaticDeltas === true ? 'disable' : 'allow';
}

/** What was fetched, in the words of the original where a delta was. */
function formatFetched({ fetchedMetadata, fetchedContent, fetchedDeltaParts = 0 }: PullResult): string {
  if (fetchedDeltaParts === 0) return `${fetchedMetadata} metadata, ${fetchedContent} content objects fetched`;
  return `${fetchedDeltaParts} delta parts, ${fetchedMetadata + fetchedContent} loose fetched`;
}

/** `ostree pull`: fetches refs or commits of a configured remote. */
export function pullCommand(context: OstreeContext): Command {
  const command = repoCommand('pull', 'Download data from remote repository')
    .argument('<remote>')
    .argument('[branch...]', 'REF, REF@COMMIT or COMMIT')
    .option('--mirror', 'write refs suitable for a mirror and fetch all refs if none is named')
    .option('--depth <depth>', 'traverse DEPTH parents (-1: all)', parseDepth, 0)
    .option('--commit-metadata-only', 'fetch only the commit metadata')
    .option('-T, --timestamp-check', 'require fetched commits to have newer timestamps')
    .option('--url <url>', 'pull objects from this URL instead of the one from the remote config')
    .option('--disable-verify-bindings', 'do not verify commit bindings')
    .option('--disable-static-deltas', 'do not use static deltas')
    .option('--require-static-deltas', 'require static deltas');
  return command.action(async (remoteName: string, branches: readonly string[], options: PullCommandOptions) => {
    using repo = openCommandRepo(context, command);
    const [name, words] = splitRemote(remoteName, branches);
    const configured = requireRemote(repo, name);
    const result = await pull(
      repo,
      {
        remote: options.url === undefined ? configured : { ...configured, url: options.url },
        ...splitOverrides(words),
        depth: options.depth,
        mirror: options.mirror === true,
        commitMetadataOnly: options.commitMetadataOnly === true,
        timestampCheck: options.timestampCheck === true,
        disableBindings: options.disableVerifyBindings === true,
        staticDeltas: deltaUse(options),
        systemTrust: systemTrustOf(context),
      },
      context.job,
    );
    context.write(`${formatFetched(result)}; ${formatSize(result.transferredBytes)} transferred\n`);
  });
}
