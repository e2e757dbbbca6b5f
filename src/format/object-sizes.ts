import { checksumFromBytes, AtomicError, type Checksum } from '../base/index.ts';
import type { Commit } from './commit.ts';
import type { ObjectType } from './object-name.ts';

/** What a commit says about the size of one of its objects. */
export interface ObjectSize {
  readonly checksum: Checksum;
  /** Undefined in commits of older writers, which left it out. */
  readonly type: ObjectType | undefined;
  /** Bytes in an archive repo, as a pull transfers them. */
  readonly archivedBytes: number;
  /** Bytes of the content itself. */
  readonly unpackedBytes: number;
}

/** Number of a type as `ostree.sizes` writes it. */
const objectTypes: ReadonlyMap<number, ObjectType> = new Map([
  [1, 'file'],
  [2, 'dirtree'],
  [3, 'dirmeta'],
  [4, 'commit'],
]);

const checksumLength = 32;

/** Sizes are 64-bit numbers of seven bits a byte: ten bytes at most. */
const maxVarintLength = 10;

/**
 * The sizes of a commit's objects, undefined if its writer did not record them; `InvalidFormat` for a record that cannot be
 * read. They are the writer's word, good for an estimate only. OSTree repository format: commit metadata, `ostree.sizes`.
 */
export function commitObjectSizes(commit: Commit): readonly ObjectSize[] | undefined {
  const recorded = commit.metadata.get('ostree.sizes');
  if (recorded === undefined || recorded.type !== 'aay') return undefined;
  return (recorded.value as readonly Uint8Array[]).map(decodeObjectSize);
}

function decodeObjectSize(bytes: Uint8Array): ObjectSize {
  if (bytes.length < checksumLength + 2) throw invalid();
  const archived = decodeVarint(bytes, checksumLength);
  const unpacked = decodeVarint(bytes, archived.end);
  if (bytes.length > unpacked.end + 1) throw invalid();
  const typeNumber = bytes[unpacked.end];
  return {
    checksum: checksumFromBytes(bytes.slice(0, checksumLength)),
    type: typeNumber === undefined ? undefined : objectTypes.get(typeNumber),
    archivedBytes: archived.value,
    unpackedBytes: unpacked.value,
  };
}

/** Seven bits a byte, low ones first; the top bit says that another follows. */
function decodeVarint(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  for (let index = 0; index < maxVarintLength; index += 1) {
    const byte = bytes[start + index];
    if (byte === undefined) throw invalid();
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) {
      if (!Number.isSafeInteger(value)) throw invalid();
      return { value, end: start + index + 1 };
    }
  }
  throw invalid();
}

function invalid(): AtomicError {
  return new AtomicError('InvalidFormat', 'Invalid commit: ostree.sizes cannot be read');
}
