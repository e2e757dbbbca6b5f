import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { initRepo, type InitOptions } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { repoCommand, repoPath } from '../repo-command.ts';

const modes: ReadonlyMap<string, InitOptions['mode']> = new Map<string, InitOptions['mode']>([
  ['bare', 'bare'],
  ['archive', 'archive'],
  ['archive-z2', 'archive'],
]);

/** `ostree init`: makes an empty repository; one that exists already is left as it is. */
export function initCommand(context: OstreeContext): Command {
  const command = repoCommand('init', 'Initialize a new empty repository').option(
    '--mode <mode>',
    'initialize repository in given mode (bare, archive)',
    'bare',
  );
  return command.action((options: { mode: string }) => {
    const mode = modes.get(options.mode);
    if (mode === undefined) {
      throw new AtomicError('InvalidArgument', `Invalid mode '${options.mode}' in repository configuration`, {
        hint: 'Modes that can be written are bare and archive.',
      });
    }
    initRepo(repoPath(context, command), { mode })[Symbol.dispose]();
  });
}
