import { AtomicError } from '../base/index.ts';
import { parseVariantType, type VariantType } from './variant-type.ts';
import type { Variant, VariantValue } from './variant-value.ts';

/** Text nested deeper than any metadata; keeps a hostile text from using up the stack. */
const maxTextDepth = 32;

const basicWords: ReadonlyMap<string, string> = new Map([
  ['boolean', 'b'],
  ['byte', 'y'],
  ['int16', 'n'],
  ['uint16', 'q'],
  ['int32', 'i'],
  ['uint32', 'u'],
  ['int64', 'x'],
  ['uint64', 't'],
  ['string', 's'],
  ['objectpath', 'o'],
  ['signature', 'g'],
]);

/** Least and largest value of each type of number. */
const ranges: ReadonlyMap<string, readonly [least: bigint, most: bigint]> = new Map([
  ['y', [0n, 0xffn]],
  ['n', [-0x8000n, 0x7fffn]],
  ['q', [0n, 0xffffn]],
  ['i', [-0x8000_0000n, 0x7fff_ffffn]],
  ['u', [0n, 0xffff_ffffn]],
  ['x', [-(1n << 63n), (1n << 63n) - 1n]],
  ['t', [0n, (1n << 64n) - 1n]],
]);

/**
 * The value that the text form of GVariant means: `uint64 42`, `'text'`, `@as []`, `{'key': <true>}`, `b'bytes'`. A number
 * without a type is an int32; the first item of an array or dictionary says the type of all. Doubles, maybes and handles are
 * not known. `InvalidArgument` for everything else.
 */
export function parseVariantText(text: string): Variant {
  const parser = new Parser(text);
  const value = parser.value(undefined, 0);
  parser.end();
  return value;
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw this.#invalid('the end of the text is expected');
  }

  /** One value, of the type that is expected there if one is. */
  value(expected: VariantType | undefined, depth: number): Variant {
    if (depth > maxTextDepth) throw this.#invalid('it is nested too deeply');
    this.#space();
    const type = this.#typePrefix();
    if (type !== undefined && expected !== undefined && type.text !== expected.text) {
      throw this.#invalid(`${type.text} stands where ${expected.text} is expected`);
    }
    const wanted = type ?? expected;
    switch (this.#text.charAt(this.#at)) {
      case '[':
        return this.#array(wanted, depth);
      case '{':
        return this.#dictionary(wanted, depth);
      case '(':
        return this.#tuple(wanted, depth);
      case '<':
        return this.#variant(depth);
      default:
        return this.#basic(wanted);
    }
  }

  /** `@as ` or `uint32 `. */
  #typePrefix(): VariantType | undefined {
    const written = this.#match(/@([a-zA-Z(){}]+)/y)?.[1];
    const word = written === undefined ? this.#match(/([a-z]+\d*)(?=\s)/y)?.[1] : undefined;
    this.#space();
    if (written !== undefined) return parseVariantType(written);
    if (word === undefined) return undefined;
    const letter = basicWords.get(word);
    if (letter === undefined) throw this.#invalid(`“${word}” is not known`);
    return parseVariantType(letter);
  }

  #array(type: VariantType | undefined, depth: number): Variant {
    let member = this.#memberOf(type, 'a');
    const items: VariantValue[] = [];
    this.#list('[', ']', () => {
      const item = this.value(member, depth + 1);
      member ??= parseVariantType(item.type);
      items.push(item.value);
    });
    if (member === undefined) throw this.#invalid('the type of an empty array is not known');
    const isBytes = member.text === 'y';
    return { type: `a${member.text}`, value: isBytes ? Uint8Array.from(items, Number) : items };
  }

  #dictionary(type: VariantType | undefined, depth: number): Variant {
    const entry = this.#memberOf(type, 'a{');
    let [keyType, valueType] = entry === undefined ? [] : entryTypes(entry);
    const entries: [VariantValue, VariantValue][] = [];
    this.#list('{', '}', () => {
      const key = this.value(keyType, depth + 1);
      this.#require(':');
      const value = this.value(valueType, depth + 1);
      keyType ??= parseVariantType(key.type);
      valueType ??= parseVariantType(value.type);
      entries.push([key.value, value.value]);
    });
    if (keyType === undefined || valueType === undefined) {
      throw this.#invalid('the type of an empty dictionary is not known');
    }
    const texts = entries.flatMap(([key, value]) => (typeof key === 'string' ? [[key, value] as const] : []));
    return {
      type: `a{${keyType.text}${valueType.text}}`,
      value: texts.length === entries.length ? new Map(texts) : entries,
    };
  }

  #tuple(type: VariantType | undefined, depth: number): Variant {
    const types: string[] = [];
    const items: VariantValue[] = [];
    this.#list('(', ')', () => {
      const item = this.value(type?.members[items.length], depth + 1);
      types.push(item.type);
      items.push(item.value);
    });
    const text = `(${types.join('')})`;
    if (type !== undefined && type.text !== text) throw this.#invalid(`${type.text} is expected`);
    return { type: text, value: items };
  }

  #variant(depth: number): Variant {
    this.#require('<');
    const value = this.value(undefined, depth + 1);
    this.#require('>');
    return { type: 'v', value };
  }

  #basic(type: VariantType | undefined): Variant {
    const bytes = this.#match(/b(?=['"])/y);
    if (bytes !== undefined) {
      const raw = Buffer.from(`${this.#quoted()}\0`, 'latin1');
      return { type: 'ay', value: Uint8Array.from(raw) };
    }
    const mark = this.#text[this.#at];
    if (mark === "'" || mark === '"') return this.#ofType(type, 'sog', 's', this.#quoted());
    const truth = this.#match(/(?:true|false)\b/y)?.[0];
    if (truth !== undefined) return this.#ofType(type, 'b', 'b', truth === 'true');
    const digits = this.#match(/([-+]?)(0x[0-9a-fA-F]+|\d+)(?![\w.])/y);
    if (digits === undefined) throw this.#invalid('a value is expected');
    const size = BigInt(digits[2] ?? '0');
    return this.#number(digits[1] === '-' ? -size : size, type?.text ?? 'i');
  }

  #number(number: bigint, letter: string): Variant {
    const range = ranges.get(letter);
    if (range === undefined) throw this.#invalid(`a number stands where ${letter} is expected`);
    if (number < range[0] || number > range[1]) throw this.#invalid('the number is out of range');
    return { type: letter, value: letter === 'x' || letter === 't' ? number : Number(number) };
  }

  #ofType(type: VariantType | undefined, allowed: string, usual: string, value: VariantValue): Variant {
    const text = type?.text ?? usual;
    if (text.length !== 1 || !allowed.includes(text)) throw this.#invalid(`${text} is expected`);
    return { type: text, value };
  }

  #memberOf(type: VariantType | undefined, start: string): VariantType | undefined {
    if (type === undefined) return undefined;
    if (!type.text.startsWith(start)) throw this.#invalid(`${type.text} is expected`);
    return parseVariantType(type.text.slice(1));
  }

  #quoted(): string {
    const quote = this.#text[this.#at];
    const found = this.#match(/'((?:[^'\\]|\\[^])*)'|"((?:[^"\\]|\\[^])*)"/y);
    if (found === undefined) throw this.#invalid(`the closing ${quote ?? 'quote'} is missing`);
    return (found[1] ?? found[2] ?? '').replace(escapePattern, unescapeOne);
  }

  #list(open: string, close: string, item: () => void): void {
    this.#require(open);
    this.#space();
    while (this.#text[this.#at] !== close) {
      item();
      this.#space();
      if (this.#text[this.#at] !== close) this.#require(',');
      this.#space();
    }
    this.#require(close);
  }

  #require(mark: string): void {
    this.#space();
    if (this.#text[this.#at] !== mark) throw this.#invalid(`“${mark}” is expected`);
    this.#at += 1;
  }

  #space(): void {
    this.#match(/\s*/y);
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    const sticky = new RegExp(pattern.source, 'y');
    sticky.lastIndex = this.#at;
    const found = sticky.exec(this.#text);
    if (found === null) return undefined;
    this.#at = sticky.lastIndex;
    return found;
  }

  #invalid(reason: string): AtomicError {
    return new AtomicError('InvalidArgument', `Cannot parse '${this.#text}': character ${this.#at + 1}: ${reason}`, {
      hint: `Write values in the text form of GVariant, such as 'text', uint32 7 or true.`,
    });
  }
}

/** Key and value of an entry type such as `{sv}`. */
function entryTypes(entry: VariantType): readonly VariantType[] {
  return entry.members;
}

const escapePattern = /\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|[^])/g;

const namedEscapes: ReadonlyMap<string, string> = new Map([
  ['a', '\x07'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
]);

function unescapeOne(_: string, code: string): string {
  if (/^[uU]./.test(code)) return String.fromCodePoint(Math.min(Number.parseInt(code.slice(1), 16), 0x10ffff));
  if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8) & 0xff);
  return namedEscapes.get(code) ?? code;
}
