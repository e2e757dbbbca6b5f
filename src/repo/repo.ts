import { AtomicError, isAtomicError } from '../base/index.ts';
import { createKeyfile, parseKeyfile, type Keyfile } from '../format/index.ts';
import { Dir, writeFileDurably } from '../platform/index.ts';
import { modeConfigName, parseSettings, type RepoMode, type RepoSettings } from './settings.ts';

/** A config file larger than this is not one: real ones have a few kilobytes. */
export const maxConfigBytes = 1 << 20;

/** How many `core.parent` repos may stand behind one another; more is a loop. */
const maxParentRepos = 8;

/** An open object store. Holds directory descriptors and at most one lock; dispose it. A task opens its own. */
export class Repo implements Disposable {
  readonly dir: Dir;
  readonly objects: Dir;
  readonly config: Keyfile;
  readonly settings: RepoSettings;
  /** The repo named by `core.parent`, whose objects count as present; disposed with this one. */
  readonly parent: Repo | undefined;

  constructor(parts: { dir: Dir; objects: Dir; config: Keyfile; settings: RepoSettings; parent: Repo | undefined }) {
    this.dir = parts.dir;
    this.objects = parts.objects;
    this.config = parts.config;
    this.settings = parts.settings;
    this.parent = parts.parent;
  }

  get path(): string {
    return this.dir.path;
  }

  get mode(): RepoMode {
    return this.settings.mode;
  }

  [Symbol.dispose](): void {
    this.objects[Symbol.dispose]();
    this.dir[Symbol.dispose]();
    this.parent?.[Symbol.dispose]();
  }
}

/** What `initRepo` is told. */
export interface InitOptions {
  readonly mode: RepoMode;
  readonly collectionId?: string;
}

/**
 * Guarantees a repo at `path` and opens it; the directory and its parents are made when absent, an existing repo is opened
 * as it is if its mode is the same and refused with `InvalidRepo` otherwise. `objects` is made last: its presence means
 * that the repo is whole. Not durable. OSTree repository format: layout.
 */
export function initRepo(path: string, options: InitOptions): Repo {
  using start = Dir.open(path.startsWith('/') ? '/' : '.');
  const relative = path.replace(/^\/+|\/+$/g, '');
  if (relative !== '') start.ensureDir(relative, 0o775);
  const dir = Dir.open(path);
  try {
    if (!dir.exists('objects')) writeLayout(dir, options);
  } catch (error) {
    dir[Symbol.dispose]();
    throw error;
  }
  const repo = openRepo(dir);
  if (repo.mode === options.mode) return repo;
  repo[Symbol.dispose]();
  throw new AtomicError(
    'InvalidRepo',
    `Cannot initialize ${path} as ${options.mode}: it is a repo of mode ${repo.mode}`,
    {
      facts: { path, mode: repo.mode },
      hint: 'Choose another directory, or keep the mode it has.',
    },
  );
}

function writeLayout(dir: Dir, options: InitOptions): void {
  if (!dir.exists('config')) {
    const config = createKeyfile();
    config.set('core', 'repo_version', '1');
    config.set('core', 'mode', modeConfigName(options.mode));
    if (options.collectionId !== undefined) config.set('core', 'collection-id', options.collectionId);
    dir.writeFile('config', config.toString());
  }
  for (const name of ['tmp', 'extensions', 'state', 'refs', 'refs/heads', 'refs/mirrors', 'refs/remotes', 'objects']) {
    dir.ensureDir(name, 0o775);
  }
}

/**
 * Opens the repo at `place` (a path, or a directory that the repo then owns). Throws `InvalidRepo` when there is none or its
 * config cannot be understood, `NotSupported` when it is of a mode we do not read.
 */
export function openRepo(place: string | Dir): Repo {
  return openWithParents(place, 0);
}

function openWithParents(place: string | Dir, depth: number): Repo {
  const dir = typeof place === 'string' ? openRepoDir(place) : place;
  const opened: Disposable[] = [dir];
  try {
    const objects = dir.tryOpenDir('objects');
    if (objects === undefined) throw notARepo(dir.path, 'it has no directory objects');
    opened.push(objects);
    const config = readConfig(dir);
    const settings = parseSettings(config, dir.path);
    if (settings.parentPath !== undefined && depth >= maxParentRepos) {
      throw notARepo(dir.path, `more than ${maxParentRepos} core.parent repos follow one another`);
    }
    const parent = settings.parentPath === undefined ? undefined : openWithParents(settings.parentPath, depth + 1);
    return new Repo({ dir, objects, config, settings, parent });
  } catch (error) {
    for (const part of opened) part[Symbol.dispose]();
    throw error;
  }
}

function openRepoDir(path: string): Dir {
  try {
    return Dir.open(path);
  } catch (cause) {
    // Without the addon nothing can be opened; that is what has to be told.
    if (isAtomicError(cause, 'NativeMissing')) throw cause;
    throw notARepo(path, 'the directory cannot be opened', cause);
  }
}

function readConfig(dir: Dir): Keyfile {
  const text = dir.readText('config', maxConfigBytes);
  if (text === undefined) throw notARepo(dir.path, 'it has no file config');
  try {
    return parseKeyfile(text, `${dir.path}/config`);
  } catch (cause) {
    if (!isAtomicError(cause)) throw cause;
    throw new AtomicError('InvalidRepo', `Cannot read the config of repo ${dir.path}: ${cause.message}`, {
      facts: { path: dir.path },
      hint: `Correct ${dir.path}/config.`,
      cause,
    });
  }
}

function notARepo(path: string, reason: string, cause?: unknown): AtomicError {
  return new AtomicError('InvalidRepo', `${path} is not an OSTree repo: ${reason}`, {
    facts: { path },
    hint: 'Give the path of a repo, or make one with `ostree init`.',
    cause,
  });
}

/**
 * Changes the config file durably: `edit` is applied to a fresh copy of the file, which is checked, written, and then
 * applied to `repo.config` too. `repo.settings` keeps the values it was opened with.
 */
export function updateRepoConfig(repo: Repo, edit: (config: Keyfile) => void): void {
  const fresh = readConfig(repo.dir);
  edit(fresh);
  parseSettings(fresh, repo.path);
  writeFileDurably(repo.dir, 'config', fresh.toString(), 0o644);
  edit(repo.config);
}

/** The names of the remotes in the repo's own config file, in the file's order. */
export function listRemoteNames(repo: Repo): readonly string[] {
  return repo.config.groups().flatMap((group) => {
    const match = /^remote "(.+)"$/.exec(group);
    return match?.[1] === undefined ? [] : [match[1]];
  });
}
