import { AtomicError, checksumFromBytes, checksumToBytes, type Checksum } from '../base/index.ts';
import { decodeVariant, encodeVariant } from './gvariant.ts';
import { maxMetadataObjectBytes, maxNameBytes } from './limits.ts';
import { byteLength, compareBytes } from './text.ts';

/** A file or symlink in a directory. */
export interface DirTreeFile {
  readonly name: string;
  readonly checksum: Checksum;
}

/** A directory in a directory: the checksums of its dirtree and of its dirmeta. */
export interface DirTreeDirectory {
  readonly name: string;
  readonly tree: Checksum;
  readonly meta: Checksum;
}

/** What a directory holds, each list in byte order of the names. */
export interface DirTree {
  readonly files: readonly DirTreeFile[];
  readonly directories: readonly DirTreeDirectory[];
}

const dirTreeType = '(a(say)a(sayay))';

/**
 * The bytes of a dirtree object, whose SHA-256 is its name; the lists may come in any order. `InvalidFormat` if a name
 * cannot be one or appears twice. OSTree repository format: dirtree objects.
 */
export function encodeDirTree(tree: DirTree): Uint8Array {
  const files = tree.files.toSorted((a, b) => compareBytes(a.name, b.name));
  const directories = tree.directories.toSorted((a, b) => compareBytes(a.name, b.name));
  checkNames(files, directories);
  return encodeVariant(dirTreeType, [
    files.map((file) => [file.name, checksumToBytes(file.checksum)]),
    directories.map((dir) => [dir.name, checksumToBytes(dir.tree), checksumToBytes(dir.meta)]),
  ]);
}

/**
 * What a dirtree object says. `InvalidFormat` if a name cannot be one (empty, `.`, `..`, with a slash, too long), the
 * lists are not strictly ascending, or a name is both a file and a directory: such a tree could be checked out outside
 * its place.
 */
export function decodeDirTree(bytes: Uint8Array): DirTree {
  if (bytes.length > maxMetadataObjectBytes) throw new AtomicError('LimitExceeded', 'Directory object is too large');
  const [fileItems, directoryItems] = decodeVariant(dirTreeType, bytes) as readonly [
    readonly (readonly [string, Uint8Array])[],
    readonly (readonly [string, Uint8Array, Uint8Array])[],
  ];
  const files = fileItems.map(([name, checksum]) => ({ name, checksum: checksumFromBytes(checksum) }));
  const directories = directoryItems.map(([name, tree, meta]) => ({
    name,
    tree: checksumFromBytes(tree),
    meta: checksumFromBytes(meta),
  }));
  checkNames(files, directories);
  return { files, directories };
}

/** True if `name` can be the name of a file in a tree. */
export function isTreeName(name: string): boolean {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) return false;
  // No name of a quarter of the limit can exceed it: UTF-8 needs at most three bytes a unit.
  return name.length * 3 <= maxNameBytes || byteLength(name) <= maxNameBytes;
}

interface Named {
  readonly name: string;
}

function checkNames(files: readonly Named[], directories: readonly Named[]): void {
  checkList(files);
  checkList(directories);
  let next = 0;
  for (const { name } of directories) {
    while (next < files.length && compareBytes(files[next]?.name ?? '', name) < 0) next += 1;
    if (files[next]?.name === name) throw badTree(`${JSON.stringify(name)} is both a file and a directory`);
  }
}

function checkList(items: readonly Named[]): void {
  let previous: string | undefined;
  for (const { name } of items) {
    if (!isTreeName(name)) throw badTree(`${whyBadName(name)} ${JSON.stringify(name.slice(0, 80)).slice(1, -1)}`);
    if (previous !== undefined && compareBytes(previous, name) >= 0) throw badTree('names are not in order');
    previous = name;
  }
}

function badTree(reason: string): AtomicError {
  return new AtomicError('InvalidFormat', `Invalid dirtree: ${reason}`);
}

function whyBadName(name: string): string {
  return name.includes('/') ? 'Invalid / in filename' : 'Invalid filename';
}
