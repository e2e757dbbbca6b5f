import { AtomicError } from '../base/index.ts';
import { checkFileHeader, isSymlinkHeader, withLength, type FileHeader } from './file-header.ts';
import { decodeVariant, encodeVariant, swap32, swap64, type VariantValue } from './gvariant.ts';
import { maxFileBytes, maxFileHeaderBytes } from './limits.ts';
import { xattrsFromVariant, xattrsToVariant } from './xattr.ts';

/** How many bytes at the start of a `.filez` tell the length of its header. */
export const filezPrefixBytes = 8;

const filezType = '(tuuuusa(ayay))';
type FilezTuple = readonly [bigint, number, number, number, number, string, VariantValue];

/** The header of a `.filez` and where its deflate stream begins. */
export interface FilezHeader {
  readonly header: FileHeader;
  /** Size of the inflated content; 0 for a symlink. Nothing larger may come out of the stream. */
  readonly sizeBytes: number;
  /** The deflate stream begins at this offset; a symlink has none. */
  readonly headerBytes: number;
}

/**
 * Returns the header of a file object in an archive repository; the raw deflate stream follows it, nothing for a
 * symlink. OSTree repository format: archive mode.
 */
export function encodeFilezHeader(header: FileHeader, sizeBytes: number): Uint8Array {
  checkFileHeader(header);
  checkSize(header, sizeBytes);
  const { uid, gid, mode, symlinkTarget, xattrs } = header;
  const numbers = [swap64(BigInt(sizeBytes)), swap32(uid), swap32(gid), swap32(mode), 0];
  return withLength(encodeVariant(filezType, [...numbers, symlinkTarget, xattrsToVariant(xattrs)]));
}

/**
 * How many bytes of a `.filez` make up its header, read from its first {@link filezPrefixBytes}; at most
 * {@link maxFileHeaderBytes} more than that.
 */
export function filezHeaderLength(prefix: Uint8Array): number {
  if (prefix.length < filezPrefixBytes) throw new AtomicError('InvalidFormat', 'Invalid filez: cut short');
  const view = new DataView(prefix.buffer, prefix.byteOffset, filezPrefixBytes);
  const length = view.getUint32(0);
  if (view.getUint32(4) !== 0) throw new AtomicError('InvalidFormat', 'Invalid filez: bad header');
  if (length > maxFileHeaderBytes) throw new AtomicError('LimitExceeded', `Header of ${length} bytes is too large`);
  return filezPrefixBytes + length;
}

/** Returns the header at the start of `bytes`, which may go on behind it. `InvalidFormat` if it is cut short or bad. */
export function decodeFilezHeader(bytes: Uint8Array): FilezHeader {
  const headerBytes = filezHeaderLength(bytes);
  if (bytes.length < headerBytes) throw new AtomicError('InvalidFormat', 'Invalid filez: header cut short');
  const value = decodeVariant(filezType, bytes.subarray(filezPrefixBytes, headerBytes));
  const [size, uid, gid, mode, rdev, target, xattrs] = value as FilezTuple;
  if (rdev !== 0) throw new AtomicError('InvalidFormat', 'Invalid filez: device numbers are not allowed');
  const header: FileHeader = {
    uid: swap32(uid),
    gid: swap32(gid),
    mode: swap32(mode),
    symlinkTarget: target,
    xattrs: xattrsFromVariant(xattrs),
  };
  checkFileHeader(header);
  const sizeBytes = Number(swap64(size));
  checkSize(header, sizeBytes);
  return { header, sizeBytes, headerBytes };
}

function checkSize(header: FileHeader, sizeBytes: number): void {
  if (isSymlinkHeader(header) && sizeBytes !== 0) {
    throw new AtomicError('InvalidFormat', 'Invalid filez: a symlink with content');
  }
  if (!(sizeBytes >= 0 && sizeBytes <= maxFileBytes)) {
    throw new AtomicError('LimitExceeded', `File of ${sizeBytes} bytes is too large`);
  }
}
