import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AssertionError, isAtomicError } from '../../../src/base/index.ts';
import {
  decodeVariant,
  encodeVariant,
  isVariantDict,
  maxVariantDepth,
  swap32,
  swap64,
  variant,
  type VariantValue,
} from '../../../src/format/index.ts';
import { typedValues, variantTypes } from '../../support/variant-arbitrary.ts';

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');

describe('encoding', () => {
  it.each<[what: string, type: string, value: VariantValue, wire: string]>([
    ['a string', 's', 'hi', '686900'],
    ['bytes', 'ay', bytes('0102'), '0102'],
    ['the unit value', '()', [], '00'],
    ['numbers, little-endian', '(yqut)', [1, 2, 3, 4n], '0100 0200 03000000 0400000000000000'],
    ['padding at the end of a fixed-size tuple', '(uy)', [1, 2], '01000000 02000000'],
    ['no offset for the last member', '(ys)', [1, 'a'], '01 6100'],
    ['offsets in reverse order', '(ssu)', ['a', 'b', 7], '6100 6200 07000000 04 02'],
    ['an empty array', 'as', [], ''],
    ['an array of strings', 'as', ['a', 'bc'], '6100 626300 02 05'],
    ['a variant', 'v', variant('s', 'a'), '6100 00 73'],
    ['a dictionary', 'a{sv}', new Map([['k', variant('b', true)]]), '6b00 000000000000 010062 02 0c'],
    ['nothing', 'mu', [], ''],
    ['something of fixed size', 'mu', [5], '05000000'],
    ['something of variable size', 'ms', ['a'], '6100 00'],
  ])('writes %s', (_what, type, value, wire) => {
    const expected = wire.replaceAll(' ', '');
    // The dictionary's only entry: key, padding, value, offset of the key; then the end of the entry.
    const got = hex(encodeVariant(type, value));
    expect(got).toBe(expected);
    expect(decodeVariant(type, bytes(wire))).toEqual(value);
  });

  it('widens the offsets when the container with its offsets passes 255 and 65,535 bytes', () => {
    const sizeOf = (length: number) => encodeVariant('as', ['x'.repeat(length)]).length;
    expect([sizeOf(253), sizeOf(254)]).toEqual([255, 257]);
    expect([sizeOf(65_532), sizeOf(65_533)]).toEqual([65_535, 65_538]);
  });

  it.each<[type: string, value: VariantValue]>([
    ['y', 256],
    ['y', -1],
    ['u', 2 ** 32],
    ['i', 2 ** 31],
    ['n', 0.5],
    ['t', -1n],
    ['t', 2n ** 64n],
    ['x', 2n ** 63n],
    ['s', 'a\0b'],
    ['s', '\ud800'],
    ['g', 'not a signature'],
    ['zz', 1],
    ['v', variant('(', 1)],
  ])('refuses what %s cannot hold: %s', (type, value) => {
    expect(() => encodeVariant(type, value)).toThrow(expect.objectContaining({ code: 'InvalidFormat' }));
  });

  it('treats a value of the wrong JavaScript type as a broken invariant', () => {
    expect(() => encodeVariant('u', 'text')).toThrow(AssertionError);
    expect(() => encodeVariant('(uu)', [1])).toThrow(AssertionError);
    expect(() => encodeVariant('v', 1)).toThrow(AssertionError);
  });
});

describe('decoding refuses', () => {
  it.each<[what: string, type: string, wire: string]>([
    ['an unterminated string', 's', '6869'],
    ['an empty string without its zero byte', 's', ''],
    ['a zero byte inside a string', 's', '610062 00'],
    ['a string that is not UTF-8', 's', 'ff00'],
    ['an overlong encoding', 's', 'c08000'],
    ['a surrogate', 's', 'eda08000'],
    ['a boolean of 2', 'b', '02'],
    ['a number cut short', 'u', '010203'],
    ['a number too long', 'u', '0102030405'],
    ['a unit value that is not zero', '()', '01'],
    ['non-zero padding between members', '(yu)', '01ff0000 02000000'],
    ['non-zero padding at the end', '(uy)', '01000000 02000001'],
    ['an offset beyond the end', '(ss)', '6100 6200 ff'],
    ['an offset into the offsets', '(ss)', '6100 6200 05'],
    ['bytes between the last member and the offsets', '(su)', '61000000 01000000 00 02'],
    ['offsets out of order', '(sss)', '6100 6200 6300 02 04'],
    ['no room for the offsets', '(ss)', ''],
    ['array offsets out of order', 'as', '6100 6200 04 02'],
    ['an array whose table is cut', 'as', '6100 07'],
    ['wider offsets than needed', 'as', `${'61'.repeat(251)}00 fc00 fc00 fc00`],
    ['a ragged array of numbers', 'au', '0100000002'],
    ['a variant without a type', 'v', '01'],
    ['a variant with no bytes', 'v', ''],
    ['a variant of a type that is none', 'v', '01007a'],
    ['a variant of two types', 'v', '0102007979'],
    ['a key twice', 'a{ss}', '6b00 6100 02 6b00 6200 02 05 0a'],
    ['an object path with a double slash', 'o', '2f2f00'],
    ['a signature that is none', 'g', '2800'],
    ['a maybe of a string without its zero byte', 'ms', '6100'],
  ])('%s', (_what, type, wire) => {
    expect(() => decodeVariant(type, bytes(wire))).toThrow(expect.objectContaining({ code: 'InvalidFormat' }));
  });

  it.each(['', 'a', '(', 'a{vs}', 'a{s', '(s', 'ss', 'z', 'm', '{s}'])('%j, which is no type', (type) => {
    expect(() => decodeVariant(type, bytes('00'))).toThrow(expect.objectContaining({ code: 'InvalidFormat' }));
  });

  it('variants nested deeper than the limit, and takes those at it', () => {
    const nest = (depth: number) => bytes(`00 00 79 ${'00 76 '.repeat(depth)}`);
    expect(isAtomicError(attempt(() => decodeVariant('v', nest(maxVariantDepth - 1))))).toBe(false);
    expect(() => decodeVariant('v', nest(maxVariantDepth))).toThrow(expect.objectContaining({ code: 'LimitExceeded' }));
    expect(() => decodeVariant('v', nest(100_000))).toThrow(expect.objectContaining({ code: 'LimitExceeded' }));
  });

  it('types nested deeper than the limit or longer than any', () => {
    expect(() => decodeVariant('a'.repeat(100) + 'u', bytes(''))).toThrow(
      expect.objectContaining({ code: 'LimitExceeded' }),
    );
    expect(() => decodeVariant(`(${'u'.repeat(2000)})`, bytes(''))).toThrow(
      expect.objectContaining({ code: 'LimitExceeded' }),
    );
  });

  it('more values than anyone has', () => {
    const units = new Uint8Array(5 * 1024 * 1024);
    expect(() => decodeVariant('a()', units)).toThrow(expect.objectContaining({ code: 'LimitExceeded' }));
  });
});

function attempt(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

describe('round trips', () => {
  it('gives back every value of every type', () => {
    fc.assert(
      fc.property(typedValues, ({ type, value }) => {
        expect(decodeVariant(type, encodeVariant(type, value))).toEqual(value);
      }),
      { numRuns: 1000 },
    );
  });

  it('accepts no bytes but those it would write, and fails only with its own errors', () => {
    let accepted = 0;
    fc.assert(
      fc.property(variantTypes, fc.uint8Array({ maxLength: 40 }), (type, data) => {
        const value = attempt(() => decodeVariant(type, data));
        if (isAtomicError(value, 'InvalidFormat', 'LimitExceeded')) return;
        if (value instanceof Error) throw value;
        accepted += 1;
        // JavaScript does not keep the bits of a NaN.
        const again = type.includes('d') ? data : encodeVariant(type, value as VariantValue);
        expect(hex(again)).toBe(hex(data));
      }),
      { numRuns: 5000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  it('gives views of the input for bytes, whatever kind of array the input is', () => {
    const outer = Buffer.from('xx0102', 'latin1');
    const value = decodeVariant('ay', outer.subarray(2));
    expect(value).toEqual(new Uint8Array(Buffer.from('0102', 'latin1')));
    expect(value).not.toBeInstanceOf(Buffer);
  });
});

it('swaps the bytes of 32-bit and 64-bit numbers', () => {
  expect(swap32(0x01020304)).toBe(0x04030201);
  expect(swap32(0xff)).toBe(0xff000000);
  expect(swap64(0x0102030405060708n)).toBe(0x0807060504030201n);
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (n) => swap64(swap64(n)) === n));
});

it('tells an a{sv} from other dictionaries', () => {
  expect(isVariantDict(new Map([['a', variant('u', 1)]]))).toBe(true);
  expect(isVariantDict(new Map([['a', 'text']]))).toBe(false);
  expect(isVariantDict([])).toBe(false);
});
