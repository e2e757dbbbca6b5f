import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Checksum } from '../../../src/base/index.ts';
import { ObjectSet } from '../../../src/repo/index.ts';

const checksumOf = (text: string) => createHash('sha256').update(text).digest('hex') as Checksum;

describe('ObjectSet', () => {
  it('tells types of the same checksum apart', () => {
    const set = new ObjectSet();
    const checksum = checksumOf('x');
    expect(set.add('file', checksum)).toBe(true);
    expect(set.add('file', checksum)).toBe(false);
    expect(set.has('dirtree', checksum)).toBe(false);
    expect(set.add('dirtree', checksum)).toBe(true);
    expect(set.size).toBe(2);
  });

  it('finds everything again after growing many times', () => {
    const set = new ObjectSet();
    const all = Array.from({ length: 20_000 }, (_, index) => checksumOf(`${index}`));
    for (const checksum of all) set.add('file', checksum);
    expect(all.every((checksum) => set.has('file', checksum))).toBe(true);
    expect([...set.checksums('file')].toSorted()).toEqual(all.toSorted());
    expect(set.has('file', checksumOf('absent'))).toBe(false);
  });

  it('stays right when all checksums begin with the same digits', () => {
    const set = new ObjectSet();
    const all = Array.from({ length: 3000 }, (_, index) => `00000000${checksumOf(`${index}`).slice(8)}` as Checksum);
    for (const checksum of all) expect(set.add('commit', checksum)).toBe(true);
    expect(all.every((checksum) => set.has('commit', checksum))).toBe(true);
  });
});
