import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { Dir, syncFilesystem } from '../../platform/index.ts';
import { checkoutCommit, type RepoMode } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';
import { requireCommit } from '../require-commit.ts';
import { parseBoolean } from '../with-fsync.ts';

interface CheckoutCommandOptions {
  readonly userMode?: boolean;
  readonly subpath?: string;
  readonly union?: boolean;
  readonly requireHardlinks?: boolean;
  readonly forceCopy?: boolean;
  readonly fsync?: boolean;
  readonly disableFsync?: boolean;
}

/** Directory and last name of a path that need not exist yet. */
function splitDestination(path: string): readonly [directory: string, name: string] {
  const trimmed = path.replace(/\/+$/, '');
  const at = trimmed.lastIndexOf('/');
  const name = trimmed.slice(at + 1);
  if (name === '' || name === '.' || name === '..') {
    throw new AtomicError('InvalidArgument', `Cannot check out to '${path}': name a directory to make`);
  }
  return [at < 0 ? '.' : trimmed.slice(0, at) || '/', name];
}

function whyNotLinked(mode: RepoMode): string {
  if (mode === 'bare-user') return 'User repository mode requires user checkout mode to hardlink';
  if (mode === 'bare') return 'Bare repository mode cannot hardlink in user checkout mode';
  return `Hard links are not possible: the repository's mode is ${mode}`;
}

/** `ostree checkout`: makes a commit a directory, by hard links where the repository's mode allows it. */
export function checkoutCommand(context: OstreeContext): Command {
  const command = repoCommand('checkout', 'Check out a commit into a filesystem tree')
    .argument('<commit>')
    .argument('[destination]')
    .option('-U, --user-mode', 'do not change file ownership or initialize extended attributes')
    .option('--subpath <path>', 'check out a sub-directory alone')
    .option('--union', 'keep existing directories, overwrite existing files')
    .option('-H, --require-hardlinks', 'do not fall back to full copies if hardlinking is impossible')
    .option('-C, --force-copy', 'never hardlink (but reflink if available)')
    .option('--fsync <policy>', 'sync the file system when done (default: no)', parseBoolean)
    .option('--disable-fsync', 'do not sync files to disk (the default)');
  return command.action(async (rev: string, destination: string | undefined, options: CheckoutCommandOptions) => {
    using repo = openCommandRepo(context, command);
    const commit = requireCommit(repo, rev);
    const [parent, name] = splitDestination(destination ?? rev);
    if (options.requireHardlinks === true && options.forceCopy === true) {
      throw new AtomicError('InvalidArgument', 'Cannot specify both --require-hardlinks and --force-copy');
    }
    const linkable = repo.mode === 'bare-user-only' || repo.mode === (options.userMode === true ? 'bare-user' : 'bare');
    if (options.requireHardlinks === true && !linkable) {
      throw new AtomicError('InvalidArgument', whyNotLinked(repo.mode), {
        hint: 'Leave out --require-hardlinks, or check out from a bare repository.',
      });
    }
    using directory = Dir.open(parent);
    await checkoutCommit(
      repo,
      {
        commit,
        destination: directory,
        name,
        how: options.forceCopy === true ? 'copy' : 'link',
        userMode: options.userMode === true,
        existing: options.union === true ? 'union' : 'fail',
        ...(options.subpath === undefined ? {} : { subpath: options.subpath }),
      },
      context.job,
    );
    if (options.fsync === true && options.disableFsync !== true) await syncFilesystem(directory);
  });
}
