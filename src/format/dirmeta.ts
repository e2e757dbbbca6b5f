import { checkMode, checkOwner, directoryType } from './file-mode.ts';
import { decodeVariant, encodeVariant, swap32, type VariantValue } from './gvariant.ts';
import { xattrsFromVariant, xattrsToVariant, type Xattr } from './xattr.ts';

/** Owner, permissions and attributes of a directory. `mode` is the full `st_mode` (040755). */
export interface DirMeta {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  /** Sorted by name. */
  readonly xattrs: readonly Xattr[];
}

/** The bytes of a dirmeta object, whose SHA-256 is its name. OSTree repository format: dirmeta objects. */
export function encodeDirMeta(meta: DirMeta): Uint8Array {
  check(meta);
  const { uid, gid, mode, xattrs } = meta;
  return encodeVariant('(uuua(ayay))', [swap32(uid), swap32(gid), swap32(mode), xattrsToVariant(xattrs)]);
}

/** What a dirmeta object says; `InvalidFormat` unless it describes a directory. */
export function decodeDirMeta(bytes: Uint8Array): DirMeta {
  const value = decodeVariant('(uuua(ayay))', bytes);
  const [uid, gid, mode, xattrs] = value as readonly [number, number, number, VariantValue];
  const meta: DirMeta = { uid: swap32(uid), gid: swap32(gid), mode: swap32(mode), xattrs: xattrsFromVariant(xattrs) };
  check(meta);
  return meta;
}

function check(meta: DirMeta): void {
  checkOwner(meta.uid, 'dirmeta');
  checkOwner(meta.gid, 'dirmeta');
  checkMode(meta.mode, [directoryType], 'dirmeta');
}
