import type { Command } from 'commander';
import { AtomicError, isChecksum, type Checksum } from '../../base/index.ts';
import { formatVariantText, type VariantDict, type Xattr } from '../../format/index.ts';
import { hasObject, loadCommit, loadCommitMeta, loadFile, type Repo } from '../../repo/index.ts';
import { judgeCommit, loadRemotes, type SystemTrust } from '../../remote/index.ts';
import { describeGpgSignature } from '../../signature/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';
import { requireCommit } from '../require-commit.ts';
import { systemTrustOf } from '../signing.ts';
import { formatCommit, formatRawCommit } from './log.ts';

interface ShowOptions {
  readonly printMetadataKey?: string;
  readonly printDetachedMetadataKey?: string;
  readonly raw?: boolean;
  readonly gpgVerifyRemote?: string;
  readonly gpgHomedir?: string;
}

/** Extended attributes as GVariant text, the form scripts parse. */
export function formatXattrs(xattrs: readonly Xattr[]): string {
  const pairs = xattrs.map(({ name, value }) => [Buffer.from(`${name}\0`), value] as const);
  return `{ ${formatVariantText('a(ayay)', pairs)} }`;
}

function printValue(metadata: VariantDict, key: string): string {
  const found = metadata.get(key);
  if (found === undefined) throw new AtomicError('NotFound', `No such metadata key '${key}'`);
  return `${formatVariantText(found.type, found.value, { swapNumbers: true })}\n`;
}

function describeFile(repo: Repo, checksum: Checksum): string {
  const { header, sizeBytes } = loadFile(repo, checksum);
  const isLink = header.symlinkTarget !== '';
  return [
    `Object: ${checksum}`,
    'Type: file',
    `File Type: ${isLink ? 'symlink' : 'regular'}`,
    ...(isLink ? [`Target: ${header.symlinkTarget}`] : [`Size: ${sizeBytes}`]),
    `Mode: 0${header.mode.toString(8)}`,
    `Uid: ${header.uid}`,
    `Gid: ${header.gid}`,
    `Extended Attributes: ${formatXattrs(header.xattrs)}`,
    '',
  ].join('\n');
}

/** What `ostree show` prints of the object that a whole checksum names, where that is not a commit. */
function describeOther(repo: Repo, rev: string): string | undefined {
  if (!isChecksum(rev) || hasObject(repo, 'commit', rev)) return undefined;
  for (const type of ['dirtree', 'dirmeta'] as const) if (hasObject(repo, type, rev)) return `${type} ${rev}\n`;
  return hasObject(repo, 'file', rev) ? describeFile(repo, rev) : undefined;
}

function describe(repo: Repo, rev: string, options: ShowOptions): string {
  const other = describeOther(repo, rev);
  if (other !== undefined) return other;
  const checksum = requireCommit(repo, rev);
  const { printMetadataKey: key, printDetachedMetadataKey: detachedKey } = options;
  const commit = loadCommit(repo, checksum);
  if (key !== undefined) return printValue(commit.metadata, key);
  if (detachedKey === undefined)
    return options.raw === true ? formatRawCommit(repo, checksum) : formatCommit(checksum, commit);
  const detached = loadCommitMeta(repo, checksum);
  if (detached === undefined) throw new AtomicError('NotFound', `No detached metadata for commit ${checksum}`);
  return printValue(detached, detachedKey);
}

/** The OpenPGP signatures of a commit and what they are worth, by the keys of the remote that the revision names. */
async function describeSignatures(
  repo: Repo,
  shown: { readonly rev: string; readonly remote: string | undefined },
  system: SystemTrust,
): Promise<string> {
  const { rev } = shown;
  const name = shown.remote ?? (rev.includes(':') ? rev.slice(0, rev.indexOf(':')) : undefined);
  const remote = name === undefined ? undefined : loadRemotes(repo).get(name);
  const found = await judgeCommit(repo, { checksum: requireCommit(repo, rev), remote }, system);
  if (found.length === 0) return '';
  const blocks = found.map(
    (one) =>
      `\n${describeGpgSignature(one)
        .map((line) => `  ${line}\n`)
        .join('')}`,
  );
  return `Found ${found.length} signature${found.length === 1 ? '' : 's'}:\n${blocks.join('')}`;
}

/** `ostree show`: prints one commit, one metadata value of it, or what is known about another object. */
export function showCommand(context: OstreeContext): Command {
  const command = repoCommand('show', 'Output a metadata object')
    .argument('<object>', 'a revision, or the checksum of any object')
    .option('--print-metadata-key <key>', 'print the value of a commit metadata key')
    .option('--print-detached-metadata-key <key>', 'print the value of a detached metadata key')
    .option('--gpg-homedir <path>', 'use the keyrings in this directory to verify signatures')
    .option('--gpg-verify-remote <name>', 'use the keys of this remote to verify signatures')
    .option('--raw', 'show raw variant data');
  return command.action(async (rev: string, options: ShowOptions) => {
    using repo = openCommandRepo(context, command);
    context.write(describe(repo, rev, options));
    const isValue = options.printMetadataKey !== undefined || options.printDetachedMetadataKey !== undefined;
    const system = options.gpgHomedir === undefined ? systemTrustOf(context) : { keyringDir: options.gpgHomedir };
    if (!isValue && describeOther(repo, rev) === undefined) {
      context.write(await describeSignatures(repo, { rev, remote: options.gpgVerifyRemote }, system));
    }
  });
}
