import { AtomicError, type Checksum } from '../base/index.ts';
import { maxTreeDepth } from '../format/index.ts';
import { loadFile } from './file-object.ts';
import { loadCommit, loadDirTree } from './objects.ts';
import type { Repo } from './repo.ts';

/** A directory of a commit: its path from the root ('/' is the root itself) and its two objects. */
export interface DirectoryEntry {
  readonly kind: 'directory';
  readonly path: string;
  readonly tree: Checksum;
  readonly meta: Checksum;
}

/** A regular file or symlink of a commit; `loadFile` tells which, with owner, mode and size. */
export interface FileEntry {
  readonly kind: 'file';
  readonly path: string;
  readonly checksum: Checksum;
}

/** What a commit holds at a path. */
export type TreeEntry = DirectoryEntry | FileEntry;

/** As many symlinks as Linux follows in one path. */
const maxSymlinks = 40;

/** A few small dirtrees can describe a tree of astronomical size; no system has so many files. As many as a pull takes. */
const maxListedEntries = 10_000_000;

/** A whole file read through `readPath` is small text; more than this is a mistake. */
const defaultReadLimitBytes = 64 << 20;

/** What stands at `path` in a commit, symlinks not followed; undefined if nothing does. `path` counts from the root. */
export function findEntry(repo: Repo, commit: Checksum, path: string): TreeEntry | undefined {
  const { rootTree, rootMeta } = loadCommit(repo, commit);
  let entry: TreeEntry = { kind: 'directory', path: '/', tree: rootTree, meta: rootMeta };
  for (const name of splitPath(path)) {
    if (entry.kind !== 'directory') return undefined;
    const child = findChild(repo, entry, name);
    if (child === undefined) return undefined;
    entry = child;
  }
  return entry;
}

function findChild(repo: Repo, directory: DirectoryEntry, name: string): TreeEntry | undefined {
  const tree = loadDirTree(repo, directory.tree);
  const path = joinPath(directory.path, name);
  const file = tree.files.find((item) => item.name === name);
  if (file !== undefined) return { kind: 'file', path, checksum: file.checksum };
  const child = tree.directories.find((item) => item.name === name);
  return child === undefined ? undefined : { kind: 'directory', path, tree: child.tree, meta: child.meta };
}

/**
 * The content of the regular file at `path` in a commit, symlinks followed inside the commit; undefined if there is no
 * regular file. Throws `LimitExceeded` above `limitBytes` (64 MiB unless told) and when symlinks run in a circle.
 */
export function readPath(
  repo: Repo,
  commit: Checksum,
  path: string,
  limitBytes: number = defaultReadLimitBytes,
): Uint8Array | undefined {
  const entry = followEntry(repo, commit, path);
  if (entry?.kind !== 'file') return undefined;
  const file = loadFile(repo, entry.checksum);
  if (file.sizeBytes > limitBytes) {
    throw new AtomicError(
      'LimitExceeded',
      `${path} in commit ${commit} has ${file.sizeBytes} bytes, more than ${limitBytes}`,
      {
        facts: { path, commit, sizeBytes: file.sizeBytes },
      },
    );
  }
  return file.read();
}

/** What stands at `path` in a commit after all symlinks, none of which leads out of the commit; undefined if nothing does. */
export function followEntry(repo: Repo, commit: Checksum, path: string): TreeEntry | undefined {
  let pending = [...splitPath(path)];
  let done: string[] = [];
  let links = 0;
  while (pending.length > 0) {
    const [name, ...rest] = pending;
    pending = rest;
    if (name === undefined || name === '.') continue;
    if (name === '..') {
      done.pop();
      continue;
    }
    const entry = findEntry(repo, commit, [...done, name].join('/'));
    if (entry === undefined) return undefined;
    const target = entry.kind === 'file' ? loadFile(repo, entry.checksum).header.symlinkTarget : '';
    if (target === '') {
      done.push(name);
      continue;
    }
    links += 1;
    if (links > maxSymlinks)
      throw new AtomicError('LimitExceeded', `Too many symlinks on the way to ${path} in ${commit}`);
    if (target.startsWith('/')) done = [];
    pending = [...splitPath(target, true), ...pending];
  }
  return findEntry(repo, commit, done.join('/'));
}

/**
 * Walks a commit from `path` down: the entry itself first, then, for a directory, its files and its directories in the
 * order of their names' bytes; everything below too when `recursive`. Lazy: one dirtree is loaded when it is reached.
 * Throws `NotFound` when nothing stands at `path`, and `LimitExceeded` in a tree no file system could hold.
 */
export function* lsTree(
  repo: Repo,
  commit: Checksum,
  options: { readonly path?: string; readonly recursive?: boolean } = {},
): Generator<TreeEntry, void, undefined> {
  const path = options.path ?? '/';
  const start = findEntry(repo, commit, path);
  if (start === undefined) {
    throw new AtomicError('NotFound', `No such file or directory in commit ${commit}: ${path}`, {
      facts: { commit, path },
    });
  }
  if (options.recursive === true) yield* walkAll(repo, start);
  else yield* list(repo, start);
}

/** The entry itself, then its files, then its directories. */
function* list(repo: Repo, entry: TreeEntry): Generator<TreeEntry, void, undefined> {
  yield entry;
  if (entry.kind === 'directory') yield* childrenOf(repo, entry);
}

function* childrenOf(repo: Repo, directory: DirectoryEntry): Generator<TreeEntry, void, undefined> {
  const { files, directories } = loadDirTree(repo, directory.tree);
  const { path } = directory;
  for (const { name, checksum } of files) yield { kind: 'file', path: joinPath(path, name), checksum };
  for (const { name, tree, meta } of directories) yield { kind: 'directory', path: joinPath(path, name), tree, meta };
}

/** Everything from an entry down, depth first. A stack of its own: a hostile tree is deeper than that of the machine. */
function* walkAll(repo: Repo, start: TreeEntry): Generator<TreeEntry, void, undefined> {
  let count = 1;
  yield start;
  const open = start.kind === 'directory' ? [childrenOf(repo, start)] : [];
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const next = top.next();
    if (next.done === true) {
      open.pop();
      continue;
    }
    count += 1;
    if (count > maxListedEntries || open.length > maxTreeDepth) throw tooLargeTree(start.path);
    yield next.value;
    if (next.value.kind === 'directory') open.push(childrenOf(repo, next.value));
  }
}

function tooLargeTree(path: string): AtomicError {
  return new AtomicError(
    'LimitExceeded',
    `${path} has more than ${maxListedEntries} entries or nests deeper than ${maxTreeDepth}`,
    { facts: { path }, hint: 'No file system can hold such a tree; tell who made the commit.' },
  );
}

function joinPath(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`;
}

function splitPath(path: string, keepDots = false): string[] {
  return path.split('/').filter((name) => name !== '' && (keepDots || name !== '.'));
}
