import { assert, AtomicError, defined } from '../base/index.ts';
import { maxVariantBytes, maxVariantDepth } from './limits.ts';
import { isEncodable } from './text.ts';
import { alignUp, chooseOffsetWidth, isSignature, parseVariantType } from './variant-type.ts';
import type { VariantType } from './variant-type.ts';
import { isVariant } from './variant-value.ts';
import type { VariantValue } from './variant-value.ts';

/**
 * Returns the normal form of `value` as `type`: numbers and framing offsets little-endian. `InvalidFormat` if a number
 * is out of range or a string cannot be written; a value of another JavaScript type than `type` asks for is a broken
 * invariant. Nothing is sorted: dictionaries are written in the order of the Map.
 */
export function encodeVariant(type: string, value: VariantValue): Uint8Array {
  const writer = new Writer();
  encode(writer, parseVariantType(type), value, 0);
  return writer.finish();
}

class Writer {
  length = 0;
  private bytes = Buffer.alloc(256);
  private view = viewOf(this.bytes);

  finish(): Uint8Array {
    return new Uint8Array(this.bytes.subarray(0, this.length));
  }

  /** Makes room for `size` more bytes (which are zero) and returns where they begin. */
  extend(size: number): number {
    const at = this.length;
    const length = at + size;
    if (length > maxVariantBytes) throw new AtomicError('LimitExceeded', 'GVariant is too large to write');
    if (length > this.bytes.length) {
      const grown = Buffer.alloc(Math.max(length, this.bytes.length * 2));
      grown.set(this.bytes);
      this.bytes = grown;
      this.view = viewOf(grown);
    }
    this.length = length;
    return at;
  }

  at(size: number): { view: DataView; offset: number } {
    const offset = this.extend(size);
    return { view: this.view, offset };
  }

  append(bytes: Uint8Array): void {
    const at = this.extend(bytes.length);
    this.bytes.set(bytes, at);
  }

  appendText(text: string): void {
    // A UTF-16 unit takes at most three bytes.
    const at = this.extend(text.length * 3);
    this.length = at + this.bytes.write(text, at, 'utf8');
  }

  align(alignment: number): void {
    this.extend(alignUp(this.length, alignment) - this.length);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function encode(writer: Writer, type: VariantType, value: VariantValue, depth: number): void {
  if (depth > maxVariantDepth) throw new AtomicError('LimitExceeded', 'GVariant is nested too deeply');
  switch (type.kind) {
    case 'basic':
      encodeBasic(writer, type, value);
      return;
    case 'bytes':
      assert(value instanceof Uint8Array, 'ay is written from a Uint8Array');
      writer.append(value);
      return;
    case 'array':
      encodeArray(writer, type, listOf(type, value), depth);
      return;
    case 'dict':
      assert(value instanceof Map, `${type.text} is written from a Map`);
      encodeArray(writer, type, [...(value as ReadonlyMap<string, VariantValue>)], depth);
      return;
    case 'tuple':
      encodeTuple(writer, type, listOf(type, value), depth);
      return;
    case 'maybe':
      encodeMaybe(writer, type, listOf(type, value), depth);
      return;
    case 'variant': {
      assert(isVariant(value), 'v is written from a Variant');
      encode(writer, parseVariantType(value.type), value.value, depth + 1);
      writer.extend(1);
      writer.appendText(value.type);
    }
  }
}

function encodeBasic(writer: Writer, type: VariantType, value: VariantValue): void {
  switch (type.letter) {
    case 's':
    case 'o':
    case 'g':
      encodeString(writer, type, value);
      return;
    case 'b': {
      assert(typeof value === 'boolean', 'b is written from a boolean');
      const { view, offset } = writer.at(1);
      view.setUint8(offset, value ? 1 : 0);
      return;
    }
    case 'x':
    case 't': {
      assert(typeof value === 'bigint', `${type.letter} is written from a bigint`);
      const fits = type.letter === 't' ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value);
      if (fits !== value) throw outOfRange(type, value);
      const { view, offset } = writer.at(8);
      view.setBigUint64(offset, BigInt.asUintN(64, value), true);
      return;
    }
    case 'd': {
      assert(typeof value === 'number', 'd is written from a number');
      const { view, offset } = writer.at(8);
      view.setFloat64(offset, value, true);
      return;
    }
    case 'y':
    case 'n':
    case 'q':
    case 'i':
    case 'u':
    case 'h':
      encodeInteger(writer, type, value);
  }
}

function encodeInteger(writer: Writer, type: VariantType, value: VariantValue): void {
  assert(typeof value === 'number', `${type.text} is written from a number`);
  const signed = type.letter === 'n' || type.letter === 'i' || type.letter === 'h';
  const span = 2 ** (8 * type.fixedSize);
  const least = signed ? -span / 2 : 0;
  if (!Number.isInteger(value) || value < least || value >= least + span) throw outOfRange(type, value);
  const { view, offset } = writer.at(type.fixedSize);
  if (type.fixedSize === 1) view.setUint8(offset, value);
  else if (type.fixedSize === 2) view.setUint16(offset, value, true);
  else view.setUint32(offset, value, true);
}

function encodeString(writer: Writer, type: VariantType, value: VariantValue): void {
  assert(typeof value === 'string', `${type.text} is written from a string`);
  if (value.includes('\0') || !isEncodable(value)) {
    throw new AtomicError('InvalidFormat', `Cannot write ${JSON.stringify(value.slice(0, 80))}: not plain text`);
  }
  if (type.letter === 'g' && !isSignature(value)) {
    throw new AtomicError('InvalidFormat', `Cannot write ${JSON.stringify(value.slice(0, 80))}: not a signature`);
  }
  writer.appendText(value);
  writer.extend(1);
}

function encodeArray(writer: Writer, type: VariantType, values: readonly VariantValue[], depth: number): void {
  const element = defined(type.members[0], 'an array type has an element type');
  const start = writer.length;
  const ends: number[] = [];
  for (const value of values) {
    writer.align(element.alignment);
    encode(writer, element, value, depth + 1);
    if (element.fixedSize === 0) ends.push(writer.length - start);
  }
  writeOffsets(writer, start, ends);
}

function encodeTuple(writer: Writer, type: VariantType, values: readonly VariantValue[], depth: number): void {
  const { members } = type;
  assert(values.length === members.length, `${type.text} is written from ${members.length} values`);
  const start = writer.length;
  if (members.length === 0) writer.extend(1);
  const ends: number[] = [];
  for (const [index, member] of members.entries()) {
    writer.align(member.alignment);
    encode(writer, member, defined(values[index], 'a tuple value is complete'), depth + 1);
    if (member.fixedSize === 0 && index < members.length - 1) ends.unshift(writer.length - start);
  }
  if (type.fixedSize !== 0) writer.align(type.alignment);
  writeOffsets(writer, start, ends);
}

function encodeMaybe(writer: Writer, type: VariantType, values: readonly VariantValue[], depth: number): void {
  const element = defined(type.members[0], 'a maybe type has an element type');
  assert(values.length <= 1, `${type.text} is written from none or one`);
  for (const value of values) {
    encode(writer, element, value, depth + 1);
    if (element.fixedSize === 0) writer.extend(1);
  }
}

function writeOffsets(writer: Writer, start: number, ends: readonly number[]): void {
  const width = chooseOffsetWidth(writer.length - start, ends.length);
  const { view, offset } = writer.at(ends.length * width);
  for (const [index, end] of ends.entries()) {
    const at = offset + index * width;
    if (width === 1) view.setUint8(at, end);
    else if (width === 2) view.setUint16(at, end, true);
    else view.setUint32(at, end, true);
  }
}

function listOf(type: VariantType, value: VariantValue): readonly VariantValue[] {
  assert(Array.isArray(value), `${type.text} is written from an array`);
  return value as readonly VariantValue[];
}

function outOfRange(type: VariantType, value: number | bigint): AtomicError {
  return new AtomicError('InvalidFormat', `Cannot write ${value} as GVariant type ${type.text}: out of range`);
}
