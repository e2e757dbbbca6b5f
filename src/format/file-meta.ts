import { checkMode, checkOwner, regularFileType, symlinkType } from './file-mode.ts';
import { decodeVariant, encodeVariant, swap32, type VariantValue } from './gvariant.ts';
import { xattrsFromVariant, xattrsToVariant, type Xattr } from './xattr.ts';

/** Name of the extended attribute that holds a file's metadata in a bare-user repository. */
export const fileMetaXattr = 'user.ostreemeta';

/** What a bare-user repository keeps beside a file's content. `mode` is the full `st_mode` of the file it stands for. */
export interface FileMeta {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly xattrs: readonly Xattr[];
}

/** The value of `user.ostreemeta`: `(uuua(ayay))`, numbers big-endian. OSTree repository format: bare-user mode. */
export function encodeFileMeta(meta: FileMeta): Uint8Array {
  check(meta);
  const { uid, gid, mode, xattrs } = meta;
  return encodeVariant('(uuua(ayay))', [swap32(uid), swap32(gid), swap32(mode), xattrsToVariant(xattrs)]);
}

/** What a `user.ostreemeta` says; `InvalidFormat` unless it stands for a regular file or symlink. */
export function decodeFileMeta(bytes: Uint8Array): FileMeta {
  const value = decodeVariant('(uuua(ayay))', bytes);
  const [uid, gid, mode, xattrs] = value as readonly [number, number, number, VariantValue];
  const meta: FileMeta = { uid: swap32(uid), gid: swap32(gid), mode: swap32(mode), xattrs: xattrsFromVariant(xattrs) };
  check(meta);
  return meta;
}

function check(meta: FileMeta): void {
  checkOwner(meta.uid, 'file metadata');
  checkOwner(meta.gid, 'file metadata');
  checkMode(meta.mode, [regularFileType, symlinkType], 'file metadata');
}
