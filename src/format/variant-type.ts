import { AtomicError } from '../base/index.ts';
import { maxVariantDepth, maxVariantTypeLength } from './limits.ts';

/** The letters of the types that hold no other type. */
export type BasicLetter = 'y' | 'b' | 'n' | 'q' | 'i' | 'u' | 'x' | 't' | 'h' | 'd' | 's' | 'o' | 'g';

/** A parsed GVariant type. Sizes and alignments in bytes. */
export interface VariantType {
  /** The type string it was parsed from. */
  readonly text: string;
  readonly kind: 'basic' | 'bytes' | 'array' | 'dict' | 'tuple' | 'maybe' | 'variant';
  /** For `basic` only; `y` otherwise. */
  readonly letter: BasicLetter;
  readonly alignment: 1 | 2 | 4 | 8;
  /** 0 = the size depends on the value. */
  readonly fixedSize: number;
  /** Members of a tuple or dict entry; the one element of an array, dict or maybe. */
  readonly members: readonly VariantType[];
  /** How many framing offsets a tuple carries. */
  readonly offsetCount: number;
}

const basicSizes: Readonly<Record<BasicLetter, 0 | 1 | 2 | 4 | 8>> = {
  y: 1,
  b: 1,
  n: 2,
  q: 2,
  i: 4,
  u: 4,
  x: 8,
  t: 8,
  h: 4,
  d: 8,
  s: 0,
  o: 0,
  g: 0,
};

/** Types come from `v` values too, so the memory spent on remembering them is bounded. */
const maxRememberedTypes = 512;
const remembered = new Map<string, VariantType>();

/**
 * Returns the one complete definite type that `text` names; `InvalidFormat` otherwise, `LimitExceeded` if it is too
 * long or too deep.
 */
export function parseVariantType(text: string): VariantType {
  const known = remembered.get(text);
  if (known !== undefined) return known;
  if (text.length > maxVariantTypeLength) throw new AtomicError('LimitExceeded', 'GVariant type string is too long');
  const { type, end } = parseAt(text, 0, 0);
  if (end !== text.length) throw badType(text);
  if (remembered.size >= maxRememberedTypes) remembered.clear();
  remembered.set(text, type);
  return type;
}

/** True if `text` is a D-Bus signature: any number of complete types, none of them with an `m`. */
export function isSignature(text: string): boolean {
  if (text.length > maxVariantTypeLength || text.includes('m')) return false;
  try {
    for (let at = 0; at < text.length;) at = parseAt(text, at, 0).end;
    return true;
  } catch (error) {
    if (error instanceof AtomicError) return false;
    throw error;
  }
}

interface Parsed {
  readonly type: VariantType;
  readonly end: number;
}

function parseAt(text: string, at: number, depth: number): Parsed {
  if (depth > maxVariantDepth) throw new AtomicError('LimitExceeded', 'GVariant type is nested too deeply');
  const letter = text.charAt(at);
  switch (letter) {
    case 'a':
      return parseArray(text, at, depth);
    case 'm': {
      const { type, end } = parseAt(text, at + 1, depth + 1);
      return { type: container('maybe', text.slice(at, end), type.alignment, [type]), end };
    }
    case '(':
      return parseTuple(text, at, depth);
    case '{':
      return parseEntry(text, at, depth);
    case 'v':
      return { type: container('variant', 'v', 8, []), end: at + 1 };
    default:
      if (!isBasicLetter(letter)) throw badType(text);
      return { type: basicTypes[letter], end: at + 1 };
  }
}

function parseArray(text: string, at: number, depth: number): Parsed {
  if (text.charAt(at + 1) === 'y') return { type: container('bytes', 'ay', 1, [basicTypes.y]), end: at + 2 };
  if (text.charAt(at + 1) !== '{') {
    const { type, end } = parseAt(text, at + 1, depth + 1);
    return { type: container('array', text.slice(at, end), type.alignment, [type]), end };
  }
  const { type, end } = parseEntry(text, at + 1, depth + 1);
  const keyLetter = type.members[0]?.letter;
  const kind = keyLetter === 's' || keyLetter === 'o' || keyLetter === 'g' ? 'dict' : 'array';
  return { type: container(kind, text.slice(at, end), type.alignment, [type]), end };
}

function parseEntry(text: string, at: number, depth: number): Parsed {
  const letter = text.charAt(at + 1);
  if (!isBasicLetter(letter)) throw badType(text);
  const value = parseAt(text, at + 2, depth + 1);
  if (text.charAt(value.end) !== '}') throw badType(text);
  const end = value.end + 1;
  return { type: tuple(text.slice(at, end), [basicTypes[letter], value.type]), end };
}

function parseTuple(text: string, at: number, depth: number): Parsed {
  const members: VariantType[] = [];
  let end = at + 1;
  while (text.charAt(end) !== ')') {
    const member = parseAt(text, end, depth + 1);
    members.push(member.type);
    end = member.end;
  }
  end += 1;
  return { type: tuple(text.slice(at, end), members), end };
}

function tuple(text: string, members: readonly VariantType[]): VariantType {
  const alignment = members.reduce<1 | 2 | 4 | 8>((most, m) => (m.alignment > most ? m.alignment : most), 1);
  const fixed = members.every((m) => m.fixedSize !== 0);
  let size = 0;
  for (const member of members) size = alignUp(size, member.alignment) + member.fixedSize;
  // The unit value is one zero byte: nothing in GVariant has a fixed size of zero.
  const fixedSize = fixed ? Math.max(1, alignUp(size, alignment)) : 0;
  const offsetCount = members.slice(0, -1).filter((m) => m.fixedSize === 0).length;
  return { text, kind: 'tuple', letter: 'y', alignment, fixedSize, members, offsetCount };
}

function container(
  kind: VariantType['kind'],
  text: string,
  alignment: VariantType['alignment'],
  members: readonly VariantType[],
): VariantType {
  return { text, kind, letter: 'y', alignment, fixedSize: 0, members, offsetCount: 0 };
}

function basic(letter: BasicLetter): VariantType {
  const size = basicSizes[letter];
  return {
    text: letter,
    kind: 'basic',
    letter,
    alignment: size === 0 ? 1 : size,
    fixedSize: size,
    members: [],
    offsetCount: 0,
  };
}

const basicTypes: Readonly<Record<BasicLetter, VariantType>> = {
  y: basic('y'),
  b: basic('b'),
  n: basic('n'),
  q: basic('q'),
  i: basic('i'),
  u: basic('u'),
  x: basic('x'),
  t: basic('t'),
  h: basic('h'),
  d: basic('d'),
  s: basic('s'),
  o: basic('o'),
  g: basic('g'),
};

function isBasicLetter(letter: string): letter is BasicLetter {
  return letter.length === 1 && 'ybnqiuxthdsog'.includes(letter);
}

function badType(text: string): AtomicError {
  return new AtomicError('InvalidFormat', `Invalid GVariant type ${JSON.stringify(text.slice(0, 80))}`);
}

/** `at` rounded up to a multiple of `alignment` (a power of two). */
export function alignUp(at: number, alignment: number): number {
  return Math.ceil(at / alignment) * alignment;
}

/** The width in bytes of each framing offset of a container of `size` bytes, offsets included. */
export function offsetWidth(size: number): 1 | 2 | 4 {
  if (size <= 0xff) return 1;
  return size <= 0xffff ? 2 : 4;
}

/** The width that a writer has to choose for `count` offsets after a body of `bodySize` bytes: the smallest that fits. */
export function chooseOffsetWidth(bodySize: number, count: number): 1 | 2 | 4 {
  if (bodySize + count <= 0xff) return 1;
  return bodySize + 2 * count <= 0xffff ? 2 : 4;
}
