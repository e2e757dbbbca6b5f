import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAtomicError } from '../../src/base/index.ts';
import { decodeVariant, encodeVariant, isVariant, type VariantValue } from '../../src/format/index.ts';
import { parseVariantType, type VariantType } from '../../src/format/variant-type.ts';
import { typedValues, variantTypes } from '../support/variant-arbitrary.ts';

/**
 * The real GLib answers a batch: for a tree the bytes it writes; for bytes whether it calls them normal and would write
 * just them (it lets no bytes at all pass for any tuple).
 */
const oracle = String.raw`
import json, struct, sys
from gi.repository import GLib

def build(node):
    type, kind, value = node['type'], node['kind'], node['value']
    if kind == 'variant':
        return GLib.Variant.new_variant(build(value))
    if kind == 'maybe':
        return GLib.Variant.new_maybe(GLib.VariantType(type[1:]), build(value[0]) if value else None)
    if kind in ('array', 'dict', 'bytes'):
        return GLib.Variant.new_array(GLib.VariantType(type[1:]), [build(item) for item in value])
    if kind == 'tuple' and type[0] == '{':
        return GLib.Variant.new_dict_entry(build(value[0]), build(value[1]))
    if kind == 'tuple':
        return GLib.Variant.new_tuple(*[build(item) for item in value])
    if type in ('x', 't'):
        value = int(value)
    if type == 'd':
        value = struct.unpack('<d', bytes.fromhex(value))[0]
    return GLib.Variant(type, value)

def rebuild(value):
    children = [value.get_child_value(i) for i in range(value.n_children())] if value.is_container() else []
    text = value.get_type_string()
    if text == 'v':
        return GLib.Variant.new_variant(rebuild(children[0]))
    if text[0] == 'm':
        return GLib.Variant.new_maybe(GLib.VariantType(text[1:]), rebuild(children[0]) if children else None)
    if text[:3] in ('a{s', 'a{o', 'a{g') and len({child.get_child_value(0).unpack() for child in children}) < len(children):
        raise ValueError('a key twice: a dictionary for GLib, not for us')
    if text[0] == 'a':
        return GLib.Variant.new_array(GLib.VariantType(text[1:]), [rebuild(child) for child in children])
    if text[0] == '{':
        return GLib.Variant.new_dict_entry(rebuild(children[0]), rebuild(children[1]))
    if text[0] == '(':
        return GLib.Variant.new_tuple(*[rebuild(child) for child in children])
    return GLib.Variant(text, value.unpack())

def judge(type, data):
    value = GLib.Variant.new_from_bytes(GLib.VariantType(type), GLib.Bytes.new(data), False)
    try:
        return value.is_normal_form() and rebuild(value).get_data_as_bytes().get_data() == data
    except ValueError:
        return False

answers = []
for item in json.load(sys.stdin):
    if 'tree' in item:
        answers.append(build(item['tree']).get_data_as_bytes().get_data().hex())
    else:
        answers.append(judge(item['type'], bytes.fromhex(item['bytes'])))
json.dump(answers, sys.stdout)
`;

function askGlib(batch: readonly object[]): readonly (string | boolean)[] {
  const input = JSON.stringify(batch);
  const options = { input, encoding: 'utf8', maxBuffer: 1 << 28 } as const;
  return JSON.parse(execFileSync('/usr/bin/python3', ['-c', oracle], options)) as (string | boolean)[];
}

/** A value as JSON that the oracle can build from: bigints as text, doubles as their bytes, dictionaries as pairs. */
interface Tree {
  readonly type: string;
  readonly kind: string;
  readonly value: unknown;
}

function treeOf(type: VariantType, value: VariantValue): Tree {
  return { type: type.text, kind: type.kind, value: childrenOf(type, value) };
}

function childrenOf(type: VariantType, value: VariantValue): unknown {
  if (type.text === 'd') return Buffer.from(encodeVariant('d', value)).toString('hex');
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object') return value;
  if (isVariant(value)) return treeOf(parseVariantType(value.type), value.value);
  const items = value instanceof Uint8Array || value instanceof Map ? [...value] : (value as readonly VariantValue[]);
  return items.map((item: VariantValue, index) => {
    const itemType = type.members[type.kind === 'tuple' ? index : 0];
    if (itemType === undefined) throw new Error(`no type for member ${index} of ${type.text}`);
    return treeOf(itemType, item);
  });
}

function accepts(type: string, bytes: Uint8Array): boolean {
  try {
    decodeVariant(type, bytes);
    return true;
  } catch (error) {
    if (isAtomicError(error, 'InvalidFormat')) return false;
    throw error;
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('GVariant, beside the real GLib', () => {
  it('writes the bytes GLib writes, and reads them back', () => {
    const samples = fc.sample(typedValues, { numRuns: 3000 });
    const answers = askGlib(samples.map(({ type, value }) => ({ tree: treeOf(parseVariantType(type), value) })));
    for (const [index, { type, value }] of samples.entries()) {
      expect([type, hex(encodeVariant(type, value))]).toEqual([type, answers[index]]);
      expect([type, decodeVariant(type, Buffer.from(String(answers[index]), 'hex'))]).toEqual([type, value]);
    }
    expect(samples.length).toBe(3000);
  });

  it('calls normal what GLib calls normal, for random bytes and for valid bytes with damage', () => {
    const random = fc.tuple(variantTypes, fc.uint8Array({ maxLength: 24 }));
    const damaged = fc
      .tuple(
        typedValues,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 2 }),
        fc.integer({ min: -2, max: 2 }),
      )
      .map(([{ type, value }, edits, grow]): [string, Uint8Array] => {
        const bytes = encodeVariant(type, value);
        for (const [at, byte] of edits) if (bytes.length > 0) bytes[at % bytes.length] = byte;
        return [
          type,
          new Uint8Array([
            ...bytes.subarray(0, bytes.length + Math.min(grow, 0)),
            ...new Uint8Array(Math.max(grow, 0)),
          ]),
        ];
      });
    const samples = [...fc.sample(random, 6000), ...fc.sample(damaged, 6000)];
    const answers = askGlib(samples.map(([type, bytes]) => ({ type, bytes: hex(bytes) })));
    let normal = 0;
    for (const [index, [type, bytes]] of samples.entries()) {
      if (answers[index] === true) normal += 1;
      expect({ type, bytes: hex(bytes), normal: accepts(type, bytes) }).toEqual({
        type,
        bytes: hex(bytes),
        normal: answers[index],
      });
    }
    expect(normal).toBeGreaterThan(300);
    expect(normal).toBeLessThan(samples.length - 3000);
  });
});
