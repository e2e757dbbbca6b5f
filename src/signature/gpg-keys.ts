import type { Keyring } from './keyring.ts';
import { splitKeyring } from './keyring-file.ts';

/** A public key, for lists. */
export interface GpgKey {
  /** Upper-case hexadecimal. */
  readonly fingerprint: string;
  readonly createdSeconds: number;
  readonly users: readonly string[];
  /** The fingerprints of its subkeys. */
  readonly subkeys: readonly string[];
  readonly bytes: Uint8Array;
}

/** The keys of a ring; those that cannot be read are left out. Nothing is said about their being expired or revoked. */
export async function readGpgKeys(ring: Keyring): Promise<readonly GpgKey[]> {
  const { readKey } = await import('openpgp');
  const keys: GpgKey[] = [];
  for (const bytes of ring.keys) {
    const key = await readKey({ binaryKey: bytes }).catch(() => undefined);
    if (key === undefined) continue;
    keys.push({
      fingerprint: key.getFingerprint().toUpperCase(),
      createdSeconds: Math.floor(key.getCreationTime().getTime() / 1000),
      users: key.getUserIDs(),
      subkeys: key.subkeys.map((subkey) => subkey.getFingerprint().toUpperCase()),
      bytes,
    });
  }
  return keys;
}

/** The keys of a keyring file's bytes. */
export function ringOf(bytes: Uint8Array | undefined): Keyring {
  return { keys: bytes === undefined ? [] : splitKeyring(bytes), sources: [] };
}
