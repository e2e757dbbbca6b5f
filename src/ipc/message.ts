import message from 'dbus-next/lib/message.js';
import { AtomicError } from '../base/index.ts';
import { toMarshaller } from './marshal.ts';
import { WireReader } from './reader.ts';
import type { WireValue, WireVariant } from './values.ts';

/** The four kinds of message. */
export type MessageKind = 'call' | 'return' | 'error' | 'signal';

/** A D-Bus message, header and body together. Header fields that are absent are undefined. */
export interface WireMessage {
  readonly kind: MessageKind;
  readonly serial: number;
  readonly noReply?: boolean;
  readonly noAutoStart?: boolean;
  readonly path?: string | undefined;
  readonly interface?: string | undefined;
  readonly member?: string | undefined;
  readonly errorName?: string | undefined;
  readonly replySerial?: number | undefined;
  readonly destination?: string | undefined;
  readonly sender?: string | undefined;
  readonly signature: string;
  readonly body: readonly WireValue[];
}

/** Bytes before the header fields, the last four of which are their length. */
export const fixedHeaderBytes = 16;

const kinds: readonly MessageKind[] = ['call', 'return', 'error', 'signal'];
const noReplyFlag = 1;
const noAutoStartFlag = 2;

/** The whole length of the message whose first 16 bytes these are; `InvalidFormat` if it is above `limitBytes`. */
export function messageLength(header: Buffer, limitBytes: number): number {
  const endian = header[0];
  if ((endian !== 0x6c && endian !== 0x42) || header[3] !== 1) {
    throw new AtomicError('InvalidFormat', 'Malformed D-Bus message: it does not begin like one');
  }
  const littleEndian = endian === 0x6c;
  const bodyBytes = littleEndian ? header.readUInt32LE(4) : header.readUInt32BE(4);
  const fieldBytes = littleEndian ? header.readUInt32LE(12) : header.readUInt32BE(12);
  const total = fixedHeaderBytes + Math.ceil(fieldBytes / 8) * 8 + bodyBytes;
  if (total > limitBytes) {
    throw new AtomicError('LimitExceeded', `D-Bus message of ${total} bytes is above the limit of ${limitBytes}`);
  }
  return total;
}

/** The message in `bytes`, which hold exactly one; `InvalidFormat` if it is malformed. */
export function decodeMessage(bytes: Buffer): WireMessage {
  const reader = new WireReader(bytes, bytes[0] === 0x6c);
  const [, type, flags, , bodyBytes, serial, fields] = reader.readAll('yyyyuua(yv)');
  const kind = kinds[Number(type) - 1];
  if (kind === undefined || serial === 0) throw new AtomicError('InvalidFormat', 'Malformed D-Bus message: bad header');
  const header = decodeFields(fields);
  reader.align(3);
  const start = reader.position;
  if (start + Number(bodyBytes) !== bytes.length) {
    throw new AtomicError('InvalidFormat', 'Malformed D-Bus message: lengths do not add up');
  }
  const signature = header.signature ?? '';
  const body = reader.readAll(signature);
  if (reader.position !== bytes.length) {
    throw new AtomicError('InvalidFormat', 'Malformed D-Bus message: the body does not match its signature');
  }
  return {
    ...header,
    kind,
    serial: Number(serial),
    noReply: (Number(flags) & noReplyFlag) !== 0,
    noAutoStart: (Number(flags) & noAutoStartFlag) !== 0,
    signature,
    body,
  };
}

/** The bytes of a message; `InvalidFormat` if the body does not fit its signature. */
export function encodeMessage(one: WireMessage): Buffer {
  const [bytes] = message.marshall({
    type: kinds.indexOf(one.kind) + 1,
    flags: (one.noReply === true ? noReplyFlag : 0) | (one.noAutoStart === true ? noAutoStartFlag : 0),
    serial: one.serial,
    ...(one.path === undefined ? {} : { path: one.path }),
    ...(one.interface === undefined ? {} : { interface: one.interface }),
    ...(one.member === undefined ? {} : { member: one.member }),
    ...(one.errorName === undefined ? {} : { errorName: one.errorName }),
    ...(one.replySerial === undefined ? {} : { replySerial: one.replySerial }),
    ...(one.destination === undefined ? {} : { destination: one.destination }),
    ...(one.signature === '' ? {} : { signature: one.signature, body: toMarshaller(one.signature, one.body) }),
  });
  return bytes;
}

/**
 * How many bytes a variant takes on the wire; undefined if D-Bus cannot carry it (a maybe, an empty tuple, a number that
 * the marshaller refuses). For values that others made, so that one of them cannot spoil a whole message.
 */
export function sendableBytes(variant: WireVariant): number | undefined {
  try {
    const probe = { kind: 'signal', serial: 1, path: '/', interface: 'a.b', member: 'C' } as const;
    return encodeMessage({ ...probe, signature: 'v', body: [variant] }).length;
  } catch {
    return undefined;
  }
}

/** Header fields by the specification's numbers, with the type each must have. */
const fieldNames = {
  1: ['path', 'o'],
  2: ['interface', 's'],
  3: ['member', 's'],
  4: ['errorName', 's'],
  5: ['replySerial', 'u'],
  6: ['destination', 's'],
  7: ['sender', 's'],
  8: ['signature', 'g'],
} as const;

interface HeaderFields {
  path?: string;
  interface?: string;
  member?: string;
  errorName?: string;
  replySerial?: number;
  destination?: string;
  sender?: string;
  signature?: string;
}

function decodeFields(fields: WireValue | undefined): HeaderFields {
  const found: Record<string, WireValue> & HeaderFields = {};
  const list: readonly WireValue[] = Array.isArray(fields) ? fields : [];
  for (const field of list) {
    const [code, content] = field as readonly [number, { type: string; value: WireValue }];
    const known = (fieldNames as Readonly<Record<number, readonly [string, string]>>)[code];
    if (known === undefined) continue;
    if (content.type !== known[1]) {
      throw new AtomicError('InvalidFormat', `Malformed D-Bus message: header field ${known[0]} has a wrong type`);
    }
    found[known[0]] = content.value;
  }
  return found;
}
