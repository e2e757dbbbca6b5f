import { inflateRawSync } from 'node:zlib';
import { AtomicError, isAtomicError, messageOf, type Checksum } from '../base/index.ts';
import {
  compareBytes,
  decodeFileMeta,
  decodeFilezHeader,
  fileMetaXattr,
  filezHeaderLength,
  filezPrefixBytes,
  isSymlinkHeader,
  maxFileBytes,
  type FileHeader,
  type Xattr,
} from '../format/index.ts';
import { flags, sys, type Dir, type Stat } from '../platform/index.ts';
import { corruptObject, missingObject } from './errors.ts';
import { findObject } from './objects.ts';
import type { Repo } from './repo.ts';

/** A regular file or symlink as a repo holds it, whatever the repo's mode. */
export interface LoadedFile {
  readonly header: FileHeader;
  /** Of the content; 0 for a symlink. */
  readonly sizeBytes: number;
  /** Reads the whole content into memory; empty for a symlink. */
  read(): Uint8Array;
}

/**
 * The file object of that checksum, from the repo or its parent repos. The header is read at once, the content on `read()`.
 * Does not hash: `fsckRepo` does. Throws `MissingObject`, and `CorruptObject` when the stored form makes no sense.
 */
export function loadFile(repo: Repo, checksum: Checksum): LoadedFile {
  const found = findObject(repo, 'file', checksum);
  if (found === undefined) throw missingObject(repo, { type: 'file', checksum });
  const guarded = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      if (!isAtomicError(error, 'InvalidFormat', 'LimitExceeded')) throw error;
      throw corruptObject(found.repo, { type: 'file', checksum }, error.message);
    }
  };
  const stored = guarded(() => loadStored(found.repo, found.path));
  return { header: stored.header, sizeBytes: stored.sizeBytes, read: () => guarded(() => stored.read()) };
}

function loadStored(repo: Repo, path: string): LoadedFile {
  if (repo.mode === 'archive') return loadArchived(repo, path);
  if (repo.mode === 'bare-user-only') return loadPlain(repo, path);
  return repo.mode === 'bare' ? loadBare(repo, path) : loadBareUser(repo, path);
}

const nothing = (): Uint8Array => new Uint8Array();

function loadBare({ objects }: Repo, path: string): LoadedFile {
  const { uid, gid, mode, size } = sys.fstatat(objects.fd, path, flags.AT_SYMLINK_NOFOLLOW);
  const symlinkTarget = objects.readlink(path) ?? '';
  const header = { uid, gid, mode, symlinkTarget, xattrs: readXattrs(objects, path) };
  if (symlinkTarget !== '') return { header, sizeBytes: 0, read: nothing };
  return { header, sizeBytes: size, read: () => readWhole(objects, path) };
}

/** Everything belongs to root and has no attributes, whoever owns the files: bare-user-only keeps neither. */
function loadPlain(repo: Repo, path: string): LoadedFile {
  const { header, ...rest } = loadBare(repo, path);
  return { ...rest, header: { ...header, uid: 0, gid: 0, xattrs: [] } };
}

/** An attribute with an empty value is none to OSTree. */
function readXattrs(objects: Dir, path: string): readonly Xattr[] {
  return sys
    .llistxattr(objects.fd, path)
    .toSorted(compareBytes)
    .map((name) => ({ name, value: sys.lgetxattr(objects.fd, path, name) ?? new Uint8Array() }))
    .filter(({ value }) => value.length > 0);
}

/** Owner, mode and xattrs stand in one xattr; a symlink is a file that holds its target and a zero byte. */
function loadBareUser({ objects }: Repo, path: string): LoadedFile {
  const stat: Stat = sys.fstatat(objects.fd, path, flags.AT_SYMLINK_NOFOLLOW);
  const bytes = sys.lgetxattr(objects.fd, path, fileMetaXattr);
  if (bytes === undefined) throw new AtomicError('InvalidFormat', `the xattr ${fileMetaXattr} is missing`);
  const header = { ...decodeFileMeta(bytes), symlinkTarget: '' };
  if (!isSymlinkHeader(header)) return { header, sizeBytes: stat.size, read: () => readWhole(objects, path) };
  const symlinkTarget = Buffer.from(readWhole(objects, path)).toString('utf8').replace(/\0$/, '');
  return { header: { ...header, symlinkTarget }, sizeBytes: 0, read: nothing };
}

function loadArchived({ objects }: Repo, path: string): LoadedFile {
  const { header, sizeBytes, headerBytes } = decodeFilezHeader(readFilezHeader(objects, path));
  if (isSymlinkHeader(header)) return { header, sizeBytes: 0, read: nothing };
  const read = (): Uint8Array => inflate(readWhole(objects, path).subarray(headerBytes), sizeBytes);
  return { header, sizeBytes, read };
}

function readFilezHeader(objects: Dir, path: string): Uint8Array {
  const fd = objects.openFile(path);
  try {
    const prefix = new Uint8Array(filezPrefixBytes);
    const length = filezHeaderLength(prefix.subarray(0, sys.pread(fd, prefix, 0)));
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, sys.pread(fd, bytes, 0));
  } finally {
    sys.close(fd);
  }
}

/** The header says how much comes out; a stream that gives more or less is damaged, and is stopped at that size. */
function inflate(deflated: Uint8Array, sizeBytes: number): Uint8Array {
  try {
    const content = inflateRawSync(deflated, { maxOutputLength: Math.max(sizeBytes, 1) });
    if (content.length === sizeBytes) return new Uint8Array(content.buffer, content.byteOffset, content.length);
  } catch (error) {
    throw new AtomicError('InvalidFormat', `its content cannot be inflated: ${messageOf(error)}`, { cause: error });
  }
  throw new AtomicError('InvalidFormat', `its content does not have the ${sizeBytes} bytes it should`);
}

function readWhole(objects: Dir, path: string): Uint8Array {
  return objects.readFile(path, maxFileBytes) ?? new Uint8Array();
}
