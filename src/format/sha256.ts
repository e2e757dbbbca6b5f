import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { checksumFromBytes, type Checksum } from '../base/index.ts';

/** SHA-256 of the parts one after another, as 32 bytes. For small metadata; content is hashed in native code. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = nobleSha256.create();
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** {@link sha256} as a checksum: the name of the metadata object that these bytes are. */
export function sha256Checksum(...parts: readonly Uint8Array[]): Checksum {
  return checksumFromBytes(sha256(...parts));
}
