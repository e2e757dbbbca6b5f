import { AtomicError, isChecksum, type Checksum } from '../base/index.ts';
import { compareBytes, formatRefspec, isRefName, parseRefspec } from '../format/index.ts';
import {
  ensureDirDurably,
  explainedError,
  isTemporaryName,
  replaceSymlinkDurably,
  syncDir,
  writeFileDurably,
  type Dir,
} from '../platform/index.ts';
import type { Repo } from './repo.ts';

/** A ref file is 64 digits and a newline; anything larger is not one. */
const maxRefFileBytes = 4096;

/** How many aliases may stand behind one another. */
const maxAliases = 8;

/** Directories below refs/ nest as deep as a ref's name has parts; deeper than this is a loop or an attack. */
const maxRefDepth = 64;

/** A ref that mirrors one of a collection: `refs/mirrors/COLLECTION/REF`. */
export interface MirrorRef {
  readonly collection: string;
  readonly ref: string;
  readonly checksum: Checksum;
}

/** The file of a refspec below the repo. Throws `InvalidRefspec` for what is not a valid name. */
export function refPath(refspec: string): string {
  const { remote, ref } = parseRefspec(refspec);
  return remote === undefined ? `refs/heads/${ref}` : `refs/remotes/${remote}/${ref}`;
}

/** The commit a refspec names; undefined if there is no such ref. Aliases are followed. Not the parent repo's refs. */
export function readRef(repo: Repo, refspec: string): Checksum | undefined {
  return readRefFile(repo, refPath(refspec));
}

function readRefFile(repo: Repo, path: string): Checksum | undefined {
  const target = resolveAlias(repo.dir, path);
  const stat = target === undefined ? undefined : repo.dir.stat(target);
  if (target === undefined || stat === undefined || !stat.isFile()) return undefined;
  const text = repo.dir.readText(target, maxRefFileBytes)?.trimEnd();
  if (text === undefined || isChecksum(text)) return text;
  throw new AtomicError('InvalidFormat', `The ref file ${repo.path}/${target} does not hold a checksum`, {
    facts: { path: `${repo.path}/${target}` },
    hint: 'Delete the ref, then pull or commit again.',
  });
}

/** The file an alias ends at, itself for a plain ref; undefined when it leads out of the directory of its kind or in a circle. */
function resolveAlias(dir: Dir, path: string): string | undefined {
  const kind = path.split('/').slice(0, 2).join('/');
  let current = path;
  for (let step = 0; step < maxAliases; step += 1) {
    if (dir.stat(current)?.isSymlink() !== true) return current;
    const target = dir.readlink(current);
    if (target === undefined || target.startsWith('/')) return undefined;
    const parts = current.split('/').slice(0, -1);
    for (const part of target.split('/')) {
      if (part === '..') parts.pop();
      else if (part !== '.' && part !== '') parts.push(part);
    }
    current = parts.join('/');
    if (!current.startsWith(`${kind}/`)) return undefined;
  }
  return undefined;
}

/**
 * The local refs and those of remotes (`remote:ref`), sorted by bytes; only `prefix` itself and what lies below it when
 * given. Aliases are listed with what they lead to. Throws `InvalidFormat` naming a damaged ref file.
 */
export function listRefs(repo: Repo, prefix?: string): ReadonlyMap<string, Checksum> {
  const found: [refspec: string, checksum: Checksum][] = [];
  for (const [refspec, path] of listRefFiles(repo)) {
    if (prefix !== undefined && refspec !== prefix && !refspec.startsWith(`${prefix}/`)) continue;
    const checksum = readRefFile(repo, path);
    if (checksum !== undefined) found.push([refspec, checksum]);
  }
  return new Map(found.sort(([left], [right]) => compareBytes(left, right)));
}

/** Every refspec with the file that holds it, unread and unsorted; mirrors not among them. */
export function listRefFiles(repo: Repo): readonly (readonly [refspec: string, path: string])[] {
  const heads = refFilesBelow(repo.dir, 'refs/heads').map((ref) => [ref, `refs/heads/${ref}`] as const);
  const remotes = childDirectories(repo.dir, 'refs/remotes').flatMap((remote) =>
    refFilesBelow(repo.dir, `refs/remotes/${remote}`).map(
      (ref) => [formatRefspec({ remote, ref }), `refs/remotes/${remote}/${ref}`] as const,
    ),
  );
  return [...heads, ...remotes];
}

/** The refs mirrored from collections, in no particular order. */
export function listMirrorRefs(repo: Repo): readonly MirrorRef[] {
  return childDirectories(repo.dir, 'refs/mirrors').flatMap((collection) =>
    refFilesBelow(repo.dir, `refs/mirrors/${collection}`).flatMap((ref) => {
      const checksum = readRefFile(repo, `refs/mirrors/${collection}/${ref}`);
      return checksum === undefined ? [] : [{ collection, ref, checksum }];
    }),
  );
}

function childDirectories(dir: Dir, path: string): readonly string[] {
  if (!dir.exists(path)) return [];
  return dir.list(path).flatMap((entry) => (entry.type === 'directory' ? [entry.name] : []));
}

function refFilesBelow(dir: Dir, top: string): readonly string[] {
  const found: string[] = [];
  const visit = (below: string, depth: number): void => {
    if (depth > maxRefDepth)
      throw new AtomicError('LimitExceeded', `${dir.path}/${top} nests deeper than ${maxRefDepth}`);
    for (const entry of dir.list(below === '' ? top : `${top}/${below}`)) {
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.type === 'directory') visit(name, depth + 1);
      // A name no ref can have is a temporary file or an editor's leftover.
      else if (isRefName(name)) found.push(name);
    }
  };
  if (dir.exists(top)) visit('', 0);
  return found;
}

/**
 * Makes `refspec` name `checksum`, or removes the ref when `checksum` is undefined; durable on return unless the repo has
 * `core.fsync=false`. Replaces an alias by a plain ref. Removing what is absent does nothing. Throws `InvalidRefspec` for an
 * invalid name and when another ref is in the way (`a` and `a/b` cannot both exist). The objects must be durable before:
 * `Staging.publish` sees to that.
 */
export function writeRef(repo: Repo, refspec: string, checksum: Checksum | undefined): void {
  const path = refPath(refspec);
  try {
    if (checksum === undefined) removeRefFile(repo, path);
    else writeRefFile(repo, path, checksum);
    // libostree's readers watch the repo directory's mtime to see that refs changed.
    repo.dir.touch('.');
  } catch (error) {
    throw explainedError(`write the ref ${refspec} of ${repo.path}`, error);
  }
}

/** Like {@link writeRef} for a ref mirrored from a collection. */
export function writeMirrorRef(
  repo: Repo,
  { collection, ref }: { readonly collection: string; readonly ref: string },
  checksum: Checksum | undefined,
): void {
  if (!isRefName(ref) || !isRefName(collection) || collection.includes('/')) {
    throw invalidRef(`${collection}, ${ref}`, 'it is not a valid name');
  }
  const path = `refs/mirrors/${collection}/${ref}`;
  if (checksum === undefined) removeRefFile(repo, path);
  else writeRefFile(repo, path, checksum);
  repo.dir.touch('.');
}

/** Makes the local ref `alias` lead to the local ref `target`, which must exist (`RefNotFound`); durable on return. */
export function writeRefAlias(repo: Repo, alias: string, target: string): void {
  for (const name of [alias, target]) if (!isRefName(name)) throw invalidRef(name, 'it is not the name of a local ref');
  if (readRef(repo, target) === undefined) {
    throw new AtomicError('RefNotFound', `Cannot make ${alias} an alias: no such ref ${target}`, {
      facts: { ref: target },
    });
  }
  const path = `refs/heads/${alias}`;
  prepareRefPath(repo, path);
  replaceSymlinkDurably(repo.dir, path, `${'../'.repeat(alias.split('/').length - 1)}${target}`);
  repo.dir.touch('.');
}

function writeRefFile(repo: Repo, path: string, checksum: Checksum): void {
  prepareRefPath(repo, path);
  if (repo.settings.fsync) writeFileDurably(repo.dir, path, `${checksum}\n`, 0o644);
  else repo.dir.writeFile(path, `${checksum}\n`, 0o644);
}

/** Makes the directories above a ref file and removes an empty directory in its place; refuses a real conflict. */
function prepareRefPath(repo: Repo, path: string): void {
  const parts = path.split('/');
  for (let count = 1; count < parts.length; count += 1) {
    const above = parts.slice(0, count).join('/');
    const stat = repo.dir.stat(above);
    if (stat === undefined) break;
    if (!stat.isDirectory()) throw invalidRef(path, `${above} is a ref itself`);
  }
  const parent = parts.slice(0, -1).join('/');
  if (repo.settings.fsync) ensureDirDurably(repo.dir, parent, 0o775);
  else repo.dir.ensureDir(parent, 0o775);
  if (repo.dir.stat(path)?.isDirectory() !== true) return;
  if (refFilesBelow(repo.dir, path).length > 0) throw invalidRef(path, 'there are refs below it');
  removeEmptyDirectories(repo.dir, path);
}

function removeEmptyDirectories(dir: Dir, path: string): void {
  for (const entry of dir.list(path))
    if (entry.type === 'directory') removeEmptyDirectories(dir, `${path}/${entry.name}`);
  dir.removeDir(path);
}

function removeRefFile(repo: Repo, path: string): void {
  if (repo.dir.stat(path)?.isDirectory() === true || !repo.dir.unlink(path)) return;
  if (repo.settings.fsync) syncDir(repo.dir, path.split('/').slice(0, -1).join('/'));
}

/** Removes the temporary files of ref writers that were killed: those last changed before `expiredNs`. */
export function removeStaleRefFiles(repo: Repo, expiredNs: bigint): void {
  const visit = (path: string, depth: number): void => {
    if (depth > maxRefDepth) return;
    for (const { name, type } of repo.dir.list(path)) {
      const below = `${path}/${name}`;
      if (type === 'directory') visit(below, depth + 1);
      else if (isTemporaryName(name) && (repo.dir.stat(below)?.mtimeNs ?? expiredNs) < expiredNs)
        repo.dir.unlink(below);
    }
  };
  if (repo.dir.exists('refs')) visit('refs', 0);
}

function invalidRef(name: string, reason: string): AtomicError {
  return new AtomicError('InvalidRefspec', `Cannot write the ref ${name}: ${reason}`, {
    facts: { ref: name },
    hint: 'Choose another name, or delete the ref that is in the way.',
  });
}
