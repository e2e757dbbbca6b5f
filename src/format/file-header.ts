import { AtomicError, type Checksum } from '../base/index.ts';
import { checkMode, checkOwner, fileTypeMask, regularFileType, symlinkType } from './file-mode.ts';
import { encodeVariant, swap32 } from './gvariant.ts';
import { maxSymlinkTargetBytes } from './limits.ts';
import { sha256Checksum } from './sha256.ts';
import { byteLength } from './text.ts';
import { xattrsToVariant, type Xattr } from './xattr.ts';

/** Everything about a file object but its content. `mode` is the full `st_mode`. */
export interface FileHeader {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  /** Empty for a regular file. */
  readonly symlinkTarget: string;
  /** Sorted by name. */
  readonly xattrs: readonly Xattr[];
}

/** True if the header is a symlink's. */
export function isSymlinkHeader(header: FileHeader): boolean {
  return (header.mode & fileTypeMask) === symlinkType;
}

/**
 * Returns the bytes that are hashed before a file's content: big-endian length, four zero bytes, `(uuuusa(ayay))`.
 * `InvalidFormat` for anything but a regular file or symlink. OSTree repository format: file objects.
 */
export function encodeFileHeader(header: FileHeader): Uint8Array {
  checkFileHeader(header);
  const { uid, gid, mode, symlinkTarget, xattrs } = header;
  const value = [swap32(uid), swap32(gid), swap32(mode), 0, symlinkTarget, xattrsToVariant(xattrs)];
  return withLength(encodeVariant('(uuuusa(ayay))', value));
}

/** The checksum that names a file object in every mode of repository; `content` is left out for a symlink. */
export function fileChecksum(header: FileHeader, content: Uint8Array = new Uint8Array()): Checksum {
  const bytes = encodeFileHeader(header);
  return isSymlinkHeader(header) ? sha256Checksum(bytes) : sha256Checksum(bytes, content);
}

/** Throws `InvalidFormat` unless the header is one that a file object can have. */
export function checkFileHeader(header: FileHeader): void {
  checkOwner(header.uid, 'file header');
  checkOwner(header.gid, 'file header');
  checkMode(header.mode, [regularFileType, symlinkType], 'file header');
  if (isSymlinkHeader(header) !== (header.symlinkTarget !== '')) {
    throw new AtomicError('InvalidFormat', 'Invalid file header: a symlink has a target, a regular file has none');
  }
  if (byteLength(header.symlinkTarget) > maxSymlinkTargetBytes) {
    throw new AtomicError('LimitExceeded', 'Invalid file header: the symlink target is too long');
  }
}

/** `variant` with the eight bytes in front that keep it aligned: its big-endian length and four zero bytes. */
export function withLength(variant: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + variant.length);
  new DataView(bytes.buffer).setUint32(0, variant.length);
  bytes.set(variant, 8);
  return bytes;
}
