import { AtomicError } from '../base/index.ts';
import { type GpgKey, readGpgKeys, ringOf } from './gpg-keys.ts';

/** A ring after an import. */
export interface MergedKeyring {
  readonly bytes: Uint8Array;
  /** Keys that were new or had something new (a user, a revocation). */
  readonly imported: number;
}

/**
 * A binary ring with the keys of `added` (binary, armoured or keybox) merged in; a key that is there already gets what is new
 * about it. `only` names the keys to take, by fingerprint, the end of one, or a part of a user id; `NotFound` if one names
 * none, `InvalidFormat` if `added` has no key at all.
 */
export async function mergeKeyring(
  ring: Uint8Array | undefined,
  added: Uint8Array,
  only: readonly string[],
): Promise<MergedKeyring> {
  const { readKey } = await import('openpgp');
  const offered = await readGpgKeys(ringOf(added));
  if (offered.length === 0) throw new AtomicError('InvalidFormat', 'There is no OpenPGP key to import');
  const known = new Map((await readGpgKeys(ringOf(ring))).map((key) => [key.fingerprint, key.bytes]));
  let imported = 0;
  for (const key of chosen(offered, only)) {
    const before = known.get(key.fingerprint);
    const merged = before === undefined ? key.bytes : await merge(readKey, before, key.bytes);
    if (before !== undefined && Buffer.compare(before, merged) === 0) continue;
    known.set(key.fingerprint, merged);
    imported += 1;
  }
  return { bytes: new Uint8Array(Buffer.concat([...known.values()])), imported };
}

/** What both copies of a key say together. */
async function merge(
  readKey: (typeof import('openpgp'))['readKey'],
  before: Uint8Array,
  added: Uint8Array,
): Promise<Uint8Array> {
  const key = await readKey({ binaryKey: before });
  const updated = await key.update(await readKey({ binaryKey: added }));
  const bytes = updated.write();
  // Written anew it may differ in form alone.
  return Buffer.compare(key.write(), bytes) === 0 ? before : bytes;
}

function chosen(offered: readonly GpgKey[], only: readonly string[]): readonly GpgKey[] {
  if (only.length === 0) return offered;
  return only.flatMap((name) => {
    const found = offered.filter((key) => isNamed(key, name));
    if (found.length > 0) return found;
    throw new AtomicError('NotFound', `Unable to lookup key ID ${name}`, { facts: { key: name } });
  });
}

function isNamed({ fingerprint, subkeys, users }: GpgKey, name: string): boolean {
  const digits = name.replace(/^0x/i, '').replace(/!$/, '').toUpperCase();
  const isId = /^[0-9A-F]{8,}$/.test(digits);
  if (isId && [{ fingerprint }, ...subkeys].some((one) => one.fingerprint.endsWith(digits))) return true;
  return users.some((user) => user.toLowerCase().includes(name.toLowerCase()));
}
