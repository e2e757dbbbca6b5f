import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { findEntry, readPath } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';
import { requireCommit } from '../require-commit.ts';

/** `ostree cat`: writes the contents of files of a commit. */
export function catCommand(context: OstreeContext): Command {
  const command = repoCommand('cat', 'Concatenate contents of files').argument('<commit>').argument('<path...>');
  return command.action((rev: string, paths: readonly string[]) => {
    using repo = openCommandRepo(context, command);
    const commit = requireCommit(repo, rev);
    for (const path of paths) {
      const content = readPath(repo, commit, path);
      if (content === undefined) {
        const isDirectory = findEntry(repo, commit, path)?.kind === 'directory';
        const rooted = path.startsWith('/') ? path : `/${path}`;
        const message = isDirectory ? `Can't open directory: ${rooted}` : `No such file or directory: ${rooted}`;
        throw new AtomicError('NotFound', message, { facts: { commit, path } });
      }
      context.write(content);
    }
  });
}
