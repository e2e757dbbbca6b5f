import type { Command } from 'commander';
import { AtomicError, checksumToBytes, type Checksum } from '../../base/index.ts';
import { commitVersion, sha256Checksum, type Commit, type Variant } from '../../format/index.ts';
import { loadCommit, requireRev, tryLoadCommit } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { formatCommitDate } from '../format-date.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';

function indent(text: string): string {
  const lines = text.split('\n').map((line) => `    ${line}`);
  return `${lines.join('\n')}\n`;
}

/** A commit as `ostree log` and `ostree show` print it, an empty line at its end. */
export function formatCommit(checksum: Checksum, commit: Commit): string {
  const version = commitVersion(commit);
  const content = sha256Checksum(checksumToBytes(commit.rootTree), checksumToBytes(commit.rootMeta));
  const message = commit.subject === '' ? '(no subject)\n' : `\n${indent(commit.subject)}`;
  const body = commit.body === '' ? '' : `\n${indent(commit.body)}`;
  return [
    `commit ${checksum}\n`,
    commit.parent === undefined ? '' : `Parent:  ${commit.parent}\n`,
    `ContentChecksum:  ${content}\n`,
    `Date:  ${formatCommitDate(commit.timestampSeconds)}\n`,
    version === undefined ? '' : `Version: ${version}\n`,
    message,
    body,
    '\n',
  ].join('');
}

/** `ostree log`: prints a commit and those before it, as far as the repository has them. */
export function logCommand(context: OstreeContext): Command {
  const command = repoCommand('log', 'Show log starting at commit or ref').argument('<rev>');
  return command.action((rev: string) => {
    using repo = openCommandRepo(context, command);
    let checksum: Checksum | undefined = requireRev(repo, rev);
    loadCommit(repo, checksum);
    while (checksum !== undefined) {
      const commit: Commit | undefined = tryLoadCommit(repo, checksum);
      if (commit === undefined) {
        context.write('<< History beyond this commit not fetched >>\n');
        return;
      }
      context.write(formatCommit(checksum, commit));
      checksum = commit.parent;
    }
  });
}

function formatValue({ type, value }: Variant): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'boolean') return `${value}`;
  if (type === 'u' && typeof value === 'number') return `uint32 ${value}`;
  if (type === 't' && typeof value === 'bigint') return `uint64 ${value}`;
  if (type === 'as' && Array.isArray(value)) {
    return `[${value.map((item) => (typeof item === 'string' ? `'${item}'` : '')).join(', ')}]`;
  }
  throw new AtomicError('NotSupported', `Printing metadata of type ${type} is not built yet`);
}

/** `ostree show`: prints one commit, or one metadata value of it. */
export function showCommand(context: OstreeContext): Command {
  const command = repoCommand('show', 'Output a metadata object')
    .argument('<rev>')
    .option('--print-metadata-key <key>', 'print the value of a commit metadata key');
  return command.action((rev: string, options: { printMetadataKey?: string }) => {
    using repo = openCommandRepo(context, command);
    const checksum = requireRev(repo, rev);
    const commit = loadCommit(repo, checksum);
    const key = options.printMetadataKey;
    if (key === undefined) {
      context.write(formatCommit(checksum, commit));
      return;
    }
    const found = commit.metadata.get(key);
    if (found === undefined) throw new AtomicError('NotFound', `No such metadata key '${key}'`);
    context.write(`${formatValue(found)}\n`);
  });
}
