import { AtomicError, defined, unreachable } from '../base/index.ts';
import { maxVariantBytes, maxVariantDepth, maxVariantValues } from './limits.ts';
import { alignUp, chooseOffsetWidth, isSignature, offsetWidth, parseVariantType } from './variant-type.ts';
import type { VariantType } from './variant-type.ts';
import type { VariantValue } from './variant-value.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const objectPathPattern = /^(?:\/|(?:\/[A-Za-z0-9_]+)+)$/;

interface Source {
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly buffer: Buffer;
  valuesLeft: number;
}

/**
 * Returns the value that `bytes` holds as `type` (little-endian), and only if `bytes` is in normal form, so that
 * encoding the result gives the same bytes again. `InvalidFormat` otherwise (also for a dictionary with a key twice),
 * `LimitExceeded` when too large, too deep or too many values. Byte arrays in the result are views of `bytes`.
 */
export function decodeVariant(type: string, bytes: Uint8Array): VariantValue {
  if (bytes.length > maxVariantBytes) {
    throw new AtomicError('LimitExceeded', `GVariant of ${bytes.length} bytes is too large`);
  }
  const source: Source = {
    text: type,
    bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length),
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
    buffer: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
    valuesLeft: maxVariantValues,
  };
  return decode(source, parseVariantType(type), 0, bytes.length, 0);
}

function decode(source: Source, type: VariantType, start: number, end: number, depth: number): VariantValue {
  if (--source.valuesLeft < 0) throw new AtomicError('LimitExceeded', 'GVariant holds too many values');
  if (depth > maxVariantDepth) throw new AtomicError('LimitExceeded', 'GVariant is nested too deeply');
  if (type.fixedSize !== 0 && end - start !== type.fixedSize) throw invalid(source, 'wrong size', start);
  switch (type.kind) {
    case 'basic':
      return decodeBasic(source, type, start, end);
    case 'bytes':
      return source.bytes.subarray(start, end);
    case 'array':
      return decodeArray(source, type, start, end, depth);
    case 'dict':
      return decodeDict(source, type, start, end, depth);
    case 'tuple':
      return decodeTuple(source, type, start, end, depth);
    case 'maybe':
      return decodeMaybe(source, type, start, end, depth);
    case 'variant':
      return decodeChild(source, start, end, depth);
    default:
      return unreachable(type.kind);
  }
}

function decodeBasic(source: Source, type: VariantType, start: number, end: number): VariantValue {
  const { view } = source;
  switch (type.letter) {
    case 'y':
      return view.getUint8(start);
    case 'b':
      if (view.getUint8(start) > 1) throw invalid(source, 'bad boolean', start);
      return view.getUint8(start) === 1;
    case 'n':
      return view.getInt16(start, true);
    case 'q':
      return view.getUint16(start, true);
    case 'i':
    case 'h':
      return view.getInt32(start, true);
    case 'u':
      return view.getUint32(start, true);
    case 'x':
      return view.getBigInt64(start, true);
    case 't':
      return view.getBigUint64(start, true);
    case 'd':
      return view.getFloat64(start, true);
    case 's':
      return decodeString(source, start, end);
    case 'o': {
      const path = decodeString(source, start, end);
      if (!objectPathPattern.test(path)) throw invalid(source, 'bad object path', start);
      return path;
    }
    case 'g': {
      const signature = decodeString(source, start, end);
      if (!isSignature(signature)) throw invalid(source, 'bad signature', start);
      return signature;
    }
    default:
      return unreachable(type.letter);
  }
}

function decodeString(source: Source, start: number, end: number): string {
  const { bytes } = source;
  const last = end - 1;
  if (last < start || bytes[last] !== 0) throw invalid(source, 'unterminated string', start);
  let seen = 0;
  for (let at = start; at < last; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === 0) throw invalid(source, 'string with a zero byte', at);
    seen |= byte;
  }
  if (seen < 0x80) return source.buffer.toString('latin1', start, last);
  try {
    return utf8.decode(bytes.subarray(start, last));
  } catch {
    throw invalid(source, 'string that is not UTF-8', start);
  }
}

function decodeArray(source: Source, type: VariantType, start: number, end: number, depth: number): VariantValue {
  const element = elementOf(type);
  const values: VariantValue[] = [];
  if (start === end) return values;
  if (element.fixedSize !== 0) {
    if ((end - start) % element.fixedSize !== 0) throw invalid(source, 'wrong array size', start);
    for (let at = start; at < end; at += element.fixedSize) {
      values.push(decode(source, element, at, at + element.fixedSize, depth + 1));
    }
    return values;
  }
  const width = offsetWidth(end - start);
  const bodyEnd = start + readOffset(source, end - width, width);
  const count = (end - bodyEnd) / width;
  if (count < 1 || !Number.isInteger(count) || chooseOffsetWidth(bodyEnd - start, count) !== width) {
    throw invalid(source, 'bad array framing', start);
  }
  let at = start;
  for (let i = 0; i < count; i++) {
    const elementEnd = start + readOffset(source, bodyEnd + i * width, width);
    if (elementEnd < at || elementEnd > bodyEnd) throw invalid(source, 'array offset out of order', at);
    const from = skipPadding(source, at, element.alignment, elementEnd);
    values.push(decode(source, element, from, elementEnd, depth + 1));
    at = elementEnd;
  }
  return values;
}

function decodeDict(source: Source, type: VariantType, start: number, end: number, depth: number): VariantValue {
  const entries = decodeArray(source, type, start, end, depth) as readonly (readonly [string, VariantValue])[];
  const dict = new Map(entries);
  if (dict.size !== entries.length) throw invalid(source, 'dictionary with a key twice', start);
  return dict;
}

function decodeTuple(source: Source, type: VariantType, start: number, end: number, depth: number): VariantValue {
  const { members } = type;
  if (members.length === 0) {
    if (source.bytes[start] !== 0) throw invalid(source, 'bad unit value', start);
    return [];
  }
  const width = type.offsetCount === 0 ? 1 : offsetWidth(end - start);
  const bodyEnd = end - type.offsetCount * width;
  if (bodyEnd < start || chooseOffsetWidth(bodyEnd - start, type.offsetCount) !== width) {
    if (type.offsetCount > 0 || bodyEnd < start) throw invalid(source, 'bad tuple framing', start);
  }
  const values: VariantValue[] = [];
  let at = start;
  let table = end;
  for (let index = 0; index < members.length; index++) {
    const member = defined(members[index], 'a tuple type has its members');
    const from = skipPadding(source, at, member.alignment, bodyEnd);
    let to = bodyEnd;
    if (member.fixedSize !== 0) to = from + member.fixedSize;
    else if (index < members.length - 1) {
      table -= width;
      to = start + readOffset(source, table, width);
    }
    if (to < from || to > bodyEnd) throw invalid(source, 'tuple offset out of order', from);
    values.push(decode(source, member, from, to, depth + 1));
    at = to;
  }
  if (type.fixedSize !== 0) at = skipPadding(source, at, type.alignment, bodyEnd);
  if (at !== bodyEnd) throw invalid(source, 'bytes after the last member', at);
  return values;
}

function decodeMaybe(source: Source, type: VariantType, start: number, end: number, depth: number): VariantValue {
  if (start === end) return [];
  const element = elementOf(type);
  if (element.fixedSize !== 0) return [decode(source, element, start, end, depth + 1)];
  if (source.bytes[end - 1] !== 0) throw invalid(source, 'bad maybe', end - 1);
  return [decode(source, element, start, end - 1, depth + 1)];
}

function decodeChild(source: Source, start: number, end: number, depth: number): VariantValue {
  const separator = end === start ? -1 : source.bytes.lastIndexOf(0, end - 1);
  if (separator < start) throw invalid(source, 'variant without a type', start);
  const text = source.buffer.toString('latin1', separator + 1, end);
  return { type: text, value: decode(source, parseVariantType(text), start, separator, depth + 1) };
}

function elementOf(type: VariantType): VariantType {
  return defined(type.members[0], 'an array type has an element type');
}

function skipPadding(source: Source, at: number, alignment: number, limit: number): number {
  const aligned = alignUp(at, alignment);
  if (aligned > limit) throw invalid(source, 'value cut short', at);
  for (let i = at; i < aligned; i++) if (source.bytes[i] !== 0) throw invalid(source, 'non-zero padding', i);
  return aligned;
}

function readOffset(source: Source, at: number, width: 1 | 2 | 4): number {
  if (width === 1) return source.view.getUint8(at);
  return width === 2 ? source.view.getUint16(at, true) : source.view.getUint32(at, true);
}

function invalid(source: Source, reason: string, at: number): AtomicError {
  const type = source.text.slice(0, 80);
  return new AtomicError('InvalidFormat', `Invalid GVariant of type ${type}: ${reason} at byte ${at}`);
}
