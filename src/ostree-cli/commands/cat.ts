import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { readPath, requireRev } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';

/** `ostree cat`: writes the contents of files of a commit. */
export function catCommand(context: OstreeContext): Command {
  const command = repoCommand('cat', 'Concatenate contents of files').argument('<commit>').argument('<path...>');
  return command.action((rev: string, paths: readonly string[]) => {
    using repo = openCommandRepo(context, command);
    const commit = requireRev(repo, rev);
    for (const path of paths) {
      const content = readPath(repo, commit, path);
      if (content === undefined)
        throw new AtomicError('NotFound', `No such file: ${path}`, { facts: { commit, path } });
      context.write(content);
    }
  });
}
