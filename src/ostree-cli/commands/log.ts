import type { Command } from 'commander';
import { checksumToBytes, type Checksum } from '../../base/index.ts';
import { commitVersion, decodeVariant, formatVariantText, sha256Checksum, type Commit } from '../../format/index.ts';
import { loadCommit, loadMetadata, tryLoadCommit, type Repo } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { formatCommitDate } from '../format-date.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';
import { requireCommit } from '../require-commit.ts';

const commitType = '(a{sv}aya(say)sstayay)';

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

/** A commit with `--raw`: the whole object in the text form of GVariant. */
export function formatRawCommit(repo: Repo, checksum: Checksum): string {
  const value = decodeVariant(commitType, loadMetadata(repo, 'commit', checksum));
  return `commit ${checksum}\n${formatVariantText(commitType, value, { swapNumbers: true })}\n`;
}

/** `ostree log`: prints a commit and those before it, as far as the repository has them. */
export function logCommand(context: OstreeContext): Command {
  const command = repoCommand('log', 'Show log starting at commit or ref')
    .argument('<rev>')
    .option('--raw', 'show raw variant data');
  return command.action((rev: string, options: { raw?: boolean }) => {
    using repo = openCommandRepo(context, command);
    let checksum: Checksum | undefined = requireCommit(repo, rev);
    loadCommit(repo, checksum);
    while (checksum !== undefined) {
      const commit: Commit | undefined = tryLoadCommit(repo, checksum);
      if (commit === undefined) {
        context.write('<< History beyond this commit not fetched >>\n');
        return;
      }
      context.write(options.raw === true ? formatRawCommit(repo, checksum) : formatCommit(checksum, commit));
      checksum = commit.parent;
    }
  });
}
