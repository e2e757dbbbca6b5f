import { AtomicError, defined } from '../base/index.ts';
import { isObjectPath } from './reader.ts';
import { parseSignature, parseSingleType, type WireType } from './signature.ts';
import { isWireVariant, type WireValue } from './values.ts';

/**
 * Brings values into the shape dbus-next's marshaller writes: dictionaries as pairs, variants as [signature, value].
 * `InvalidFormat` naming the type when a value does not fit, so that a mistake shows where it was made.
 */
export function toMarshaller(signature: string, body: readonly WireValue[]): unknown[] {
  const types = parseSignature(signature);
  if (types.length !== body.length) throw misfit(signature, `${body.length} values were given`);
  return types.map((type, index) => convert(type, defined(body[index], 'as many values as types')));
}

/** One value; numbers are checked for their range by the marshaller. */
function convert(type: WireType, value: WireValue): unknown {
  switch (type.code) {
    case 'a':
      return convertArray(type, value);
    case '(':
      return convertStruct(type, value);
    case 'v': {
      if (!isWireVariant(value)) throw misfit('v', 'the value carries no type');
      const inner = parseSingleType(value.type);
      return [inner.text, convert(inner, value.value)];
    }
    case 's':
    case 'o':
    case 'g':
      return convertText(type, value);
    case 't':
    case 'x':
      if (typeof value !== 'bigint' && typeof value !== 'number') throw misfit(type.text, `got a ${typeof value}`);
      return BigInt(value);
    case 'b':
      if (typeof value !== 'boolean') throw misfit('b', `got a ${typeof value}`);
      return value;
    default:
      if (typeof value !== 'number') throw misfit(type.text, `got a ${typeof value}`);
      return value;
  }
}

function convertText(type: WireType, value: WireValue): string {
  if (typeof value !== 'string') throw misfit(type.text, `got a ${typeof value}`);
  if (type.code === 'o' && !isObjectPath(value)) throw misfit('o', `${JSON.stringify(value)} is no object path`);
  // A zero byte cannot travel; anything readable may come before it.
  return value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value;
}

function convertStruct(type: WireType, value: WireValue): unknown[] {
  if (!Array.isArray(value) || value.length !== type.inner.length) throw misfit(type.text, 'the members do not match');
  const members: readonly WireValue[] = value;
  return type.inner.map((member, index) => convert(member, defined(members[index], 'as many members as types')));
}

/** Byte strings, dictionaries and lists. */
function convertArray(type: WireType, value: WireValue): unknown {
  const element = defined(type.inner[0], 'an array has an element type');
  if (element.code === '{') {
    if (!(value instanceof Map)) throw misfit(type.text, 'the value is no Map');
    const keyType = defined(element.inner[0], 'an entry has a key');
    const valueType = defined(element.inner[1], 'an entry has a value');
    return [...value].map(([key, item]: [WireValue, WireValue]) => [convert(keyType, key), convert(valueType, item)]);
  }
  if (element.code === 'y' && value instanceof Uint8Array) return value;
  if (!Array.isArray(value)) throw misfit(type.text, 'the value is no array');
  const items: readonly WireValue[] = value;
  return items.map((item) => convert(element, item));
}

function misfit(type: string, why: string): AtomicError {
  return new AtomicError('InvalidFormat', `Cannot send a D-Bus value of type ${JSON.stringify(type)}: ${why}`);
}
