import { AtomicError } from '../base/index.ts';
import { run, type RunResult } from '../platform/index.ts';
import { armouredBlocks } from './armour.ts';
import type { GpgSignature } from './gpg-signature.ts';
import { verifyGpg } from './gpg-verify.ts';

/** Which secret key, and where `gpg` finds it. */
export interface GpgSigner {
  /** Whatever `gpg` takes for the name of a key. */
  readonly keyId: string;
  /** Its own default unless told. */
  readonly homedir?: string | undefined;
}

/** Somebody has to type the passphrase or press the button of a token. */
const signTimeoutMs = 10 * 60_000;

/** A detached binary OpenPGP signature over `data`, made by `gpg`. `NotFound` if it has no such secret key. */
export async function signWithGpg(data: Uint8Array, signer: GpgSigner): Promise<Uint8Array> {
  const args = ['--yes', '--armor', '--local-user', signer.keyId, '--output', '-', '--detach-sign'];
  const result = await runGpg(signer, args, data);
  const [signature] = armouredBlocks(result.stdout, 'SIGNATURE');
  if (result.status === 0 && signature !== undefined) return signature;
  const reason = result.stderr.trim().split('\n').at(-1) ?? `it ended with status ${result.status}`;
  throw new AtomicError('NotFound', `Unable to sign with key ID ${signer.keyId}: ${reason}`, {
    facts: { key: signer.keyId },
    hint: 'Check `gpg --list-secret-keys`, and --gpg-homedir if the keys are elsewhere.',
  });
}

/** The fingerprints of the keys (and their subkeys) that `gpg` knows by this name; `NotFound` if none. */
export async function findGpgKeys(signer: GpgSigner): Promise<ReadonlySet<string>> {
  const { status, stdout } = await runGpg(signer, ['--with-colons', '--list-keys', '--', signer.keyId], undefined);
  const lines = stdout.split('\n').filter((line) => line.startsWith('fpr:'));
  const found = new Set(lines.map((line) => line.split(':')[9] ?? ''));
  if (status === 0 && found.size > 0) return found;
  throw new AtomicError('NotFound', `Unable to lookup key ID ${signer.keyId}`, { facts: { key: signer.keyId } });
}

/** True if one of the keys made the signature, whether or not it is good; keys by fingerprint. */
export async function isMadeBy(signature: Uint8Array, keys: ReadonlySet<string>): Promise<boolean> {
  const keyring = { keys: [], sources: [] };
  const said: readonly GpgSignature[] = await verifyGpg(new Uint8Array(), [signature], { keyring, now: new Date(0) });
  // An old signature names but the last sixteen digits of its key.
  return said.some(({ fingerprint }) => fingerprint !== '' && [...keys].some((key) => key.endsWith(fingerprint)));
}

function runGpg(signer: GpgSigner, args: readonly string[], input: Uint8Array | undefined): Promise<RunResult> {
  const home = signer.homedir === undefined ? [] : ['--homedir', signer.homedir];
  return run('gpg', [...home, '--batch', '--no-tty', ...args], {
    timeoutMs: signTimeoutMs,
    ...(input === undefined ? {} : { input }),
  });
}
