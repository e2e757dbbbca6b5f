import DBusBuffer from 'dbus-next/lib/dbus-buffer.js';
import { AtomicError, defined } from '../base/index.ts';
import { parseSignature, parseSingleType, type WireType } from './signature.ts';
import type { WireValue } from './values.ts';

/** Variants may nest without appearing in a signature; the specification bounds the whole message at 64 levels. */
const maxDepth = 64;
/** The specification's limit on one array. */
const maxArrayBytes = 64 * 1024 * 1024;

const objectPathPattern = /^\/(?:[A-Za-z0-9_]+(?:\/[A-Za-z0-9_]+)*)?$/;
/** Alignment of each type as a power of two; the wire format's table. */
const alignments: ReadonlyMap<string, number> = new Map(
  ['ygv', 'nq', 'biusoah', 'xtd({'].flatMap((codes, power) => codes.split('').map((code) => [code, power] as const)),
);

/** True if `text` is a valid object path. */
export function isObjectPath(text: string): boolean {
  return objectPathPattern.test(text);
}

/**
 * Reads D-Bus values from bytes that anybody may have sent. dbus-next's buffer reads the primitives; this class checks
 * bounds, depth and strings before each of them, and makes Maps of dictionaries. `InvalidFormat` on anything malformed.
 */
export class WireReader {
  readonly #bytes: Buffer;
  readonly #buffer: DBusBuffer;
  readonly #littleEndian: boolean;

  /** `littleEndian` is the first byte of the message. The bytes begin at a multiple of 8 in it. */
  constructor(bytes: Buffer, littleEndian: boolean) {
    this.#bytes = bytes;
    this.#littleEndian = littleEndian;
    this.#buffer = new DBusBuffer(bytes, 0, littleEndian ? 0x6c : 0x42);
  }

  /** How many bytes were read. */
  get position(): number {
    return this.#buffer.pos;
  }

  /** Moves to the next multiple of `1 << power`. */
  align(power: number): void {
    this.#buffer.align(power);
    this.#need(0);
  }

  /** The values of a signature, in order. */
  readAll(signature: string): WireValue[] {
    return parseSignature(signature).map((type) => this.read(type));
  }

  /** One value of the given type. */
  read(type: WireType, depth = 0): WireValue {
    if (depth > maxDepth) throw malformed('it is nested too deeply');
    switch (type.code) {
      case 'a':
        return this.#readArray(type, depth);
      case '(':
        this.align(3);
        return type.inner.map((member) => this.read(member, depth + 1));
      case 'v': {
        const inner = parseSingleType(this.#readText(this.#readByte()));
        return { type: inner.text, value: this.read(inner, depth + 1) };
      }
      default:
        return this.#readBasic(type.code);
    }
  }

  /** Strings, paths, signatures and numbers, aligned and bounds-checked. */
  #readBasic(code: string): WireValue {
    const power = alignments.get(code) ?? 0;
    this.align(power);
    switch (code) {
      case 'g':
        return parseSignature(this.#readText(this.#readByte()))
          .map((type) => type.text)
          .join('');
      case 's':
      case 'o': {
        this.#need(4);
        const text = this.#readText(this.#buffer.readInt32());
        if (code === 'o' && !isObjectPath(text)) throw malformed('it holds an invalid object path');
        return text;
      }
      case 'h':
        this.#need(4);
        return this.#buffer.readInt32();
      default:
        this.#need(1 << power);
        return this.#readNumber(code);
    }
  }

  #readNumber(code: string): WireValue {
    if (code === 'x' || code === 't') return this.#readLong(code === 'x');
    const value = this.#buffer.readSimpleType(code);
    if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return value;
    throw malformed(`it holds a value of the unknown type ${code}`);
  }

  /** dbus-next puts the two halves of a big-endian number together the wrong way round. */
  #readLong(signed: boolean): bigint {
    const at = this.#buffer.pos;
    this.#buffer.pos += 8;
    if (signed) return this.#littleEndian ? this.#bytes.readBigInt64LE(at) : this.#bytes.readBigInt64BE(at);
    return this.#littleEndian ? this.#bytes.readBigUInt64LE(at) : this.#bytes.readBigUInt64BE(at);
  }

  #readByte(): number {
    this.#need(1);
    return this.#buffer.readInt8();
  }

  /** A string of known length and its closing zero; bytes that are no UTF-8 become replacement characters. */
  #readText(length: number): string {
    this.#need(length + 1);
    const at = this.#buffer.pos;
    if (this.#bytes[at + length] !== 0) throw malformed('a string does not end with a zero byte');
    const text = this.#buffer.readString(length);
    // The marshaller refuses to send such a string back, for instance inside an error.
    if (text.includes('\0')) throw malformed('a string contains a zero byte');
    return text;
  }

  /** An array, a byte string or a dictionary; its length was checked against the message before anything is read. */
  #readArray(type: WireType, depth: number): WireValue {
    this.align(2);
    this.#need(4);
    const length = this.#buffer.readInt32();
    const element = defined(type.inner[0], 'an array has an element type');
    this.align(alignments.get(element.code) ?? 0);
    if (length > maxArrayBytes) throw malformed('an array is larger than 64 MiB');
    this.#need(length);
    const end = this.#buffer.pos + length;
    if (element.code === 'y') {
      const bytes = new Uint8Array(this.#bytes.subarray(this.#buffer.pos, end));
      this.#buffer.pos = end;
      return bytes;
    }
    const value = element.code === '{' ? this.#readMap(element, end, depth) : this.#readItems(element, end, depth);
    if (this.#buffer.pos !== end) throw malformed('an array ends inside an element');
    return value;
  }

  #readItems(element: WireType, end: number, depth: number): WireValue[] {
    const items: WireValue[] = [];
    while (this.#buffer.pos < end) items.push(this.read(element, depth + 1));
    return items;
  }

  #readMap(entry: WireType, end: number, depth: number): Map<string | number | bigint | boolean, WireValue> {
    const keyType = defined(entry.inner[0], 'an entry has a key');
    const valueType = defined(entry.inner[1], 'an entry has a value');
    const map = new Map<string | number | bigint | boolean, WireValue>();
    while (this.#buffer.pos < end) {
      this.align(3);
      const key = this.#readBasic(keyType.code);
      if (typeof key === 'object') throw malformed('a dictionary key is not a basic value');
      map.set(key, this.read(valueType, depth + 1));
    }
    return map;
  }

  /** The bounds check that everything goes through; each element takes at least a byte, so loops end. */
  #need(count: number): void {
    if (this.#buffer.pos + count > this.#bytes.length) throw malformed('it ends inside a value');
  }
}

function malformed(why: string): AtomicError {
  return new AtomicError('InvalidFormat', `Malformed D-Bus message: ${why}`);
}
