import { AtomicError } from '../base/index.ts';
import { decodeVariant, encodeVariant, swap32 } from './gvariant.ts';
import { deltaRecordBytes } from './static-delta.ts';
import type { Xattr } from './xattr.ts';

/** What a part of a static delta holds once it is decompressed. */
export interface DeltaPayload {
  readonly modes: readonly { readonly uid: number; readonly gid: number; readonly mode: number }[];
  readonly xattrs: readonly (readonly Xattr[])[];
  readonly data: Uint8Array;
  readonly operations: Uint8Array;
}

/** One operation: its letter and the numbers behind it. */
export interface DeltaOperation {
  readonly letter: string;
  readonly numbers: readonly bigint[];
}

const payloadType = '(a(uuu)aa(ayay)ayay)';

type PayloadTuple = readonly [
  readonly (readonly [number, number, number])[],
  readonly (readonly (readonly [Uint8Array, Uint8Array])[])[],
  Uint8Array,
  Uint8Array,
];

/** The tables, data and operations of a decompressed part. `InvalidFormat` if it is not in normal form. */
export function decodeDeltaPayload(bytes: Uint8Array): DeltaPayload {
  const [modes, xattrs, data, operations] = decodeVariant(payloadType, bytes) as PayloadTuple;
  return {
    modes: modes.map(([uid, gid, mode]) => ({ uid: swap32(uid), gid: swap32(gid), mode: swap32(mode) })),
    xattrs: xattrs.map((list) => list.map(([name, value]) => ({ name: nameOf(name), value }))),
    data,
    operations,
  };
}

/** The bytes of a part before it is compressed. */
export function encodeDeltaPayload({ modes, xattrs, data, operations }: DeltaPayload): Uint8Array {
  return encodeVariant(payloadType, [
    modes.map(({ uid, gid, mode }) => [swap32(uid), swap32(gid), swap32(mode)]),
    xattrs.map((list) => list.map(({ name, value }) => [Buffer.from(`${name}\0`), value])),
    data,
    operations,
  ]);
}

/** The numbers of an operation on a file object; a whole metadata object takes two. */
const arities: ReadonlyMap<string, number> = new Map([
  ['S', 4],
  ['o', 3],
  ['w', 2],
  ['r', 1],
  ['R', 0],
  ['B', 2],
  ['c', 0],
]);

/** The operations of a part whose entry has these records, one after the other; `InvalidFormat` where they make no sense. */
export function* deltaOperations(operations: Uint8Array, records: Uint8Array): Generator<DeltaOperation> {
  let at = 0;
  let object = 0;
  while (at < operations.length) {
    const letter = String.fromCharCode(operations[at] ?? 0);
    const isMetadata = records[object * deltaRecordBytes] !== 1;
    const arity = letter === 'S' && isMetadata ? 2 : arities.get(letter);
    if (arity === undefined)
      throw new AtomicError('InvalidFormat', `Unknown operation ${operations[at]} in a delta part`);
    at += 1;
    const numbers: bigint[] = [];
    for (let index = 0; index < arity; index += 1) {
      const [value, end] = readNumber(operations, at);
      numbers.push(value);
      at = end;
    }
    if (letter === 'S' || letter === 'c') object += 1;
    yield { letter, numbers };
  }
}

/** LEB128 of at most 64 bits. */
function readNumber(bytes: Uint8Array, start: number): readonly [value: bigint, end: number] {
  let value = 0n;
  for (let at = start; at < bytes.length && at < start + 10; at += 1) {
    const byte = bytes[at] ?? 0;
    value |= BigInt(byte & 0x7f) << BigInt(7 * (at - start));
    if ((byte & 0x80) === 0) return [value, at + 1];
  }
  throw new AtomicError('InvalidFormat', 'The operations of a delta part end early');
}

function nameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8').replace(/\0$/, '');
}
