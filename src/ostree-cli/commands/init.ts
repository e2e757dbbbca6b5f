import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { initRepo, type InitOptions } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { repoCommand, repoPath } from '../repo-command.ts';

const modes: ReadonlyMap<string, InitOptions['mode']> = new Map<string, InitOptions['mode']>([
  ['bare', 'bare'],
  ['archive', 'archive'],
  ['archive-z2', 'archive'],
  ['bare-user', 'bare-user'],
  ['bare-user-only', 'bare-user-only'],
]);

/** Reverse domain names, as D-Bus spells them. */
function requireCollectionId(id: string): string {
  if (id.length <= 255 && /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$/.test(id)) return id;
  throw new AtomicError('InvalidArgument', `Invalid collection ID ${id}`, {
    hint: 'Collection ids look like org.example.Collection.',
  });
}

/** `ostree init`: makes an empty repository; one that exists already is left as it is. */
export function initCommand(context: OstreeContext): Command {
  const command = repoCommand('init', 'Initialize a new empty repository')
    .option('--mode <mode>', 'initialize repository in given mode (bare, bare-user, bare-user-only, archive)', 'bare')
    .option('--collection-id <id>', 'globally unique id of the collection of refs of this repository');
  return command.action((options: { mode: string; collectionId?: string }) => {
    const mode = modes.get(options.mode);
    if (mode === undefined) {
      throw new AtomicError('InvalidArgument', `Invalid mode '${options.mode}' in repository configuration`, {
        hint: 'Modes that can be written are bare, bare-user, bare-user-only and archive.',
      });
    }
    const { collectionId } = options;
    initRepo(repoPath(context, command), {
      mode,
      ...(collectionId === undefined ? {} : { collectionId: requireCollectionId(collectionId) }),
    })[Symbol.dispose]();
  });
}
