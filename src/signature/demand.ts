import type { KeyObject } from 'node:crypto';
import { AtomicError } from '../base/index.ts';
import type { VariantDict } from '../format/index.ts';
import { signatureKeys, signaturesIn, type RawEngine } from './detached.ts';
import { describeGpgSignature, type GpgSignature } from './gpg-signature.ts';
import { verifyGpg } from './gpg-verify.ts';
import type { Keyring } from './keyring.ts';
import { maxSignatures } from './limits.ts';
import { verifyRaw } from './raw-verify.ts';

/** What must be proven of the bytes of a commit or a summary before they are taken. Each demand that is there must be met. */
export interface SignatureDemand {
  /** At least one good signature of a key in this ring. */
  readonly gpg?: Keyring;
  /** At least one good signature by any of these engines with any of its keys. */
  readonly raw?: ReadonlyMap<RawEngine, readonly KeyObject[]>;
}

/** What is demanded of, and in which words refusals speak about it. */
export interface SignedThing {
  readonly data: Uint8Array;
  /** Detached metadata of a commit, or the content of `summary.sig`; undefined if there is none. */
  readonly detached: VariantDict | undefined;
  /** `Commit CHECKSUM`, or `summary`; begins the message. */
  readonly name: string;
  /** The settings that make the demands, as hints name them. */
  readonly settings: { readonly gpg: string; readonly raw: string };
}

/**
 * Returns the verdicts of the OpenPGP signatures if the bytes meet every demand. `SignatureRequired` if there is no signature
 * of a kind that is demanded; `SignatureInvalid` if there are and none counts, with what is wrong with each.
 */
export async function requireSignatures(
  demand: SignatureDemand,
  thing: SignedThing,
  now: Date,
): Promise<readonly GpgSignature[]> {
  const verdicts = demand.gpg === undefined ? [] : await requireGpg(demand.gpg, thing, now);
  if (demand.raw !== undefined) requireRaw(demand.raw, thing);
  return verdicts;
}

async function requireGpg(keyring: Keyring, thing: SignedThing, now: Date): Promise<readonly GpgSignature[]> {
  const { settings, name } = thing;
  const signatures = signaturesIn(thing.detached, 'gpg');
  if (signatures.length === 0) {
    const found = `GPG verification enabled, but no signatures found`;
    throw new AtomicError(
      'SignatureRequired',
      `${name}: ${found} (use ${settings.gpg}=false in remote config to disable)`,
      { facts: { setting: settings.gpg }, hint: 'Ask who runs the remote why it is not signed.' },
    );
  }
  const verdicts = await verifyGpg(thing.data, signatures, { keyring, now });
  if (verdicts.some(({ valid }) => valid)) return verdicts;
  throw new AtomicError('SignatureInvalid', `${name}: ${verdicts.flatMap(describeGpgSignature).join('\n')}`, {
    facts: { setting: settings.gpg, keyrings: keyring.sources.join(' ') },
    hint: hintFor(verdicts, keyring),
  });
}

/** What the person can do about signatures of which none counts. */
function hintFor(verdicts: readonly GpgSignature[], keyring: Keyring): string {
  if (keyring.keys.length === 0) return 'No key is trusted for the remote: import one with `ostree remote gpg-import`.';
  if (verdicts.every(({ keyMissing }) => keyMissing))
    return 'If you trust that key, import it with `ostree remote gpg-import`.';
  if (verdicts.some(({ keyExpired }) => keyExpired))
    return 'Check the clock of this machine; else import the renewed key with `ostree remote gpg-import`.';
  return 'Do not use it; tell who runs the remote.';
}

function requireRaw(engines: ReadonlyMap<RawEngine, readonly KeyObject[]>, thing: SignedThing): void {
  const { settings, name } = thing;
  const disable = `use ${settings.raw}=false in remote config to disable`;
  const present = [...engines].filter(([engine]) => signaturesIn(thing.detached, engine).length > 0);
  if (present.length === 0) {
    const kinds = [...engines.keys()].map((engine) => signatureKeys[engine]).join(', ');
    throw new AtomicError(
      'SignatureRequired',
      `${name}: Signature verification enabled, but no signatures found (${kinds}; ${disable})`,
      { facts: { setting: settings.raw }, hint: 'Ask who runs the remote why it is not signed.' },
    );
  }
  const isGood = present.some(([engine, keys]) => {
    const signatures = signaturesIn(thing.detached, engine);
    if (signatures.length > maxSignatures) throw new AtomicError('LimitExceeded', `${name}: too many signatures`);
    return verifyRaw(engine, thing.data, { signatures, keys });
  });
  if (isGood) return;
  const tried = present.map(([engine, keys]) => `${engine}: no valid signature by any of ${keys.length} trusted keys`);
  throw new AtomicError('SignatureInvalid', `${name}: ${tried.join('; ')}`, {
    facts: { setting: settings.raw },
    hint: 'Check verification-…-key and verification-…-file of the remote; if they are right, do not use it.',
  });
}
