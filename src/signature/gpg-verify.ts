import type { Config, Key, SignaturePacket, Subkey } from 'openpgp';
import { AtomicError, messageOf } from '../base/index.ts';
import type { GpgSignature } from './gpg-signature.ts';
import type { Keyring } from './keyring.ts';
import { maxSignatureBytes, maxSignatures } from './limits.ts';

type OpenPgp = typeof import('openpgp');

/** What a signature stands on while it is judged. */
interface Bench {
  readonly pgp: OpenPgp;
  readonly config: Config;
  readonly keys: readonly Key[];
  readonly now: Date;
}

/** The library takes null for "whatever the date": dates are judged here, one by one, to name what is wrong. */
const anyTime = null as unknown as Date;

/** No particular signature of the key, and no particular user. */
const unspecified = null as never;

/** Rings already read: a pull with many parents judges every commit by the same one. */
const readRings = new WeakMap<Keyring, Promise<readonly Key[]>>();

/** Names as GnuPG's library gives them; clients show them. */
const algorithmNames: Readonly<Record<number, string>> = {
  1: 'RSA',
  3: 'RSA',
  17: 'DSA',
  19: 'ECDSA',
  22: 'EdDSA',
  27: 'EdDSA',
  28: 'EdDSA',
};

/**
 * Judges detached OpenPGP signatures over `data` with the keys of a ring, at the time `now`; one entry of `signatures` may
 * hold several. Never throws for what a signature or a key is: that is its verdict. Signatures by SHA-1, MD5 or RIPEMD and
 * by RSA keys below 2048 bits count as bad, and so does one whose key may not sign. `LimitExceeded` for absurd numbers.
 */
export async function verifyGpg(
  data: Uint8Array,
  signatures: readonly Uint8Array[],
  by: { readonly keyring: Keyring; readonly now: Date },
): Promise<readonly GpgSignature[]> {
  if (signatures.length === 0) return [];
  // Loaded here: the library costs a tenth of a second, and most programs never verify anything.
  const pgp = await import('openpgp');
  const config: Config = { ...pgp.config, allowMissingKeyFlags: true };
  const keys = readRings.get(by.keyring) ?? readKeys(pgp, config, by.keyring);
  readRings.set(by.keyring, keys);
  const bench: Bench = { pgp, config, keys: await keys, now: by.now };
  const packets = await Promise.all(signatures.map((bytes) => readPackets(pgp, bytes)));
  if (packets.flat().length > maxSignatures) {
    throw new AtomicError('LimitExceeded', `There are more than ${maxSignatures} signatures`);
  }
  const verdicts: GpgSignature[] = [];
  for (const packet of packets.flat()) verdicts.push(await judge(bench, packet, data));
  return verdicts;
}

/** The signatures in one entry; one undefined for an entry that cannot be read. */
async function readPackets(pgp: OpenPgp, bytes: Uint8Array): Promise<readonly (SignaturePacket | undefined)[]> {
  if (bytes.length === 0 || bytes.length > maxSignatureBytes) return [undefined];
  try {
    const { packets } = await pgp.readSignature({ binarySignature: bytes });
    return packets.length === 0
      ? [undefined]
      : [...packets].map((packet) => (isSignature(packet) ? packet : undefined));
  } catch {
    return [undefined];
  }
}

/** What the library could not understand comes as a packet without these fields. */
function isSignature(packet: SignaturePacket): boolean {
  return packet.created instanceof Date && typeof packet.issuerKeyID?.toHex === 'function';
}

/** The keys of a ring that can be read; two copies of a key become one that knows what both know (a revocation, say). */
async function readKeys(pgp: OpenPgp, config: Config, keyring: Keyring): Promise<readonly Key[]> {
  const keys = new Map<string, Key>();
  for (const bytes of keyring.keys) {
    const key = await pgp.readKey({ binaryKey: bytes, config }).catch(() => undefined);
    if (key === undefined) continue;
    const before = keys.get(key.getFingerprint());
    keys.set(key.getFingerprint(), before === undefined ? key : await before.update(key, anyTime, config));
  }
  return [...keys.values()];
}

/** The verdict of one signature: by the key that made it, if that is in the ring. */
async function judge(bench: Bench, packet: SignaturePacket | undefined, data: Uint8Array): Promise<GpgSignature> {
  if (packet === undefined) return { ...nothingKnown, problem: 'it cannot be read' };
  const facts = factsOf(bench.pgp, packet);
  const candidates = bench.keys.flatMap((key) =>
    key
      .getKeys(packet.issuerKeyID)
      .map((signer) => ({ key, signer, fingerprint: signer.getFingerprint().toUpperCase() })),
  );
  const issuer = issuerFingerprint(packet);
  const mine = candidates.filter(({ fingerprint }) => issuer === undefined || fingerprint === issuer);
  if (mine.length === 0) return { ...facts, keyMissing: true };
  // Two keys with the same 64-bit id are somebody's joke; then the one that fits is meant.
  const verdicts: GpgSignature[] = [];
  for (const { key, signer, fingerprint } of mine) {
    const about = { ...facts, ...(await userOf(bench, key)), fingerprint };
    verdicts.push({ ...about, ...(await judgeBy(bench, { key, signer }, { packet, data })) });
  }
  return verdicts.find(({ problem }) => problem === undefined) ?? verdicts[0] ?? { ...facts, keyMissing: true };
}

/** First whether it fits at all, then what is wrong with the key, then with the signature: the order GnuPG reports in. */
async function judgeBy(
  bench: Bench,
  by: { readonly key: Key; readonly signer: Key | Subkey },
  signed: { readonly packet: SignaturePacket; readonly data: Uint8Array },
): Promise<Partial<GpgSignature>> {
  const { key, signer } = by;
  const { packet } = signed;
  const { config, now } = bench;
  try {
    await requireFits(bench, signer, signed);
    if (await isRevoked(config, key, signer)) return { keyRevoked: true };
    if (await isExpired(bench, key, signer)) return { keyExpired: true };
    if (now.getTime() >= Number(packet.getExpirationTime())) return { signatureExpired: true };
    if (Number(packet.created) < signer.keyPacket.created.getTime()) return { problem: 'it is older than its key' };
    const found = await key.getSigningKey(packet.issuerKeyID, now, undefined, config);
    if (found.getFingerprint() !== signer.getFingerprint()) return { problem: 'its key may not sign' };
    return { valid: true };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

/** Throws unless the signature is one over these very bytes, made by that key. */
async function requireFits(
  { pgp, config }: Bench,
  signer: Key | Subkey,
  { packet, data }: { readonly packet: SignaturePacket; readonly data: Uint8Array },
): Promise<void> {
  // The library would take a signature of another kind (of a key, say) for one of a document.
  if (packet.signatureType !== pgp.enums.signature.binary) throw new Error('it is not a signature of a file');
  const message = await pgp.createMessage({ binary: data });
  const literal = message.packets.findPacket(pgp.enums.packet.literalData);
  if (literal === undefined) throw new Error('there is nothing to check');
  await packet.verify(signer.keyPacket, pgp.enums.signature.binary, literal, anyTime, true, config);
}

/** A revocation counts whenever it was made: a thief of the key can choose the date of a signature. */
async function isRevoked(config: Config, key: Key, signer: Key | Subkey): Promise<boolean> {
  if (await key.isRevoked(unspecified, unspecified, anyTime, config)) return true;
  return signer !== key && (await signer.isRevoked(unspecified, unspecified, anyTime, config));
}

/** True if the key, or the key it hangs below, is past its time now. */
async function isExpired({ config, now }: Bench, key: Key, signer: Key | Subkey): Promise<boolean> {
  const primary = await key.getExpirationTime(undefined, config);
  if (primary !== null && now.getTime() >= Number(primary)) return true;
  if (signer === key || !('mainKey' in signer)) return false;
  const own = await signer.getExpirationTime(anyTime, config);
  return own !== null && now.getTime() >= Number(own);
}

const nothingKnown: GpgSignature = {
  valid: false,
  signatureExpired: false,
  keyExpired: false,
  keyRevoked: false,
  keyMissing: false,
  problem: undefined,
  fingerprint: '',
  timestampSeconds: 0,
  expirySeconds: 0,
  publicKeyAlgorithm: '',
  hashAlgorithm: '',
  userName: '',
  userEmail: '',
};

/** What the signature says about itself. */
function factsOf(pgp: OpenPgp, packet: SignaturePacket): GpgSignature {
  const expiry = Number(packet.getExpirationTime());
  const hash = Object.entries(pgp.enums.hash).find(([, id]) => id === packet.hashAlgorithm)?.[0] ?? '';
  return {
    ...nothingKnown,
    fingerprint: issuerFingerprint(packet) ?? packet.issuerKeyID.toHex().toUpperCase(),
    timestampSeconds: Math.floor(Number(packet.created) / 1000),
    expirySeconds: Number.isFinite(expiry) ? Math.floor(expiry / 1000) : 0,
    publicKeyAlgorithm: algorithmNames[packet.publicKeyAlgorithm ?? 0] ?? '[unknown]',
    hashAlgorithm: hash.toUpperCase(),
  };
}

function issuerFingerprint({ issuerFingerprint: bytes }: SignaturePacket): string | undefined {
  return bytes === null ? undefined : Buffer.from(bytes).toString('hex').toUpperCase();
}

/** Name and address of the key's user, as far as it has any. */
async function userOf({ config }: Bench, key: Key): Promise<Pick<GpgSignature, 'userName' | 'userEmail'>> {
  const primary = await key.getPrimaryUser(anyTime, undefined, config).catch(() => undefined);
  const userId = (primary?.user ?? key.users[0])?.userID;
  const { name = '', email = '', userID = '' } = userId ?? {};
  // A user id without an address is a name altogether.
  return { userName: name === '' && email === '' ? userID : name, userEmail: email };
}
