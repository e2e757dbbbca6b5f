import { AtomicError, checksumFromBytes, checksumToBytes, type Checksum } from '../base/index.ts';
import { decodeVariant, encodeVariant, swap32, swap64 } from './gvariant.ts';
import { variant, type Variant, type VariantDict, type VariantValue } from './gvariant.ts';
import { deltaPath } from './delta-name.ts';
import { maxMetadataObjectBytes } from './limits.ts';
import { sha256Checksum } from './sha256.ts';

/** How the numbers of a superblock are stored. */
export type DeltaByteOrder = 'little' | 'big';

/** What a superblock says about one part. */
export interface DeltaPartEntry {
  /** Of the whole part file. */
  readonly checksum: Checksum;
  /** Of the part file. */
  readonly sizeBytes: number;
  /** What the objects made by the part have together, symlinks not counted. */
  readonly contentBytes: number;
  /** What the part makes, in order: type (1 file, 2 dirtree, 3 dirmeta) and checksum, 33 bytes each. */
  readonly records: Uint8Array;
}

/** An object that the delta leaves out, to be fetched as any object. */
export interface DeltaFallback {
  /** 1 file, 2 dirtree, 3 dirmeta. */
  readonly type: number;
  readonly checksum: Checksum;
  readonly sizeBytes: number;
  readonly contentBytes: number;
}

/** The table of contents of a static delta. */
export interface DeltaSuperblock {
  readonly metadata: VariantDict;
  readonly timestampSeconds: number;
  /** The commit it builds on; undefined: it starts from nothing. */
  readonly from: Checksum | undefined;
  readonly to: Checksum;
  /** The bytes of the commit `to`, proven to have that checksum. */
  readonly commit: Uint8Array;
  readonly byteOrder: DeltaByteOrder;
  readonly parts: readonly DeltaPartEntry[];
  readonly fallbacks: readonly DeltaFallback[];
  /** By the key `ostree.sign.ENGINE`, if the superblock was signed; nobody has checked them. */
  readonly signatures: VariantDict | undefined;
}

const commitType = '(a{sv}aya(say)sstayay)';
const superblockType = `(a{sv}tayay${commitType}aya(uayttay)a(yaytt))`;
const signedType = '(taya{sv})';
const signedMagic = Buffer.from('OSTSGNDT', 'latin1');
const byteOrderKey = 'ostree.endianness';
const byteOrders = { little: 'l', big: 'B' } as const;

/** The one version of parts there is. */
const partVersion = 0;

/** Bytes of one record of a part entry. */
export const deltaRecordBytes = 33;

/** A part that is larger than its content by more than this is one whose numbers were read in the wrong order. */
const implausibleRatio = 1.2;
/** Objects of more than 4 GiB on average are implausible too. */
const implausibleObjectBytes = 2 ** 32;

type PartTuple = readonly [number, Uint8Array, bigint, bigint, Uint8Array];
type FallbackTuple = readonly [number, Uint8Array, bigint, bigint];
type SuperblockTuple = readonly [
  VariantDict,
  bigint,
  Uint8Array,
  Uint8Array,
  VariantValue,
  Uint8Array,
  readonly PartTuple[],
  readonly FallbackTuple[],
];

/**
 * What a file `superblock` says, signed or not. `InvalidFormat` if it is not one, its commit has another checksum than its
 * `to`, or it needs other deltas first; `LimitExceeded` for sizes nobody can have. Byte arrays are views of `bytes`. OSTree
 * repository format: static deltas.
 */
export function decodeDeltaSuperblock(bytes: Uint8Array): DeltaSuperblock {
  const { inner, signatures } = unwrapSigned(bytes);
  const tuple = decodeVariant(superblockType, inner) as SuperblockTuple;
  const [metadata, timestamp, from, to, commitValue, prerequisites, parts, fallbacks] = tuple;
  if (prerequisites.length > 0) throw bad('it needs other deltas first');
  const commit = encodeVariant(commitType, commitValue);
  if (commit.length > maxMetadataObjectBytes) throw new AtomicError('LimitExceeded', 'Commit object is too large');
  const toChecksum = checksumFromBytes(to, 'target of a static delta');
  if (sha256Checksum(commit) !== toChecksum) throw bad('the commit in it is not the one it names');
  const byteOrder = byteOrderOf(metadata, parts);
  return {
    metadata,
    timestampSeconds: sizeOf(swap64(timestamp), 'little'),
    from: from.length === 0 ? undefined : checksumFromBytes(from, 'source of a static delta'),
    to: toChecksum,
    commit,
    byteOrder,
    parts: parts.map((part) => decodePart(part, byteOrder)),
    fallbacks: fallbacks.map((fallback) => decodeFallback(fallback, byteOrder)),
    signatures,
  };
}

/** The bytes of a superblock, in its own byte order, which is written down in its metadata; unsigned. */
export function encodeDeltaSuperblock(delta: Omit<DeltaSuperblock, 'signatures'>): Uint8Array {
  const order = delta.byteOrder;
  const u64 = (size: number): bigint => (order === 'little' ? BigInt(size) : swap64(BigInt(size)));
  const version = order === 'little' ? partVersion : swap32(partVersion);
  const metadata = new Map([...delta.metadata, [byteOrderKey, variant('y', byteOrders[order].charCodeAt(0))]]);
  return encodeVariant(superblockType, [
    metadata,
    swap64(BigInt(delta.timestampSeconds)),
    delta.from === undefined ? new Uint8Array() : checksumToBytes(delta.from),
    checksumToBytes(delta.to),
    decodeVariant(commitType, delta.commit),
    new Uint8Array(),
    delta.parts.map((part) => [
      version,
      checksumToBytes(part.checksum),
      u64(part.sizeBytes),
      u64(part.contentBytes),
      part.records,
    ]),
    delta.fallbacks.map((one) => [one.type, checksumToBytes(one.checksum), u64(one.sizeBytes), u64(one.contentBytes)]),
  ]);
}

/** The bytes of a superblock with signatures of it, by `ostree.sign.ENGINE`. */
export function encodeSignedDelta(superblock: Uint8Array, signatures: VariantDict): Uint8Array {
  const magic = new DataView(signedMagic.buffer, signedMagic.byteOffset, 8).getBigUint64(0, true);
  return encodeVariant(signedType, [magic, superblock, signatures]);
}

/** The bytes that the signatures of a signed superblock cover, with them; the superblock alone if it is not signed. */
function unwrapSigned(bytes: Uint8Array): { inner: Uint8Array; signatures: VariantDict | undefined } {
  if (Buffer.compare(bytes.subarray(0, signedMagic.length), signedMagic) !== 0) {
    return { inner: bytes, signatures: undefined };
  }
  const [, inner, signatures] = decodeVariant(signedType, bytes) as readonly [bigint, Uint8Array, VariantDict];
  return { inner, signatures };
}

/** A part that the superblock carries itself, as a part file would have it; undefined if it does not. */
export function inlineDeltaPart(delta: DeltaSuperblock, index: number): Uint8Array | undefined {
  const item = delta.metadata.get(`${deltaPath(delta)}/${index}`);
  if (item?.type !== '(yay)') return undefined;
  const [compression, content] = item.value as readonly [number, Uint8Array];
  const part = new Uint8Array(1 + content.length);
  part[0] = compression;
  part.set(content, 1);
  return part;
}

/** The detached metadata of the commit `to`, if the superblock carries it; nobody has checked it. */
export function detachedDeltaMetadata(delta: DeltaSuperblock): Uint8Array | undefined {
  const item: Variant | undefined = delta.metadata.get(`${deltaPath(delta)}/commitmeta`);
  return item?.type === 'a{sv}' ? encodeVariant('a{sv}', item.value) : undefined;
}

function decodePart([version, checksum, size, content, records]: PartTuple, order: DeltaByteOrder): DeltaPartEntry {
  if (version !== partVersion) throw bad(`parts of version ${order === 'little' ? version : swap32(version)}`);
  if (records.length % deltaRecordBytes !== 0) throw bad('an object list of an impossible length');
  return {
    checksum: checksumFromBytes(checksum, 'part of a static delta'),
    sizeBytes: sizeOf(size, order),
    contentBytes: sizeOf(content, order),
    records,
  };
}

function decodeFallback([type, checksum, size, content]: FallbackTuple, order: DeltaByteOrder): DeltaFallback {
  if (type < 1 || type > 3) throw bad(`a fallback object of type ${type}`);
  return {
    type,
    checksum: checksumFromBytes(checksum, 'fallback of a static delta'),
    sizeBytes: sizeOf(size, order),
    contentBytes: sizeOf(content, order),
  };
}

/** What the metadata says; without that (very old deltas), the order in which the numbers make sense. */
function byteOrderOf(metadata: VariantDict, parts: readonly PartTuple[]): DeltaByteOrder {
  const item = metadata.get(byteOrderKey);
  if (item !== undefined) {
    if (item.type === 'y' && item.value === byteOrders.little.charCodeAt(0)) return 'little';
    if (item.type === 'y' && item.value === byteOrders.big.charCodeAt(0)) return 'big';
    throw bad('an unknown byte order');
  }
  const objects = parts.reduce((sum, [, , , , records]) => sum + Math.floor(records.length / deltaRecordBytes), 0);
  const content = parts.reduce((sum, [, , , bytes]) => sum + Number(bytes), 0);
  const larger = parts.some(([, , size, bytes]) => Number(size) > Number(bytes) * implausibleRatio);
  return larger || (objects > 0 && content / objects > implausibleObjectBytes) ? 'big' : 'little';
}

function sizeOf(value: bigint, order: DeltaByteOrder): number {
  const size = Number(order === 'little' ? value : swap64(value));
  if (!Number.isSafeInteger(size)) throw new AtomicError('LimitExceeded', 'Static delta with an impossible size');
  return size;
}

function bad(reason: string): AtomicError {
  return new AtomicError('InvalidFormat', `Invalid static delta: ${reason}`);
}
