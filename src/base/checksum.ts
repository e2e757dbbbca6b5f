import { AtomicError } from './errors.ts';

declare const checksumBrand: unique symbol;

/** SHA-256 of an OSTree object as 64 lower-case hex digits. */
export type Checksum = string & { readonly [checksumBrand]: true };

const checksumPattern = /^[0-9a-f]{64}$/;

/** True if `text` is 64 lower-case hex digits. */
export function isChecksum(text: string): text is Checksum {
  return checksumPattern.test(text);
}

/** Returns `text` as a checksum; `InvalidFormat` naming `what` otherwise. */
export function parseChecksum(text: string, what = 'checksum'): Checksum {
  if (!isChecksum(text)) {
    throw new AtomicError(
      'InvalidFormat',
      `Invalid ${what}: expected 64 hex digits, got ${JSON.stringify(text.slice(0, 80))}`,
    );
  }
  return text;
}

/** The checksum whose 32 raw bytes these are (the form inside GVariants); `InvalidFormat` on any other length. */
export function checksumFromBytes(bytes: Uint8Array, what = 'checksum'): Checksum {
  if (bytes.length !== 32) {
    throw new AtomicError('InvalidFormat', `Invalid ${what}: expected 32 bytes, got ${bytes.length}`);
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, 32).toString('hex') as Checksum;
}

/** The 32 raw bytes of a checksum. */
export function checksumToBytes(checksum: Checksum): Uint8Array {
  return new Uint8Array(Buffer.from(checksum, 'hex'));
}
