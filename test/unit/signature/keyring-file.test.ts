import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { splitKeyring } from '../../../src/signature/index.ts';

/** A packet in the new form with a length of one byte. */
const packet = (tag: number, ...body: readonly number[]): number[] => [0xc0 | tag, body.length, ...body];

/** A packet in the old form with a length of two bytes. */
const oldPacket = (tag: number, ...body: readonly number[]): number[] => [
  0x81 | (tag << 2),
  body.length >> 8,
  body.length & 255,
  ...body,
];

const publicKey = 6;
const secretKey = 5;
const userId = 13;
const trust = 12;

const split = (...bytes: readonly number[]): number[][] => splitKeyring(Uint8Array.from(bytes)).map((key) => [...key]);

it('cuts a binary ring before every public key, in either form of packets', () => {
  const one = [...packet(publicKey, 1, 2), ...packet(userId, 3)];
  const two = [...oldPacket(publicKey, 4), ...oldPacket(userId, 5, 6)];
  expect(split(...one, ...two)).toEqual([one, two]);
});

it('leaves out trust packets and secret keys with what belongs to them', () => {
  const one = packet(publicKey, 1);
  const secret = [...packet(secretKey, 9), ...packet(userId, 9)];
  expect(split(...packet(trust, 0), ...one, ...packet(trust, 0), ...secret)).toEqual([one]);
});

it('stops where a packet does not fit', () => {
  const one = packet(publicKey, 1);
  expect(split(...one, 0xc6, 200, 1, 2)).toEqual([one]);
  expect(split(...one, 0x9b, 1)).toEqual([one]);
});

it('reads armour without a checksum and with lines of any end', () => {
  const body = Buffer.from(packet(publicKey, 1, 2, 3)).toString('base64');
  const text = `-----BEGIN PGP PUBLIC KEY BLOCK-----\r\nVersion: x\r\n\r\n${body}\r\n-----END PGP PUBLIC KEY BLOCK-----\r\n`;
  expect(splitKeyring(Buffer.from(`noise\n${text}`))).toEqual([Uint8Array.from(packet(publicKey, 1, 2, 3))]);
});

it('takes any bytes without failing, and gives back only bytes that were there', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, asKeybox) => {
      const head = [0, 0, 0, 32, 1, 1, 0, 2, ...Buffer.from('KBXf'), ...new Uint8Array(20)];
      const input = asKeybox ? Uint8Array.from([...head, ...bytes]) : bytes;
      for (const key of splitKeyring(input)) expect(key.length).toBeLessThanOrEqual(input.length);
    }),
  );
});
