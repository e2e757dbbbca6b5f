import type { Key, Subkey } from 'openpgp';
import type { Keyring } from './keyring.ts';
import { splitKeyring } from './keyring-file.ts';

/** What is told of a key and of each of its subkeys. */
export interface GpgKeyFacts {
  /** Upper-case hexadecimal. */
  readonly fingerprint: string;
  readonly createdSeconds: number;
  /** Undefined: never, or not known because it is revoked. */
  readonly expirySeconds: number | undefined;
  readonly revoked: boolean;
}

/** A public key, for lists. */
export interface GpgKey extends GpgKeyFacts {
  readonly users: readonly string[];
  readonly subkeys: readonly GpgKeyFacts[];
  readonly bytes: Uint8Array;
}

/** The keys of a ring; those that cannot be read are left out. */
export async function readGpgKeys(ring: Keyring): Promise<readonly GpgKey[]> {
  const { readKey } = await import('openpgp');
  const keys: GpgKey[] = [];
  for (const bytes of ring.keys) {
    const key = await readKey({ binaryKey: bytes }).catch(() => undefined);
    if (key === undefined) continue;
    keys.push({
      ...(await factsOf(key)),
      users: key.getUserIDs(),
      subkeys: await Promise.all(key.subkeys.map(factsOf)),
      bytes,
    });
  }
  return keys;
}

async function factsOf(key: Key | Subkey): Promise<GpgKeyFacts> {
  // Null stands for any date and for no particular signature; a key takes no date here, its argument is a user.
  const anyTime = 'mainKey' in key ? key.getExpirationTime(null as never) : key.getExpirationTime();
  const expiry = Number(await anyTime.catch(() => null));
  return {
    fingerprint: key.getFingerprint().toUpperCase(),
    createdSeconds: Math.floor(key.getCreationTime().getTime() / 1000),
    expirySeconds: expiry === 0 || !Number.isFinite(expiry) ? undefined : Math.floor(expiry / 1000),
    revoked: await key.isRevoked(null as never, null as never, null as never),
  };
}

/** The keys of a keyring file's bytes. */
export function ringOf(bytes: Uint8Array | undefined): Keyring {
  return { keys: bytes === undefined ? [] : splitKeyring(bytes), sources: [] };
}
