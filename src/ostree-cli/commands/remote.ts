import { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import {
  addRemote,
  deleteRemote,
  listRemoteRefs,
  loadRemotes,
  requireRemote,
  type RemoteConfig,
} from '../../remote/index.ts';
import type { Repo } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { readGivenFile } from '../read-given-file.ts';
import { collect, openCommandRepo, repoCommand } from '../repo-command.ts';
import { systemTrustOf } from '../signing.ts';
import { gpgImportCommand, gpgListKeysCommand, importKeys } from './remote-keys.ts';

interface AddOptions {
  readonly set?: readonly string[];
  readonly gpgVerify: boolean;
  readonly signVerify: boolean;
  readonly gpgImport?: string;
  readonly ifNotExists?: boolean;
  readonly force?: boolean;
  readonly contenturl?: string;
  readonly collectionId?: string;
}

function settingsOf(options: AddOptions, branches: readonly string[]): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  if (options.contenturl !== undefined) settings.set('contenturl', options.contenturl);
  if (branches.length > 0) settings.set('branches', `${branches.join(';')};`);
  for (const pair of options.set ?? []) {
    const at = pair.indexOf('=');
    if (at <= 0) throw new AtomicError('InvalidArgument', "Missing '=' in KEY=VALUE for --set");
    settings.set(pair.slice(0, at), pair.slice(at + 1));
  }
  // As in the original, giving up signatures of one kind gives up those of OpenPGP as well.
  if (!options.gpgVerify || !options.signVerify) settings.set('gpg-verify', 'false');
  if (!options.signVerify) settings.set('sign-verify', 'false');
  if (options.collectionId !== undefined) settings.set('collection-id', options.collectionId);
  return settings;
}

function addCommand(context: OstreeContext): Command {
  const command = repoCommand('add', 'Add a remote repository')
    .argument('<name>')
    .argument('<url>')
    .argument('[branch...]')
    .option('--set <key=value>', 'set a configuration option of the remote', collect)
    .option('--no-gpg-verify', 'disable GPG verification')
    .option('--no-sign-verify', 'disable signature verification')
    .option('--gpg-import <file>', 'import GPG key from FILE')
    .option('--if-not-exists', 'do nothing if the remote exists')
    .option('--force', 'replace the remote if it exists')
    .option('--contenturl <url>', 'fetch content from this URL')
    .option('--collection-id <id>', 'globally unique id of the collection of refs');
  return command.action(async (name: string, url: string, branches: readonly string[], options: AddOptions) => {
    using repo = openCommandRepo(context, command);
    if (url.startsWith('metalink=')) {
      throw new AtomicError('NotSupported', 'Remotes with a metalink are not built yet', {
        hint: 'Give the URL of one mirror.',
      });
    }
    if (options.ifNotExists === true && options.force === true) {
      throw new AtomicError('InvalidArgument', 'Can only specify one of --if-not-exists and --force');
    }
    if (loadRemotes(repo).has(name)) {
      if (options.ifNotExists === true) return;
      if (options.force === true) deleteRemote(repo, name);
    }
    const ring = options.gpgImport === undefined ? undefined : readGivenFile(options.gpgImport);
    addRemote(repo, { name, url, settings: settingsOf(options, branches) });
    if (ring !== undefined) await importKeys(repo, { remote: name, sources: [ring], only: [] }, context);
  });
}

function deleteCommand(context: OstreeContext): Command {
  const command = repoCommand('delete', 'Delete a remote repository')
    .argument('<name>')
    .option('--if-exists', 'do nothing if the remote does not exist');
  return command.action((name: string, options: { ifExists?: boolean }) => {
    using repo = openCommandRepo(context, command);
    if (options.ifExists === true && !loadRemotes(repo).has(name)) return;
    deleteRemote(repo, name);
  });
}

/** The remotes of the repo and of those its `core.parent` names; of two of one name the nearer. */
function allRemotes(repo: Repo): ReadonlyMap<string, RemoteConfig> {
  const above = repo.parent === undefined ? [] : allRemotes(repo.parent);
  return new Map([...above, ...loadRemotes(repo)]);
}

function listCommand(context: OstreeContext): Command {
  const command = repoCommand('list', 'List remote repository names').option(
    '-u, --show-urls',
    'show remote URLs in list',
  );
  return command.action((options: { showUrls?: boolean }) => {
    using repo = openCommandRepo(context, command);
    const remotes = [...allRemotes(repo).values()].sort((left, right) => (left.name < right.name ? -1 : 1));
    const width = Math.max(0, ...remotes.map((remote) => remote.name.length));
    for (const { name, url } of remotes) {
      context.write(options.showUrls === true ? `${name.padEnd(width)}  ${url}\n` : `${name}\n`);
    }
  });
}

function showUrlCommand(context: OstreeContext): Command {
  const command = repoCommand('show-url', 'Show remote repository URL').argument('<name>');
  return command.action((name: string) => {
    using repo = openCommandRepo(context, command);
    context.write(`${requireRemote(repo, name).url}\n`);
  });
}

function refsCommand(context: OstreeContext): Command {
  const command = repoCommand('refs', 'List remote refs').argument('<name>');
  return command.action(async (name: string) => {
    using repo = openCommandRepo(context, command);
    const refs = await listRemoteRefs(
      repo,
      { remote: requireRemote(repo, name), systemTrust: systemTrustOf(context) },
      context.job,
    );
    for (const ref of refs.keys()) context.write(`${name}:${ref}\n`);
  });
}

/** `ostree remote`: lists, adds and deletes the remotes of a repository. */
export function remoteCommand(context: OstreeContext): Command {
  const command = new Command('remote')
    .description('Remote commands that may involve internet access')
    .option('--repo <path>', 'path to the repository (defaults to the current directory or /sysroot/ostree/repo)');
  for (const create of [
    addCommand,
    deleteCommand,
    listCommand,
    showUrlCommand,
    refsCommand,
    gpgImportCommand,
    gpgListKeysCommand,
  ]) {
    command.addCommand(create(context));
  }
  return command;
}
