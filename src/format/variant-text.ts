import { AtomicError } from '../base/index.ts';
import { swap32, swap64 } from './gvariant.ts';
import { parseVariantType, type VariantType } from './variant-type.ts';
import { isVariant, type VariantValue } from './variant-value.ts';

/** How a value is written. */
export interface VariantTextOptions {
  /** Reverses the bytes of every number, as `ostree` shows what it keeps: it takes all numbers for big-endian. */
  readonly swapNumbers?: boolean;
  /** Leaves out the type of the outermost value, `@a{sv} {}` becoming `{}`; those inside a `v` stay. */
  readonly untyped?: boolean;
}

/**
 * `value` in the text form of GVariant with its types written out, as `g_variant_print` gives it: `uint32 7`, `@as []`,
 * `{'key': <true>}`, `b'text'` for bytes that end in their only NUL. Doubles and maybes are refused (`NotSupported`).
 */
export function formatVariantText(type: string, value: VariantValue, options: VariantTextOptions = {}): string {
  return new Writer(options.swapNumbers === true).write(parseVariantType(type), value, options.untyped !== true);
}

/** What stands before a number when its type is to be seen; an `i` is what a bare number means. */
const numberPrefixes: Readonly<Record<string, string>> = {
  n: 'int16 ',
  q: 'uint16 ',
  i: '',
  u: 'uint32 ',
  h: 'handle ',
  x: 'int64 ',
  t: 'uint64 ',
};

class Writer {
  readonly #swap: boolean;

  constructor(swap: boolean) {
    this.#swap = swap;
  }

  /** `typed` is false for all but the first item of a container: the first one's type says theirs. */
  write(type: VariantType, value: VariantValue, typed: boolean): string {
    if (type.kind === 'bytes' && value instanceof Uint8Array) return writeBytes(type, value, typed);
    if (type.kind === 'variant' && isVariant(value))
      return `<${this.write(parseVariantType(value.type), value.value, true)}>`;
    if (type.kind === 'dict') return this.#writeDict(type, entriesOf(value), typed);
    if (type.kind === 'array' && Array.isArray(value)) return this.#writeArray(type, value, typed);
    if (type.kind === 'tuple' && Array.isArray(value)) {
      const items = type.members.map((member, index) => this.write(member, itemAt(value, index), typed));
      return items.length === 1 ? `(${items.join('')},)` : `(${items.join(', ')})`;
    }
    if (type.kind === 'basic') return this.#writeBasic(type, value, typed);
    throw unprintable(type);
  }

  #writeArray(type: VariantType, items: readonly VariantValue[], typed: boolean): string {
    if (items.length === 0) return typed ? `@${type.text} []` : '[]';
    const [member] = type.members;
    if (member === undefined) throw unprintable(type);
    return `[${items.map((item, index) => this.write(member, item, typed && index === 0)).join(', ')}]`;
  }

  #writeDict(type: VariantType, entries: readonly (readonly [VariantValue, VariantValue])[], typed: boolean): string {
    if (entries.length === 0) return typed ? `@${type.text} {}` : '{}';
    const [keyType, valueType] = type.members[0]?.members ?? type.members;
    if (keyType === undefined || valueType === undefined) throw unprintable(type);
    const items = entries.map(([key, value], index) => {
      const shown = typed && index === 0;
      return `${this.write(keyType, key, shown)}: ${this.write(valueType, value, shown)}`;
    });
    return `{${items.join(', ')}}`;
  }

  #writeBasic(type: VariantType, value: VariantValue, typed: boolean): string {
    const { letter } = type;
    if (typeof value === 'boolean') return `${value}`;
    if (typeof value === 'string') {
      const prefix = letter === 'o' ? 'objectpath ' : letter === 'g' ? 'signature ' : '';
      return `${typed ? prefix : ''}${quoteText(value)}`;
    }
    if (letter === 'y' && typeof value === 'number') return `${typed ? 'byte ' : ''}${hexByte(value)}`;
    const prefix = numberPrefixes[letter];
    if (prefix === undefined || (typeof value !== 'number' && typeof value !== 'bigint')) throw unprintable(type);
    return `${typed ? prefix : ''}${this.#swap ? swapNumber(letter, value) : value}`;
  }
}

function swapNumber(letter: string, value: number | bigint): number | bigint {
  switch (letter) {
    case 'n':
      return ((swap32(Number(value) & 0xffff) >>> 16) << 16) >> 16;
    case 'q':
      return swap32(Number(value)) >>> 16;
    case 'i':
    case 'h':
      return swap32(Number(value) >>> 0) | 0;
    case 'u':
      return swap32(Number(value));
    case 'x':
      return BigInt.asIntN(64, swap64(BigInt.asUintN(64, BigInt(value))));
    default:
      return swap64(BigInt(value));
  }
}

const hexByte = (byte: number): string => `0x${byte.toString(16).padStart(2, '0')}`;

function writeBytes(type: VariantType, bytes: Uint8Array, typed: boolean): string {
  if (bytes.length === 0) return typed ? `@${type.text} []` : '[]';
  if (bytes.indexOf(0) === bytes.length - 1) return quoteBytes(bytes.subarray(0, -1));
  return `[${typed ? 'byte ' : ''}${Array.from(bytes, hexByte).join(', ')}]`;
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
]);

/** Bytes as C would write them: what is not printable ASCII in octal, a double quote always behind a backslash. */
function quoteBytes(bytes: Uint8Array): string {
  const quote = bytes.includes(0x27) ? '"' : "'";
  const chars = Array.from(bytes, (byte) => {
    const char = String.fromCodePoint(byte);
    if (char === '\\' || char === '"') return `\\${char}`;
    if (byte >= 0x20 && byte < 0x7f) return char;
    return escapes.get(char) ?? `\\${byte.toString(8).padStart(3, '0')}`;
  });
  return `b${quote}${chars.join('')}${quote}`;
}

/** Text in single quotes, in double ones when it holds a single quote; what cannot be seen is escaped. */
function quoteText(text: string): string {
  const quote = text.includes("'") ? '"' : "'";
  const chars = Array.from(text, (char) => {
    if (char === quote || char === '\\') return `\\${char}`;
    // A glyph or the plain space: other separators cannot be told apart on a screen.
    if (char === ' ' || /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]$/u.test(char)) return char;
    const code = char.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    return (
      (char === '\u0007' ? '\\a' : escapes.get(char)) ??
      (code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`)
    );
  });
  return `${quote}${chars.join('')}${quote}`;
}

function entriesOf(value: VariantValue): readonly (readonly [VariantValue, VariantValue])[] {
  if (value instanceof Map) return [...(value as ReadonlyMap<string, VariantValue>)];
  if (!Array.isArray(value)) return [];
  return (value as readonly VariantValue[]).map((pair) => {
    const parts: readonly VariantValue[] = Array.isArray(pair) ? pair : [];
    return [itemAt(parts, 0), itemAt(parts, 1)];
  });
}

function itemAt(items: readonly VariantValue[], index: number): VariantValue {
  const item = items[index];
  if (item === undefined) throw new AtomicError('InvalidFormat', 'A GVariant value lacks a member of its type');
  return item;
}

function unprintable(type: VariantType): AtomicError {
  return new AtomicError('NotSupported', `Printing a value of GVariant type ${type.text} is not built yet`);
}
