import { describe, expect, it } from 'vitest';
import { formatVariantText, variant, type VariantValue } from '../../../src/format/index.ts';

const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);

describe('the text form of a value', () => {
  it.each<readonly [string, VariantValue, string]>([
    ['s', 'plain', "'plain'"],
    ['s', `it's "so" \\`, `"it's \\"so\\" \\\\"`],
    ['s', 'a\nb\u0007\u0001\u200b\u{e0001}ü🌲', "'a\\nb\\a\\u0001\\u200b\\U000e0001ü🌲'"],
    ['i', -5, '-5'],
    ['u', 7, 'uint32 7'],
    ['x', -77n, 'int64 -77'],
    ['y', 3, 'byte 0x03'],
    ['b', true, 'true'],
    ['o', '/a', "objectpath '/a'"],
    ['as', [], '@as []'],
    ['as', ['a', 'b'], "['a', 'b']"],
    ['au', [1, 2], '[uint32 1, 2]'],
    ['ay', bytes(), '@ay []'],
    ['ay', bytes(1, 2), '[byte 0x01, 0x02]'],
    ['ay', bytes(0x61, 0x22, 0xff, 0), `b'a\\"\\377'`],
    ['ay', bytes(0x27, 0), `b"'"`],
    ['ay', bytes(0x61, 0, 0), '[byte 0x61, 0x00, 0x00]'],
    ['a{sv}', new Map(), '@a{sv} {}'],
    ['a{sv}', new Map([['k', variant('t', 1n)]]), "{'k': <uint64 1>}"],
    [
      'a{su}',
      new Map([
        ['k', 1],
        ['l', 2],
      ]),
      "{'k': uint32 1, 'l': 2}",
    ],
    ['(us)', [1, 'x'], "(uint32 1, 'x')"],
    ['(y)', [1], '(byte 0x01,)'],
  ])('of type %s', (type, value, text) => {
    expect(formatVariantText(type, value)).toBe(text);
  });

  it.each<readonly [string, number | bigint, string]>([
    ['n', 1, 'int16 256'],
    ['q', 0x0102, 'uint16 513'],
    ['i', 1, '16777216'],
    ['i', 128, '-2147483648'],
    ['u', 7, 'uint32 117440512'],
    ['x', 128n, 'int64 -9223372036854775808'],
    ['t', 77n, 'uint64 5548434740920451072'],
    ['y', 7, 'byte 0x07'],
  ])('reverses the bytes of a number of type %s when asked', (type, value, text) => {
    expect(formatVariantText(type, value, { swapNumbers: true })).toBe(text);
  });

  it('leaves out the outermost type when asked, and refuses doubles by name', () => {
    expect(formatVariantText('a{sv}', new Map(), { untyped: true })).toBe('{}');
    expect(formatVariantText('au', [1], { untyped: true })).toBe('[1]');
    expect(() => formatVariantText('d', 1.5)).toThrow('GVariant type d is not built yet');
  });
});
