import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { variant, type Variant } from '../../format/index.ts';
import { Dir, isSystemError } from '../../platform/index.ts';
import { commitDirectory, resolveRev, loadCommit, type CommitDirectoryOptions, type Repo } from '../../repo/index.ts';
import { encodeDetached } from '../../signature/index.ts';
import type { OstreeContext } from '../context.ts';
import { parseTimestamp } from '../parse-timestamp.ts';
import { collect, openCommandRepo, repoCommand } from '../repo-command.ts';
import { requireCommit } from '../require-commit.ts';
import { addSignatures, type SigningOptions, withSigningOptions, wantsSignatures } from '../signing.ts';
import { parseBoolean, withoutFsync } from '../with-fsync.ts';

interface CommitCommandOptions extends SigningOptions {
  readonly branch?: string;
  readonly orphan?: boolean;
  readonly subject?: string;
  readonly body?: string;
  readonly bodyFile?: string;
  readonly parent?: string;
  readonly tree?: readonly string[];
  readonly timestamp?: string;
  readonly bindings: boolean;
  readonly bindRef?: readonly string[];
  readonly addMetadataString?: readonly string[];
  readonly keepMetadata?: readonly string[];
  readonly ownerUid?: number;
  readonly ownerGid?: number;
  readonly canonicalPermissions?: boolean;
  readonly xattrs: boolean;
  readonly skipIfUnchanged?: boolean;
  readonly fsync: boolean;
  readonly disableFsync?: boolean;
}

/** A message longer than this is a file given by mistake. */
const maxBodyBytes = 1 << 20;

function splitKeyValue(text: string): readonly [key: string, value: string] {
  const at = text.indexOf('=');
  if (at <= 0) throw new AtomicError('InvalidArgument', `Missing '=' in KEY=VALUE metadata '${text}'`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** The metadata asked for, then what is kept of the branch's commit. */
function metadataOf(repo: Repo, options: CommitCommandOptions): ReadonlyMap<string, Variant> {
  const pairs = (options.addMetadataString ?? []).map(splitKeyValue);
  const keys = pairs.map(([key]) => key);
  const twice = keys.find((key, index) => keys.indexOf(key) !== index);
  if (twice !== undefined) throw new AtomicError('InvalidArgument', `Metadata key '${twice}' is given twice`);
  const metadata = new Map(pairs.map(([key, value]) => [key, variant('s', value)]));
  if (options.keepMetadata === undefined) return metadata;
  const parent = options.branch === undefined ? undefined : resolveRev(repo, options.branch);
  if (parent === undefined) {
    throw new AtomicError(
      'InvalidArgument',
      'Either --branch or --parent must be specified when using --keep-metadata',
      {
        hint: 'The branch must have a commit already.',
      },
    );
  }
  const { metadata: before } = loadCommit(repo, parent);
  for (const key of options.keepMetadata) {
    const value = before.get(key);
    if (value === undefined) {
      throw new AtomicError('NotFound', `Missing metadata key '${key}' from commit '${parent}'`);
    }
    metadata.set(key, value);
  }
  return metadata;
}

/** The one directory to commit; trees laid over each other are refused by name rather than committed by half. */
function sourceOf(trees: readonly string[], path: string | undefined): string {
  const [tree, ...others] = trees;
  if (tree === undefined) return path ?? '.';
  if (path !== undefined || others.length > 0) {
    throw new AtomicError('NotSupported', 'Committing more than one tree is not built yet', {
      hint: 'Give one directory, either as an argument or with --tree=dir=PATH.',
    });
  }
  const at = tree.indexOf('=');
  if (at < 0) throw new AtomicError('InvalidArgument', `Missing type in tree specification '${tree}'`);
  const type = tree.slice(0, at);
  if (type === 'dir') return tree.slice(at + 1);
  if (type !== 'tar' && type !== 'ref') {
    throw new AtomicError('InvalidArgument', `Invalid tree type specification '${type}'`);
  }
  throw new AtomicError('NotSupported', `--tree=${type} is not built yet: only --tree=dir=PATH is`);
}

/** Says which directory cannot be committed before anything is written. */
function requireDirectory(path: string): void {
  try {
    Dir.open(path)[Symbol.dispose]();
  } catch (cause) {
    if (!isSystemError(cause, 'ENOENT', 'ENOTDIR')) throw cause;
    const reason = cause.code === 'ENOENT' ? 'No such file or directory' : 'Not a directory';
    throw new AtomicError('NotFound', `opendir(${path}): ${reason}`, { facts: { path }, cause });
  }
}

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

function describeCommit(
  repo: Repo,
  context: OstreeContext,
  options: CommitCommandOptions,
): Omit<CommitDirectoryOptions, 'source'> {
  const { branch, subject, timestamp, parent, bindRef, ownerUid, ownerGid } = options;
  const body = bodyOf(options);
  return {
    metadata: metadataOf(repo, options),
    timestampSeconds: timestamp === undefined ? Math.floor(context.now().getTime() / 1000) : parseTimestamp(timestamp),
    noBindings: !options.bindings,
    skipXattrs: !options.xattrs,
    canonicalPermissions: options.canonicalPermissions === true,
    skipIfUnchanged: options.skipIfUnchanged === true,
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
    .option('--tree <dir=path>', 'the directory to commit', collect)
    .option('--timestamp <timestamp>', 'override the timestamp of the commit')
    .option('--no-bindings', 'do not write any ref bindings')
    .option('--bind-ref <branch>', 'add a ref to the ref binding metadata', collect)
    .option('--add-metadata-string <key=value>', 'add a key/value pair to metadata', collect)
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
    const source = sourceOf(options.tree ?? [], path);
    requireDirectory(source);
    using opened = openCommandRepo(context, command);
    const repo = options.fsync && options.disableFsync !== true ? opened : withoutFsync(opened);
    const description = { source, ...describeCommit(repo, context, options) };
    const detach = async (bytes: Uint8Array): Promise<Uint8Array> =>
      encodeDetached(await addSignatures(bytes, undefined, options));
    const signed = wantsSignatures(options) ? { ...description, detach } : description;
    const result = await commitDirectory(repo, signed, context.job);
    context.write(`${result.checksum}\n`);
  });
}
