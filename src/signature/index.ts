/**
 * signature: who says so. Judges detached signatures over the bytes of a commit or a summary: OpenPGP ones with the keys of
 * a ring (`verifyGpg`, a verdict each: good, signature expired, key expired, revoked, missing, bad), and the bare ones of
 * `ostree.sign.ed25519` and `ostree.sign.spki`. `requireSignatures` turns demands into passing or a refusal by name. Knows
 * no remotes: who calls says where keys lie. The OpenPGP library is loaded when the first signature is judged; its private
 * keys never enter this process, signing runs `gpg`.
 */
export { type SignatureDemand, type SignedThing, requireSignatures } from './demand.ts';
export {
  encodeDetached,
  parseEngine,
  type RawEngine,
  type SignatureKind,
  signatureKeys,
  signaturesIn,
  withSignatures,
} from './detached.ts';
export {
  dateText,
  describeGpgSignature,
  type GpgSignature,
  gpgSignatureTuple,
  gpgSignatureType,
} from './gpg-signature.ts';
export { verifyGpg } from './gpg-verify.ts';
export { defaultGlobalKeyringDir, type Keyring, type KeyringPlaces, loadKeyring } from './keyring.ts';
export { splitKeyring } from './keyring-file.ts';
export { type GpgKey, type GpgKeyFacts, readGpgKeys } from './gpg-keys.ts';
export { mergeKeyring, type MergedKeyring } from './merge-keyring.ts';
export { defaultRawKeyDirs, loadRawKeys, parseKeys, type RawKeyPlaces } from './raw-keys.ts';
export { verifyRaw } from './raw-verify.ts';
export { findGpgKeys, type GpgSigner, isMadeBy, signWithGpg } from './sign-gpg.ts';
export { signRaw } from './sign-raw.ts';
export { webKeyUrls, type WebKeyUrls } from './web-key-urls.ts';
