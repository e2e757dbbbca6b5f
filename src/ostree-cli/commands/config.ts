import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { updateRepoConfig, type Repo } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';

interface ConfigRequest {
  readonly group: string;
  readonly key: string;
  readonly value: string | undefined;
}

/** Group and key of `GROUP.KEY`; the key is what follows the last dot, as the names of remotes may hold dots. */
function splitKey(text: string): readonly [group: string, key: string] {
  const at = text.lastIndexOf('.');
  if (at <= 0) throw new AtomicError('InvalidArgument', 'Key must be of the form "sectionname.keyname"');
  return [text.slice(0, at), text.slice(at + 1)];
}

function parseRequest(operation: string, words: readonly string[], group: string | undefined): ConfigRequest {
  const [name, value, extra] = words;
  const isSet = operation === 'set';
  if (name === undefined || (isSet && value === undefined)) {
    const what = isSet ? 'KEY and VALUE' : 'KEY';
    throw new AtomicError(
      'InvalidArgument',
      group === undefined
        ? `${what} must be specified`
        : `Group name${isSet ? ', key and value' : ' and key'} must be specified`,
    );
  }
  if (extra !== undefined || (!isSet && value !== undefined)) {
    throw new AtomicError('InvalidArgument', 'Too many arguments given');
  }
  const [section, key] = group === undefined ? splitKey(name) : [group, name];
  return { group: section, key, value };
}

function readSetting(repo: Repo, { group, key }: ConfigRequest): string {
  const found = repo.config.get(group, key);
  if (found !== undefined) return found;
  const reason = repo.config.groups().includes(group) ? `key “${key}” in group “${group}”` : `group “${group}”`;
  throw new AtomicError('NotFound', `Key file does not have ${reason}`);
}

/** `ostree config get|set|unset GROUP.KEY [VALUE]`: reads or edits the repository's config, durably. */
export function configCommand(context: OstreeContext): Command {
  const command = repoCommand('config', 'Change repo configuration settings')
    .argument('<operation>', 'get, set or unset')
    .argument('[key]', 'GROUP.KEY, or KEY with --group')
    .argument('[value...]')
    .option('--group <group>', 'the group, for names that are easier given apart');
  return command.action(
    (operation: string, name: string | undefined, values: readonly string[], options: { group?: string }) => {
      if (!['get', 'set', 'unset'].includes(operation)) {
        throw new AtomicError('InvalidArgument', `Unknown operation ${operation}`);
      }
      const request = parseRequest(operation, name === undefined ? [] : [name, ...values], options.group);
      using repo = openCommandRepo(context, command);
      const { group, key, value = '' } = request;
      if (operation === 'get') context.write(`${readSetting(repo, request)}\n`);
      else if (operation === 'set') updateRepoConfig(repo, (config) => config.set(group, key, value));
      else updateRepoConfig(repo, (config) => config.remove(group, key));
    },
  );
}
