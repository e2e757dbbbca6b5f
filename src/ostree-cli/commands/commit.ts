import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { Dir } from '../../platform/index.ts';
import { commitDirectory, type CommitDirectoryOptions, type CommitResult, type Repo } from '../../repo/index.ts';
import { encodeDetached } from '../../signature/index.ts';
import { commitMetadata, stringMetadata, type CommitMetadataOptions } from '../commit-metadata.ts';
import { commitLayers, readSkipList, readStatOverrides, type CommitSourceOptions } from '../commit-sources.ts';
import type { OstreeContext } from '../context.ts';
import { parseTimestamp } from '../parse-timestamp.ts';
import { collect, openCommandRepo, repoCommand } from '../repo-command.ts';
import { requireCommit } from '../require-commit.ts';
import { addSignatures, type SigningOptions, withSigningOptions, wantsSignatures } from '../signing.ts';
import { parseBoolean, withoutFsync } from '../with-fsync.ts';

interface CommitCommandOptions extends SigningOptions, CommitSourceOptions, CommitMetadataOptions {
  readonly orphan?: boolean;
  readonly subject?: string;
  readonly body?: string;
  readonly bodyFile?: string;
  readonly timestamp?: string;
  readonly bindings: boolean;
  readonly bindRef?: readonly string[];
  readonly ownerUid?: number;
  readonly ownerGid?: number;
  readonly canonicalPermissions?: boolean;
  readonly xattrs: boolean;
  readonly skipIfUnchanged?: boolean;
  readonly bootable?: boolean;
  readonly consume?: boolean;
  readonly tableOutput?: boolean;
  readonly fsync: boolean;
  readonly disableFsync?: boolean;
}

/** The year 9999: what later times a calendar can show. */
const maxEpochSeconds = 253_402_300_799n;

/** A message longer than this is a file given by mistake. */
const maxBodyBytes = 1 << 20;

function userId(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new AtomicError('InvalidArgument', `'${text}' is not a numeric user or group id`);
  return Number(text);
}

function bodyOf({ body, bodyFile }: CommitCommandOptions): string | undefined {
  if (bodyFile === undefined) return body;
  const at = bodyFile.lastIndexOf('/');
  using directory = Dir.open(at < 0 ? '.' : bodyFile.slice(0, at) || '/');
  const text = directory.readText(bodyFile.slice(at + 1), maxBodyBytes);
  if (text === undefined) throw new AtomicError('NotFound', `--body-file=${bodyFile}: No such file`);
  return text;
}

/** Combinations that cannot both be honoured, with the words of the original. */
function requireConsistent(options: CommitCommandOptions): void {
  const { branch, orphan, canonicalPermissions, ownerUid, ownerGid } = options;
  if (branch === undefined && orphan !== true) {
    throw new AtomicError('InvalidArgument', 'A branch must be specified with --branch, or use --orphan');
  }
  for (const [name, id] of Object.entries({ uid: ownerUid, gid: ownerGid })) {
    if (canonicalPermissions === true && id !== undefined && id !== 0) {
      throw new AtomicError(
        'InvalidArgument',
        `Cannot specify both --canonical-permissions and non-zero --owner-${name}`,
      );
    }
  }
}

/** Now, or what `SOURCE_DATE_EPOCH` says: builds that are to be reproducible set it. */
function defaultTimestamp({ env, now }: OstreeContext): number {
  const text = env['SOURCE_DATE_EPOCH'];
  if (text === undefined) return Math.floor(now().getTime() / 1000);
  if (!/^\d+$/.test(text)) throw new AtomicError('InvalidArgument', 'Failed to convert SOURCE_DATE_EPOCH');
  if (BigInt(text) > maxEpochSeconds) {
    throw new AtomicError('InvalidArgument', 'Parsing SOURCE_DATE_EPOCH: Numerical result out of range');
  }
  return Number(text);
}

/** The counts of `--table-output`. Every file is read here, none is known by its inode: there are no cache hits. */
function formatTable({ checksum, stats }: CommitResult): string {
  const { files, symlinks, newObjects, newBytes } = stats;
  return [
    `Commit: ${checksum}`,
    `Content Total: ${files + symlinks}`,
    `Content Written: ${newObjects}`,
    'Content Cache Hits: 0',
    `Content Bytes Written: ${newBytes}`,
    '',
  ].join('\n');
}

function describeCommit(
  repo: Repo,
  context: OstreeContext,
  options: CommitCommandOptions,
): Omit<CommitDirectoryOptions, 'source'> {
  const { branch, subject, timestamp, parent, bindRef, ownerUid, ownerGid } = options;
  const body = bodyOf(options);
  return {
    metadata: commitMetadata(repo, options),
    timestampSeconds: timestamp === undefined ? defaultTimestamp(context) : parseTimestamp(timestamp),
    noBindings: !options.bindings,
    skipXattrs: !options.xattrs,
    canonicalPermissions: options.canonicalPermissions === true,
    skipIfUnchanged: options.skipIfUnchanged === true,
    bootable: options.bootable === true,
    consume: options.consume === true,
    ...(options.statoverride === undefined ? {} : { modes: readStatOverrides(options.statoverride) }),
    ...(options.skipList === undefined ? {} : { skipPaths: readSkipList(options.skipList) }),
    ...(branch === undefined ? {} : { branch }),
    ...(subject === undefined ? {} : { subject }),
    ...(body === undefined ? {} : { body }),
    ...(parent === undefined ? {} : { parent: parent === 'none' ? 'none' : requireCommit(repo, parent) }),
    ...(bindRef === undefined ? {} : { bindRefs: bindRef }),
    owner: {
      ...(ownerUid === undefined ? {} : { uid: ownerUid }),
      ...(ownerGid === undefined ? {} : { gid: ownerGid }),
    },
  };
}

/** `ostree commit`: commits a directory and prints the new commit's checksum alone. */
export function commitCommand(context: OstreeContext): Command {
  const command = withSigningOptions(repoCommand('commit', 'Commit a new revision'))
    .argument('[path]', 'directory to commit (default: the current one)')
    .option('-b, --branch <branch>', 'branch')
    .option('--orphan', 'create a commit without writing a ref')
    .option('-s, --subject <subject>', 'one line subject')
    .option('-m, --body <body>', 'full description')
    .option('-F, --body-file <file>', 'full description from a file')
    .option('--parent <commit>', 'parent commit checksum, or "none"')
    .option('--tree <dir=path|ref=commit>', 'overlay the given directory or commit as a tree', collect)
    .option('--base <commit>', 'start from the tree of this commit')
    .option('--timestamp <timestamp>', 'override the timestamp of the commit')
    .option('--no-bindings', 'do not write any ref bindings')
    .option('--bind-ref <branch>', 'add a ref to the ref binding metadata', collect)
    .option('--add-metadata-string <key=value>', 'add a key/value pair to metadata', collect)
    .option('--add-metadata <key=value>', 'add a key/value pair, the value in the text form of GVariant', collect)
    .option('--add-detached-metadata-string <key=value>', 'add a key/value pair to detached metadata', collect)
    .option('--bootable', 'flag this commit as a bootable OSTree with a Linux kernel')
    .option('--consume', 'consume (delete) content after commit (for local directories)')
    .option('--link-checkout-speedup', 'optimize for trees of hard links into the repository (always so here)')
    .option('--statoverride <path>', 'file with lines "=MODE PATH" or "+MODE PATH" that change permissions')
    .option('--skip-list <path>', 'file with a list of files to skip')
    .option('--table-output', 'output more information in a KEY: VALUE format')
    .option('--keep-metadata <key>', "keep a metadata value of the branch's commit", collect)
    .option('--owner-uid <uid>', 'set file ownership user id', userId)
    .option('--owner-gid <gid>', 'set file ownership group id', userId)
    .option('--canonical-permissions', 'canonicalize permissions in the way bare-user-only repositories need')
    .option('--no-xattrs', 'do not import extended attributes')
    .option('--skip-if-unchanged', 'make no commit if the contents are those of the parent')
    .option('--fsync <policy>', 'whether to sync files to disk', parseBoolean, true)
    .option('--disable-fsync', 'do not sync files to disk');
  return command.action(async (path: string | undefined, options: CommitCommandOptions) => {
    requireConsistent(options);
    using opened = openCommandRepo(context, command);
    const repo = options.fsync && options.disableFsync !== true ? opened : withoutFsync(opened);
    const description = { source: commitLayers(repo, options, path), ...describeCommit(repo, context, options) };
    const isDetached = wantsSignatures(options) || options.addDetachedMetadataString !== undefined;
    const detach = async (bytes: Uint8Array): Promise<Uint8Array> =>
      encodeDetached(await addSignatures(bytes, stringMetadata(options.addDetachedMetadataString ?? []), options));
    const result = await commitDirectory(repo, isDetached ? { ...description, detach } : description, context.job);
    context.write(options.tableOutput === true ? formatTable(result) : `${result.checksum}\n`);
  });
}
