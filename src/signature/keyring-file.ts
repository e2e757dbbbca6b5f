import { AtomicError } from '../base/index.ts';
import { armouredBlocks } from './armour.ts';
import { maxKeys } from './limits.ts';

/** OpenPGP packet tags that matter for cutting a ring into keys (RFC 9580, section 5). */
const tags = { publicKey: 6, secretKey: 5, trust: 12 } as const;

/**
 * The public keys of a keyring file, each as the bytes of one transferable public key: of a binary ring, of armoured blocks
 * (several may follow one another), or of a keybox. What is not a public key is left out; a file that is none of the three
 * gives no keys. `LimitExceeded` for more than {@link maxKeys}.
 */
export function splitKeyring(bytes: Uint8Array): readonly Uint8Array[] {
  const keys = rawRings(bytes).flatMap(splitRing);
  if (keys.length <= maxKeys) return keys;
  throw new AtomicError('LimitExceeded', `A keyring has more than ${maxKeys} keys`);
}

/** The file as binary rings, whatever it is wrapped in. */
function rawRings(bytes: Uint8Array): readonly Uint8Array[] {
  if (isKeybox(bytes)) return keyboxBlobs(bytes);
  // A binary packet has its top bit set; armour is text.
  return ((bytes[0] ?? 0) & 0x80) === 0 ? armouredBlocks(latin1(bytes), 'PUBLIC KEY BLOCK') : [bytes];
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** A keybox begins with a header blob that carries this mark at its eighth byte. */
function isKeybox(bytes: Uint8Array): boolean {
  return bytes.length >= 32 && Buffer.from(bytes.subarray(8, 12)).toString('latin1') === 'KBXf';
}

/** The key blocks of the OpenPGP blobs of a keybox; a blob that does not fit ends the walk. */
function keyboxBlobs(bytes: Uint8Array): readonly Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks: Uint8Array[] = [];
  for (let at = 0; at + 16 <= bytes.length;) {
    const blobBytes = view.getUint32(at);
    if (blobBytes < 16 || at + blobBytes > bytes.length) break;
    const isOpenPgp = view.getUint8(at + 4) === 2;
    const start = view.getUint32(at + 8);
    const end = start + view.getUint32(at + 12);
    if (isOpenPgp && end <= blobBytes) blocks.push(bytes.subarray(at + start, at + end));
    at += blobBytes;
  }
  return blocks;
}

/** Cuts a binary ring before every public key; a packet that does not fit ends the walk. */
function splitRing(bytes: Uint8Array): readonly Uint8Array[] {
  const keys: Uint8Array[][] = [];
  let current: Uint8Array[] | undefined;
  for (let at = 0; at < bytes.length;) {
    const packet = readPacket(bytes, at);
    if (packet === undefined) break;
    if (packet.tag === tags.publicKey) keys.push((current = []));
    if (packet.tag === tags.secretKey) current = undefined;
    // Trust packets are notes of a program to itself and may stand anywhere.
    if (packet.tag !== tags.trust) current?.push(bytes.subarray(at, packet.end));
    at = packet.end;
  }
  return keys.map((packets) => new Uint8Array(Buffer.concat(packets)));
}

/** Tag and end of the packet at `at`; undefined if there is none, or one whose length is not told beforehand. */
function readPacket(bytes: Uint8Array, at: number): { readonly tag: number; readonly end: number } | undefined {
  const first = bytes[at] ?? 0;
  if ((first & 0x80) === 0) return undefined;
  const isNew = (first & 0x40) !== 0;
  const tag = isNew ? first & 0x3f : (first >> 2) & 0x0f;
  const size = isNew ? newLength(bytes, at + 1) : oldLength(bytes, at + 1, first & 3);
  if (size === undefined) return undefined;
  const end = at + 1 + size.headerBytes + size.bodyBytes;
  return end > bytes.length ? undefined : { tag, end };
}

interface PacketLength {
  readonly headerBytes: number;
  readonly bodyBytes: number;
}

function newLength(bytes: Uint8Array, at: number): PacketLength | undefined {
  const first = bytes[at] ?? 255;
  if (first < 192) return { headerBytes: 1, bodyBytes: first };
  if (first < 224) return { headerBytes: 2, bodyBytes: ((first - 192) << 8) + (bytes[at + 1] ?? 0) + 192 };
  return first === 255 ? { headerBytes: 5, bodyBytes: bigEndian(bytes, at + 1, 4) } : undefined;
}

function oldLength(bytes: Uint8Array, at: number, kind: number): PacketLength | undefined {
  if (kind === 3) return undefined;
  const headerBytes = 1 << kind;
  return { headerBytes, bodyBytes: bigEndian(bytes, at, headerBytes) };
}

function bigEndian(bytes: Uint8Array, at: number, length: number): number {
  return bytes.subarray(at, at + length).reduce((value, byte) => value * 256 + byte, 0);
}
