import { Command } from 'commander';
import { AtomicError } from '../base/index.ts';
import { openRepo, type Repo } from '../repo/index.ts';
import type { OstreeContext } from './context.ts';

/** Options every repository command has. */
export interface RepoOptions {
  readonly repo?: string;
}

/** A command that works on a repository: has `--repo` of its own beside the one before the command's name. */
export function repoCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--repo <path>', 'path to the repository (defaults to the current directory or /sysroot/ostree/repo)');
}

function isRepo(path: string): boolean {
  try {
    using repo = openRepo(path);
    return repo.path !== '';
  } catch {
    return false;
  }
}

/** The path `--repo` names; else `OSTREE_REPO`, the current directory if it is a repo, the host's repo. */
export function repoPath(context: OstreeContext, command: Command): string {
  const own =
    command.opts<RepoOptions>().repo ?? command.optsWithGlobals<RepoOptions>().repo ?? context.env['OSTREE_REPO'];
  if (own === '') throw new AtomicError('InvalidArgument', 'opening repo: the path given is empty');
  if (own !== undefined) return own;
  for (const path of [context.cwd, '/sysroot/ostree/repo', '/ostree/repo']) if (isRepo(path)) return path;
  throw new AtomicError('InvalidRepo', 'opening repo: no repository here and none on this host', {
    hint: 'Name one with --repo=PATH, or make one with `ostree --repo=PATH init`.',
  });
}

/** Opens the repository of a command; to be closed by `using`. */
export function openCommandRepo(context: OstreeContext, command: Command): Repo {
  return openRepo(repoPath(context, command));
}

/** Gathers a repeatable option's values. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
