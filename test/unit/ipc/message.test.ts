import { execFileSync } from 'node:child_process';
import { array, assert, nat, property, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage, type WireMessage, type WireValue } from '../../../src/ipc/index.ts';

const call = (signature: string, body: readonly WireValue[]): WireMessage => ({
  kind: 'call',
  serial: 7,
  noReply: false,
  noAutoStart: false,
  path: '/a/b',
  interface: 'a.b',
  member: 'Do',
  destination: ':1.2',
  signature,
  body,
});

const values: readonly (readonly [string, WireValue])[] = [
  ['y', 255],
  ['b', true],
  ['n', -32768],
  ['q', 65535],
  ['i', -2147483648],
  ['u', 4294967295],
  ['x', -9223372036854775807n],
  ['t', 18446744073709551615n],
  ['d', 1.5],
  ['s', 'grüße'],
  ['o', '/org/x_1'],
  ['g', 'a{sv}(ii)'],
  ['ay', new Uint8Array([1, 2, 3])],
  ['as', ['', 'b']],
  ['(si)', ['x', -1]],
  ['a(sua{sv})', [['n', 1, new Map([['k', { type: '(sss)', value: ['a', 'b', 'c'] }]])]]],
  [
    'a{ss}',
    new Map([
      ['10', 'a'],
      ['2', 'b'],
      ['__proto__', 'c'],
      ['constructor', 'd'],
    ]),
  ],
  ['a{us}', new Map([[3, 'three']])],
  ['v', { type: 'a{sv}', value: new Map([['__proto__', { type: 'v', value: { type: 't', value: 1n } }]]) }],
  ['aa{sv}', []],
  ['at', [1n, 2n]],
];

describe('a message', () => {
  it.each(values)('carries %s unchanged', (signature, value) => {
    const message = call(signature, [value]);
    expect(decodeMessage(encodeMessage(message))).toEqual(message);
  });

  it('keeps odd dictionary keys and their order', () => {
    const keys = ['10', '2', '__proto__', '1', 'toString'];
    const map = new Map(keys.map((key) => [key, { type: 's', value: key }]));
    const [back] = decodeMessage(encodeMessage(call('a{sv}', [map]))).body;
    expect(back instanceof Map ? [...back.keys()] : undefined).toEqual(keys);
  });

  it('is read by GLib as it was written', () => {
    const script = `
import sys
from gi.repository import Gio
m = Gio.DBusMessage.new_from_blob(sys.stdin.buffer.read(), 0)
print(m.get_body().print_(True))
b = m.to_blob(0); sys.stderr.buffer.write(bytes(b))`;
    const body: WireValue[] = [
      [['name', 2, new Map([['k', { type: 't', value: 5n }]])]],
      new Map([['x', { type: 'as', value: ['1', '2'] }]]),
      -5n,
    ];
    const bytes = encodeMessage(call('a(sua{sv})a{sv}x', body));
    const text = execFileSync('/usr/bin/python3', ['-c', script], { input: bytes, stdio: 'pipe' }).toString();
    expect(text.trim()).toBe(`([('name', uint32 2, {'k': <uint64 5>})], {'x': <['1', '2']>}, int64 -5)`);
  });

  it('refuses a value that does not fit its type, naming it', () => {
    expect(() => encodeMessage(call('a{sv}', [['x']]))).toThrow('Cannot send a D-Bus value of type "a{sv}"');
    expect(() => encodeMessage(call('o', ['not a path']))).toThrow('is no object path');
    expect(() => encodeMessage(call('ss', ['one']))).toThrow('1 values were given');
  });
});

/** The sentence with which the bytes are refused; empty if they are read. */
function refusalOf(bytes: Buffer): string {
  try {
    decodeMessage(bytes);
    return '';
  } catch (error) {
    return String(error);
  }
}

describe('a malformed message', () => {
  const bytes = encodeMessage(call('a(y)sa{sv}v', [[[1], [2]], 'text', new Map(), { type: 'as', value: ['x'] }]));

  it('is refused wherever it is cut', () => {
    for (let length = 16; length < bytes.length; length += 1) {
      expect(() => decodeMessage(bytes.subarray(0, length))).toThrow('D-Bus');
    }
  });

  it('is refused or read, and never hangs or runs away, whatever bytes are changed', () => {
    assert(
      property(array(tuple(nat(bytes.length - 1), nat(255)), { minLength: 1, maxLength: 6 }), (edits) => {
        const broken = Buffer.from(bytes);
        for (const [at, value] of edits) broken[at] = value;
        expect(refusalOf(broken)).toMatch(/^(?:|.*D-Bus.*)$/);
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ['a struct without members', 'a()'],
    ['an entry outside an array', '{sv}'],
    ['a container as a key', 'a{vs}'],
    ['an unknown type', 'z'],
    ['an open struct', '(ii'],
    ['70 nested arrays', `${'a'.repeat(70)}y`],
  ])('is refused for a signature with %s', (_, signature) => {
    expect(() => encodeMessage(call(signature, [[]]))).toThrow('Invalid D-Bus signature');
  });
});
