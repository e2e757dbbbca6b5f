import { describe, expect, it } from 'vitest';

import { parseChecksum } from '../../../src/base/index.ts';
import { type Commit, commitObjectSizes, variant } from '../../../src/format/index.ts';

const checksum = parseChecksum('c3'.repeat(32));

function commitWith(sizes: readonly Uint8Array[]): Commit {
  return {
    metadata: new Map([['ostree.sizes', variant('aay', sizes)]]),
    parent: undefined,
    subject: '',
    body: '',
    timestampSeconds: 0,
    rootTree: checksum,
    rootMeta: checksum,
  };
}

const entry = (...tail: readonly number[]): Uint8Array =>
  new Uint8Array([...Array.from({ length: 32 }, () => 0xc3), ...tail]);

describe('the sizes of a commit', () => {
  it('are undefined when its writer recorded none', () => {
    expect(commitObjectSizes({ ...commitWith([]), metadata: new Map() })).toBeUndefined();
    expect(commitObjectSizes(commitWith([]))).toEqual([]);
  });

  it('are read with seven bits a byte, low ones first', () => {
    expect(commitObjectSizes(commitWith([entry(0x05, 0x80, 0x01, 1), entry(0xff, 0x7f, 0, 2)]))).toEqual([
      { checksum, type: 'file', archivedBytes: 5, unpackedBytes: 128 },
      { checksum, type: 'dirtree', archivedBytes: 16_383, unpackedBytes: 0 },
    ]);
  });

  it('have no type in commits of older writers', () => {
    expect(commitObjectSizes(commitWith([entry(1, 2)]))).toEqual([
      { checksum, type: undefined, archivedBytes: 1, unpackedBytes: 2 },
    ]);
  });

  it.each([
    ['an entry shorter than a checksum', new Uint8Array(31)],
    ['an entry without sizes', entry()],
    ['a size that does not end', entry(0x80, 0x80)],
    ['a size of eleven bytes', entry(...Array.from({ length: 10 }, () => 0x80), 1, 1)],
    ['a size beyond what a number holds exactly', entry(...Array.from({ length: 9 }, () => 0xff), 1, 1)],
    ['bytes behind the type', entry(1, 1, 1, 1)],
  ])('are refused with %s', (_what, bytes) => {
    expect(() => commitObjectSizes(commitWith([bytes]))).toThrow(expect.objectContaining({ code: 'InvalidFormat' }));
  });
});
