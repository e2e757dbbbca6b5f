import { describe, expect, it } from 'vitest';
import { isAtomicError, parseChecksum, type Checksum } from '../../../src/base/index.ts';
import {
  decodeDeltaIndex,
  decodeDeltaPayload,
  decodeDeltaSuperblock,
  deltaIndexPath,
  deltaName,
  deltaOffers,
  deltaOperations,
  deltaPath,
  detachedDeltaMetadata,
  encodeCommit,
  encodeDeltaPayload,
  encodeDeltaSuperblock,
  encodeSignedDelta,
  encodeVariant,
  inlineDeltaPart,
  parseDeltaName,
  parseDeltaPath,
  sha256Checksum,
  variant,
  type DeltaSuperblock,
  type Variant,
} from '../../../src/format/index.ts';

const from = parseChecksum('3801d39b21a2aa0409045c36aeb82bb27fa803b034ad6dcd91f6727647182c63');
const to = parseChecksum('5fc3f61f5f87c0c92dd2d311e8b5356725ca64ff80e17615efc7c0f7c4377566');
const some = (digit: string): Checksum => parseChecksum(digit.repeat(64));

const commit = encodeCommit({
  metadata: new Map([['version', variant('s', '2')]]),
  parent: from,
  subject: 'two',
  body: '',
  timestampSeconds: 1_795_303_631,
  rootTree: some('a'),
  rootMeta: some('b'),
});

/** A record: type and checksum. */
const record = (type: number, checksum: Checksum): Buffer =>
  Buffer.concat([Buffer.from([type]), Buffer.from(checksum, 'hex')]);

const sample: Omit<DeltaSuperblock, 'signatures'> = {
  metadata: new Map<string, Variant>([['made.by', variant('s', 'a test')]]),
  timestampSeconds: 1_795_303_700,
  from,
  to: sha256Checksum(commit),
  commit,
  byteOrder: 'little',
  parts: [
    {
      checksum: some('c'),
      sizeBytes: 621,
      contentBytes: 451_539,
      records: new Uint8Array(Buffer.concat([record(2, some('d')), record(1, some('e'))])),
    },
  ],
  fallbacks: [{ type: 1, checksum: some('f'), sizeBytes: 5_000_000, contentBytes: 6_000_000 }],
};

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return isAtomicError(error) ? error.code : String(error);
  }
  return 'accepted';
}

describe('the names of static deltas', () => {
  it('are those the real tool uses', () => {
    const path = 'deltas/OA/HTmyGiqgQJBFw2rrgrsn+oA7A0rW3NkfZydkcYLGM-X8P2H1+HwMkt0tMR6LU1ZyXKZP+A4XYV78fA98Q3dWY';
    expect(deltaPath({ from, to })).toBe(path);
    expect(deltaPath({ from: undefined, to })).toBe('deltas/X8/P2H1+HwMkt0tMR6LU1ZyXKZP+A4XYV78fA98Q3dWY');
    expect(deltaIndexPath(to)).toBe('delta-indexes/X8/P2H1+HwMkt0tMR6LU1ZyXKZP+A4XYV78fA98Q3dWY.index');
    expect(parseDeltaPath(path.slice(7, 9), path.slice(10))).toEqual({ from, to });
    expect(deltaPath({ from: undefined, to: some('f') })).toBe(`deltas/__/${'_'.repeat(40)}8`);
  });

  it.each([
    ['', ''],
    ['X8', 'P2H1'],
    ['X8', `${'A'.repeat(41)}-`],
    ['ab', 'superblock'],
  ])('are not %s/%s', (outer, inner) => {
    expect(parseDeltaPath(outer, inner)).toBeUndefined();
  });

  it('come back from their text', () => {
    expect(parseDeltaName(deltaName({ from, to }))).toEqual({ from, to });
    expect(parseDeltaName(to)).toEqual({ from: undefined, to });
    for (const text of ['', '-', `${from}-`, `-${to}`, `${from}-${to}-${to}`, to.toUpperCase()]) {
      expect(parseDeltaName(text)).toBeUndefined();
    }
  });

  it('are read from summaries and indexes, whatever stands beside them', () => {
    const deltas = new Map<string, Variant>([
      [`${from}-${to}`, variant('ay', new Uint8Array(32).fill(0xcc))],
      [to, variant('ay', new Uint8Array(5))],
      ['nonsense', variant('s', 'x')],
    ]);
    const metadata = new Map([['ostree.static-deltas', variant('a{sv}', deltas)]]);
    expect(deltaOffers(metadata)).toEqual([{ from, to, superblockChecksum: some('c') }]);
    expect(decodeDeltaIndex(encodeVariant('a{sv}', metadata))).toEqual(deltaOffers(metadata));
    expect(deltaOffers(new Map())).toEqual([]);
  });
});

describe.each(['little', 'big'] as const)('a %s-endian superblock', (byteOrder) => {
  it('comes back as it was written', () => {
    const decoded = decodeDeltaSuperblock(encodeDeltaSuperblock({ ...sample, byteOrder }));
    const metadata = new Map([
      ...sample.metadata,
      ['ostree.endianness', variant('y', byteOrder === 'little' ? 0x6c : 0x42)],
    ]);
    expect(decoded).toEqual({ ...sample, byteOrder, metadata, signatures: undefined });
  });

  it('is recognised by its numbers where it does not say what it is', () => {
    const bytes = encodeDeltaSuperblock({ ...sample, byteOrder, metadata: new Map() });
    // The key is renamed: the superblock is as old tools wrote it.
    const at = Buffer.from(bytes).indexOf('ostree.endianness');
    bytes[at] = 'x'.charCodeAt(0);
    expect(decodeDeltaSuperblock(bytes).byteOrder).toBe(byteOrder);
    expect(decodeDeltaSuperblock(bytes).parts).toEqual(sample.parts);
  });
});

describe('a superblock', () => {
  it('is found in a signed one, with the signatures', () => {
    const signatures = new Map([['ostree.sign.ed25519', variant('aay', [new Uint8Array(64)])]]);
    const signed = encodeSignedDelta(encodeDeltaSuperblock(sample), signatures);
    expect(Buffer.from(signed.subarray(0, 8)).toString()).toBe('OSTSGNDT');
    const decoded = decodeDeltaSuperblock(signed);
    expect(decoded.signatures).toEqual(signatures);
    expect(decoded.parts).toEqual(sample.parts);
  });

  it('carries parts and detached metadata under their paths', () => {
    const detached = new Map([['k', variant('s', 'v')]]);
    const metadata = new Map<string, Variant>([
      [`${deltaPath(sample)}/0`, variant('(yay)', [0x78, new Uint8Array([1, 2, 3])])],
      [`${deltaPath(sample)}/commitmeta`, variant('a{sv}', detached)],
    ]);
    const decoded = decodeDeltaSuperblock(encodeDeltaSuperblock({ ...sample, metadata }));
    expect(inlineDeltaPart(decoded, 0)).toEqual(new Uint8Array([0x78, 1, 2, 3]));
    expect(inlineDeltaPart(decoded, 1)).toBeUndefined();
    expect(detachedDeltaMetadata(decoded)).toEqual(encodeVariant('a{sv}', detached));
    expect(detachedDeltaMetadata(decodeDeltaSuperblock(encodeDeltaSuperblock(sample)))).toBeUndefined();
  });

  it.each<[string, Partial<DeltaSuperblock>, string]>([
    ['another commit than it names', { to: some('1') }, 'InvalidFormat'],
    ['a fallback of an unknown type', { fallbacks: [{ ...sample.fallbacks[0], type: 4 } as never] }, 'InvalidFormat'],
    [
      'an object list that is cut off',
      { parts: [{ ...sample.parts[0], records: new Uint8Array(32) } as never] },
      'InvalidFormat',
    ],
  ])('with %s is refused', (_, change, code) => {
    expect(codeOf(() => decodeDeltaSuperblock(encodeDeltaSuperblock({ ...sample, ...change })))).toBe(code);
  });

  it('with a size beyond all files, a byte order nobody knows, or cut anywhere is refused', () => {
    const bytes = encodeDeltaSuperblock(sample);
    const huge = Buffer.from(bytes);
    huge.writeBigUInt64LE(0x7fff_ffff_ffff_ffffn, huge.indexOf(Buffer.from('6d02000000000000', 'hex')));
    expect(codeOf(() => decodeDeltaSuperblock(huge))).toBe('LimitExceeded');
    const odd = encodeDeltaSuperblock({ ...sample, metadata: new Map() });
    odd[Buffer.from(odd).indexOf('ostree.endianness') + 24] = 0x58;
    expect(codeOf(() => decodeDeltaSuperblock(odd))).toBe('InvalidFormat');
    for (let length = 0; length < bytes.length; length += 7) {
      expect(codeOf(() => decodeDeltaSuperblock(bytes.subarray(0, length)))).toBe('InvalidFormat');
    }
  });
});

describe('the operations of a part', () => {
  it('are those of the example in the format', () => {
    const bytes = Buffer.from('539b0100729b016f00000742bb011f6352', 'hex');
    const records = Buffer.concat([record(2, some('1')), record(1, some('2'))]);
    const read = [...deltaOperations(bytes, records)].map(({ letter, numbers }) => [letter, ...numbers.map(Number)]);
    expect(read).toEqual([['S', 155, 0], ['r', 155], ['o', 0, 0, 7], ['B', 187, 31], ['c'], ['R']]);
  });

  it('are refused when they end early or are none', () => {
    const read = (hex: string) => codeOf(() => [...deltaOperations(Buffer.from(hex, 'hex'), record(1, some('1')))]);
    expect(read('53')).toBe('InvalidFormat');
    expect(read('7780')).toBe('InvalidFormat');
    expect(read('00')).toBe('InvalidFormat');
    expect(read(`72${'ff'.repeat(20)}`)).toBe('InvalidFormat');
  });

  it('come with tables that survive being written', () => {
    const payload = {
      modes: [{ uid: 1, gid: 2, mode: 0o104755 }],
      xattrs: [[], [{ name: 'user.a', value: new Uint8Array([7]) }]],
      data: new Uint8Array([1, 2, 3]),
      operations: new Uint8Array([0x52]),
    };
    expect(decodeDeltaPayload(encodeDeltaPayload(payload))).toEqual(payload);
  });
});
