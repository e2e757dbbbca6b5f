import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { variant, type Variant } from '../../format/index.ts';
import { commitDirectory, requireRev } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { parseTimestamp } from '../parse-timestamp.ts';
import { collect, openCommandRepo, repoCommand } from '../repo-command.ts';

interface CommitCommandOptions {
  readonly branch?: string;
  readonly orphan?: boolean;
  readonly subject?: string;
  readonly body?: string;
  readonly parent?: string;
  readonly tree?: string;
  readonly timestamp?: string;
  readonly bindings: boolean;
  readonly bindRef?: readonly string[];
  readonly addMetadataString?: readonly string[];
  readonly ownerUid?: number;
  readonly ownerGid?: number;
  readonly canonicalPermissions?: boolean;
  readonly xattrs: boolean;
}

function splitKeyValue(text: string): readonly [key: string, value: string] {
  const at = text.indexOf('=');
  if (at <= 0) throw new AtomicError('InvalidArgument', `Missing '=' in KEY=VALUE metadata '${text}'`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function metadataOf(options: CommitCommandOptions): ReadonlyMap<string, Variant> {
  const pairs = (options.addMetadataString ?? []).map(splitKeyValue);
  return new Map(pairs.map(([key, value]) => [key, variant('s', value)]));
}

function sourceOf(options: CommitCommandOptions, path: string | undefined): string {
  const tree = options.tree;
  if (tree === undefined) return path ?? '.';
  if (path !== undefined)
    throw new AtomicError('InvalidArgument', 'Give the directory either as an argument or with --tree');
  if (!tree.startsWith('dir=')) {
    throw new AtomicError('NotSupported', `--tree=${tree} is not built yet: only --tree=dir=PATH is`);
  }
  return tree.slice('dir='.length);
}

function userId(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new AtomicError('InvalidArgument', `'${text}' is not a numeric user or group id`);
  return Number(text);
}

/** `ostree commit`: commits a directory and prints the new commit's checksum alone. */
export function commitCommand(context: OstreeContext): Command {
  const command = repoCommand('commit', 'Commit a new revision')
    .argument('[path]', 'directory to commit (default: the current one)')
    .option('-b, --branch <branch>', 'branch')
    .option('--orphan', 'create a commit without writing a ref')
    .option('-s, --subject <subject>', 'one line subject')
    .option('-m, --body <body>', 'full description')
    .option('--parent <commit>', 'parent commit checksum, or "none"')
    .option('--tree <dir=path>', 'the directory to commit')
    .option('--timestamp <timestamp>', 'override the timestamp of the commit')
    .option('--no-bindings', 'do not write any ref bindings')
    .option('--bind-ref <branch>', 'add a ref to the ref binding metadata', collect)
    .option('--add-metadata-string <key=value>', 'add a key/value pair to metadata', collect)
    .option('--owner-uid <uid>', 'set file ownership user id', userId)
    .option('--owner-gid <gid>', 'set file ownership group id', userId)
    .option('--canonical-permissions', 'canonicalize permissions in the way bare-user-only repositories need')
    .option('--no-xattrs', 'do not import extended attributes');
  return command.action(async (path: string | undefined, options: CommitCommandOptions) => {
    if (options.branch === undefined && options.orphan !== true) {
      throw new AtomicError('InvalidArgument', 'A branch must be specified or use --orphan');
    }
    using repo = openCommandRepo(context, command);
    const { branch, subject, body, parent, bindRef, ownerUid, ownerGid } = options;
    const result = await commitDirectory(
      repo,
      {
        source: sourceOf(options, path),
        metadata: metadataOf(options),
        timestampSeconds:
          options.timestamp === undefined
            ? Math.floor(context.now().getTime() / 1000)
            : parseTimestamp(options.timestamp),
        noBindings: !options.bindings,
        skipXattrs: !options.xattrs,
        canonicalPermissions: options.canonicalPermissions === true,
        ...(branch === undefined || options.orphan === true ? {} : { branch }),
        ...(subject === undefined ? {} : { subject }),
        ...(body === undefined ? {} : { body }),
        ...(parent === undefined ? {} : { parent: parent === 'none' ? 'none' : requireRev(repo, parent) }),
        ...(bindRef === undefined ? {} : { bindRefs: bindRef }),
        owner: {
          ...(ownerUid === undefined ? {} : { uid: ownerUid }),
          ...(ownerGid === undefined ? {} : { gid: ownerGid }),
        },
      },
      context.job,
    );
    context.write(`${result.checksum}\n`);
  });
}
