import * as fc from 'fast-check';
import { variant, type VariantValue } from '../../src/format/index.ts';
import { parseVariantType, type VariantType } from '../../src/format/variant-type.ts';

/** A type string with a value of that type. */
export interface Typed {
  readonly type: string;
  readonly value: VariantValue;
}

const basicLetters = fc.constantFrom(...'y b n q i u x t h d s o g'.split(' '));

/** Any complete GVariant type string, small ones more often. */
export const variantTypes: fc.Arbitrary<string> = fc.letrec<{ type: string }>((tie) => ({
  type: fc.oneof(
    { depthSize: 'small', maxDepth: 5 },
    basicLetters,
    fc.constantFrom('v', 'ay', 's', 'a{sv}', 'as', 'a(say)', '()'),
    tie('type').map((element) => `a${element}`),
    tie('type').map((element) => `m${element}`),
    fc.array(tie('type'), { maxLength: 4 }).map((members) => `(${members.join('')})`),
    fc.tuple(basicLetters, tie('type')).map(([key, value]) => `a{${key}${value}}`),
  ),
})).type;

/** Any type with any value of it. NaN is left out: JavaScript does not keep its bits. */
export const typedValues: fc.Arbitrary<Typed> = variantTypes.chain((type) =>
  valuesOf(parseVariantType(type), 0).map((value) => ({ type, value })),
);

const texts = fc.oneof(
  fc.string({ unit: 'grapheme-ascii', maxLength: 12 }),
  fc
    .array(fc.constantFrom('\u0001', 'é', '\ufeff', '\uffff', '😀', '\u{10ffff}'), { maxLength: 4 })
    .map((parts) => parts.join('')),
  // Long enough to need two-byte offsets.
  fc.integer({ min: 250, max: 300 }).map((length) => 'x'.repeat(length)),
);

const objectPaths = fc
  .array(fc.stringMatching(/^[A-Za-z0-9_]{1,4}$/), { maxLength: 3 })
  .map((parts) => `/${parts.join('/')}`);

function basicValues(letter: VariantType['letter']): fc.Arbitrary<VariantValue> {
  switch (letter) {
    case 'y':
      return fc.integer({ min: 0, max: 0xff });
    case 'b':
      return fc.boolean();
    case 'n':
      return fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 });
    case 'q':
      return fc.integer({ min: 0, max: 0xffff });
    case 'i':
    case 'h':
      return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    case 'u':
      return fc.integer({ min: 0, max: 2 ** 32 - 1 });
    case 'x':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 't':
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case 'd':
      return fc.double({ noNaN: true });
    case 'o':
      return objectPaths;
    case 'g':
      return fc.constantFrom('', 's', 'a{sv}', '(ii)as', 'v');
    case 's':
      return texts;
    default:
      throw new Error(`unknown letter ${String(letter)}`);
  }
}

function valuesOf(type: VariantType, depth: number): fc.Arbitrary<VariantValue> {
  const [element] = type.members;
  const maxLength = depth > 2 ? 2 : 5;
  switch (type.kind) {
    case 'basic':
      return basicValues(type.letter);
    case 'bytes':
      return fc.uint8Array({ maxLength: 40 });
    case 'tuple':
      return fc.tuple(...type.members.map((member) => valuesOf(member, depth + 1)));
    case 'variant':
      return fc
        .constantFrom('s', 'u', 'ay', 'as', 'a{sv}', '(tay)', 'b')
        .filter((child) => depth < 4 || !child.includes('v'))
        .chain((child) => valuesOf(parseVariantType(child), depth + 1).map((value) => variant(child, value)));
    case 'dict': {
      const [key, value] = element?.members ?? [];
      if (key === undefined || value === undefined) throw new Error('a dictionary has a key and a value type');
      const entries = fc.tuple(basicValues(key.letter), valuesOf(value, depth + 1));
      return fc.array(entries, { maxLength }).map((list) => new Map(list as [string, VariantValue][]));
    }
    case 'array':
    case 'maybe':
      if (element === undefined) throw new Error('an array has an element type');
      return fc.array(valuesOf(element, depth + 1), { maxLength: type.kind === 'maybe' ? 1 : maxLength });
    default:
      throw new Error('unknown kind');
  }
}
