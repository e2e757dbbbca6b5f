import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { updateRepoConfig } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';

/** Group and key of `GROUP.KEY`; the key is what follows the last dot, as group names may hold dots. */
function splitKey(text: string): readonly [group: string, key: string] {
  const at = text.lastIndexOf('.');
  if (at <= 0) throw new AtomicError('InvalidArgument', 'Key must be of the form "sectionname.keyname"');
  return [text.slice(0, at), text.slice(at + 1)];
}

/** `ostree config get|set|unset GROUP.KEY [VALUE]`: reads or edits the repository's config, durably. */
export function configCommand(context: OstreeContext): Command {
  const command = repoCommand('config', 'Change repo configuration settings')
    .argument('<operation>', 'get, set or unset')
    .argument('<key>', 'GROUP.KEY')
    .argument('[value]');
  return command.action((operation: string, name: string, value: string | undefined) => {
    using repo = openCommandRepo(context, command);
    const [group, key] = splitKey(name);
    if (operation === 'get') {
      const found = repo.config.get(group, key);
      if (found === undefined)
        throw new AtomicError('NotFound', `Key file does not have key “${key}” in group “${group}”`);
      context.write(`${found}\n`);
    } else if (operation === 'set') {
      if (value === undefined) throw new AtomicError('InvalidArgument', 'A value must be given');
      updateRepoConfig(repo, (config) => config.set(group, key, value));
    } else if (operation === 'unset') {
      updateRepoConfig(repo, (config) => config.remove(group, key));
    } else throw new AtomicError('InvalidArgument', `Unknown operation ${operation}`);
  });
}
