import { type KeyObject, verify } from 'node:crypto';
import type { RawEngine } from './detached.ts';

/** True if one of the signatures over `data` was made by one of the keys. */
export function verifyRaw(
  engine: RawEngine,
  data: Uint8Array,
  by: { readonly signatures: readonly Uint8Array[]; readonly keys: readonly KeyObject[] },
): boolean {
  return by.signatures.some((signature) => by.keys.some((key) => fits(engine, key, { data, signature })));
}

function fits(
  engine: RawEngine,
  key: KeyObject,
  { data, signature }: { readonly data: Uint8Array; readonly signature: Uint8Array },
): boolean {
  if (engine === 'ed25519' && (key.asymmetricKeyType !== 'ed25519' || signature.length !== 64)) return false;
  try {
    // No digest named: the one that goes with the key, as OpenSSL has it and the original leaves it.
    return verify(null, data, key, signature);
  } catch {
    // A signature that is not even of the right form for this key.
    return false;
  }
}
