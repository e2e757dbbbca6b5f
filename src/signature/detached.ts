import { AtomicError } from '../base/index.ts';
import { encodeVariant, variant, type VariantDict } from '../format/index.ts';

/** The kinds of signatures, and the keys under which detached metadata and `summary.sig` carry them. */
export const signatureKeys = {
  gpg: 'ostree.gpgsigs',
  ed25519: 'ostree.sign.ed25519',
  spki: 'ostree.sign.spki',
} as const;

/** A kind of signature. */
export type SignatureKind = keyof typeof signatureKeys;

/** The signatures of one kind in detached metadata; none where the key is absent or of another type. */
export function signaturesIn(detached: VariantDict | undefined, kind: SignatureKind): readonly Uint8Array[] {
  const found = detached?.get(signatureKeys[kind]);
  if (found?.type !== 'aay') return [];
  return found.value as readonly Uint8Array[];
}

/** Detached metadata with the signatures of one kind replaced; without them when there are none. Other keys stay. */
export function withSignatures(
  detached: VariantDict | undefined,
  kind: SignatureKind,
  signatures: readonly Uint8Array[],
): VariantDict {
  const changed = new Map(detached ?? []);
  if (signatures.length === 0) changed.delete(signatureKeys[kind]);
  else changed.set(signatureKeys[kind], variant('aay', signatures));
  return changed;
}

/** The bytes of detached metadata, or of `summary.sig`: both are an `a{sv}`. */
export function encodeDetached(detached: VariantDict): Uint8Array {
  return encodeVariant('a{sv}', detached);
}

/** The engine a name of `sign-verify` or `--sign-type` means; `NotSupported` for others. */
export function parseEngine(name: string): RawEngine {
  if (name === 'ed25519' || name === 'spki') return name;
  throw new AtomicError('NotSupported', `Requested signature type is not implemented: ${JSON.stringify(name)}`, {
    hint: 'Use ed25519 or spki.',
  });
}

/** The kinds of signatures made by a bare key, without OpenPGP around it. */
export type RawEngine = Exclude<SignatureKind, 'gpg'>;
