import { variant, type Variant } from '../format/index.ts';

/** What became of one OpenPGP signature. Exactly one of the first six says why it does not count, or `valid` that it does. */
export interface GpgSignature {
  readonly valid: boolean;
  readonly signatureExpired: boolean;
  readonly keyExpired: boolean;
  readonly keyRevoked: boolean;
  readonly keyMissing: boolean;
  /** In words why it does not count, where none of the flags says it: forged, damaged, too weak, not a signing key. */
  readonly problem: string | undefined;
  /** Of the signing key, upper-case hexadecimal; of a missing key only its id may be known. */
  readonly fingerprint: string;
  readonly timestampSeconds: number;
  /** 0: never. */
  readonly expirySeconds: number;
  readonly publicKeyAlgorithm: string;
  readonly hashAlgorithm: string;
  readonly userName: string;
  readonly userEmail: string;
}

/** GVariant type of a signature on the bus; twelve positional fields, as libostree has them. */
export const gpgSignatureType = '(bbbbbsxxssss)';

/** The signature as the tuple that clients of the bus index by position. */
export function gpgSignatureTuple(signature: GpgSignature): Variant {
  return variant(gpgSignatureType, [
    signature.valid,
    signature.signatureExpired,
    signature.keyExpired,
    signature.keyRevoked,
    signature.keyMissing,
    signature.fingerprint,
    BigInt(signature.timestampSeconds),
    BigInt(signature.expirySeconds),
    signature.publicKeyAlgorithm,
    signature.hashAlgorithm,
    signature.userName,
    signature.userEmail,
  ]);
}

/** The lines that tell a person about a signature, in the words of the original where programs look for them. */
export function describeGpgSignature(signature: GpgSignature): readonly string[] {
  const { fingerprint, timestampSeconds, expirySeconds, publicKeyAlgorithm } = signature;
  const made = `Signature made ${dateText(timestampSeconds)} using ${publicKeyAlgorithm} key ID ${fingerprint.slice(-16)}`;
  const expiry = signature.signatureExpired ? 'expired' : 'expires';
  return [
    made,
    verdictLine(signature),
    ...(expirySeconds > 0 ? [`Signature ${expiry} ${dateText(expirySeconds)}`] : []),
    ...(signature.keyExpired ? ['The signing key has expired'] : []),
  ];
}

function verdictLine(signature: GpgSignature): string {
  const user = `"${signature.userName} <${signature.userEmail}>"`;
  if (signature.keyMissing) return "Can't check signature: public key not found";
  if (signature.valid) return `Good signature from ${user}`;
  if (signature.keyRevoked) return `Key revoked: signature from ${user}`;
  if (signature.keyExpired) return `Key expired: signature from ${user}`;
  if (signature.signatureExpired) return `Expired signature from ${user}`;
  return `BAD signature from ${user}: ${signature.problem ?? 'it does not fit'}`;
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Seconds since 1970 as the C library writes a date without a locale, in UTC: `Tue Sep 10 02:29:42 2013`. */
export function dateText(seconds: number): string {
  const date = new Date(seconds * 1000);
  const day = `${days[date.getUTCDay()]} ${months[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)}`;
  return `${day} ${date.toISOString().slice(11, 19)} ${date.getUTCFullYear()}`;
}
