import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { AtomicError } from '../base/index.ts';
import type { RawEngine } from './detached.ts';

/** PKCS #8 of an Ed25519 key is this prefix and the 32 bytes of the seed (RFC 8410). */
const ed25519Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * A signature over `data` by a secret key as command lines give it: for ed25519 the base64 of seed and public key (64 bytes)
 * or of the seed alone, for spki the PKCS #8 key in PEM or the base64 between its lines. `InvalidFormat` for anything else.
 */
export function signRaw(engine: RawEngine, data: Uint8Array, secretKey: string): Uint8Array {
  return new Uint8Array(sign(null, data, parseSecretKey(engine, secretKey)));
}

/** The key, never shown in what is said about it. */
function parseSecretKey(engine: RawEngine, text: string): KeyObject {
  try {
    return engine === 'ed25519' ? ed25519Key(text.trim()) : pkcs8Key(text.trim());
  } catch {
    // Without the cause: its text could hold a part of the secret.
    throw new AtomicError('InvalidFormat', `Invalid ${engine} secret key`, {
      hint:
        engine === 'ed25519'
          ? 'Give the base64 of its 64 bytes.'
          : 'Give the PKCS #8 key, in PEM or as one line of base64.',
    });
  }
}

function ed25519Key(base64: string): KeyObject {
  const raw = Buffer.from(base64, 'base64');
  if (raw.length !== 64 && raw.length !== 32) throw new Error('length');
  return createPrivateKey({ key: Buffer.concat([ed25519Prefix, raw.subarray(0, 32)]), format: 'der', type: 'pkcs8' });
}

function pkcs8Key(text: string): KeyObject {
  if (text.includes('-----BEGIN')) return createPrivateKey(text);
  return createPrivateKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'pkcs8' });
}
