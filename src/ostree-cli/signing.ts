import type { Command } from 'commander';
import { AtomicError, type Checksum, type Job } from '../base/index.ts';
import type { VariantDict } from '../format/index.ts';
import { beginStaging, type Repo } from '../repo/index.ts';
import type { SystemTrust } from '../remote/index.ts';
import {
  encodeDetached,
  findGpgKeys,
  isMadeBy,
  parseEngine,
  signaturesIn,
  signRaw,
  signWithGpg,
  withSignatures,
} from '../signature/index.ts';
import type { OstreeContext } from './context.ts';
import { collect } from './repo-command.ts';
import { readGivenFile } from './read-given-file.ts';

/** Options of the commands that sign what they make. */
export interface SigningOptions {
  readonly gpgSign?: readonly string[];
  readonly gpgHomedir?: string;
  readonly sign?: readonly string[];
  readonly signFromFile?: string;
  readonly signType?: string;
}

/** Adds the options of {@link SigningOptions} to a command. */
export function withSigningOptions(command: Command): Command {
  return command
    .option('--gpg-sign <key-id>', 'sign with this GPG key', collect)
    .option('--gpg-homedir <path>', 'GPG homedir to use when looking for keyrings')
    .option('--sign <key>', 'sign with this secret key', collect)
    .option('--sign-from-file <path>', 'sign with the secret key in this file')
    .option('--sign-type <name>', 'kind of the signatures of --sign (ed25519 or spki)', 'ed25519');
}

/** True if the command line asks for a signature. */
export function wantsSignatures({ gpgSign, sign, signFromFile }: SigningOptions): boolean {
  return gpgSign !== undefined || sign !== undefined || signFromFile !== undefined;
}

/** Detached metadata with the signatures over `data` that the command line asks for added. Nothing is written. */
export async function addSignatures(
  data: Uint8Array,
  detached: VariantDict | undefined,
  options: SigningOptions,
): Promise<VariantDict> {
  let signed: VariantDict = detached ?? new Map();
  for (const keyId of options.gpgSign ?? []) {
    const before = signaturesIn(signed, 'gpg');
    await requireNotSigned(before, { keyId, homedir: options.gpgHomedir });
    const made = await signWithGpg(data, { keyId, homedir: options.gpgHomedir });
    signed = withSignatures(signed, 'gpg', [...before, made]);
  }
  const engine = parseEngine(options.signType ?? 'ed25519');
  for (const key of rawKeys(options)) {
    signed = withSignatures(signed, engine, [...signaturesIn(signed, engine), signRaw(engine, data, key)]);
  }
  return signed;
}

async function requireNotSigned(
  before: readonly Uint8Array[],
  signer: { readonly keyId: string; readonly homedir: string | undefined },
): Promise<void> {
  if (before.length === 0) return;
  const keys = await findGpgKeys(signer);
  for (const signature of before) {
    if (!(await isMadeBy(signature, keys))) continue;
    throw new AtomicError('InvalidArgument', `Commit is already signed with GPG key ${signer.keyId}`);
  }
}

function rawKeys({ sign = [], signFromFile, signType }: SigningOptions): readonly string[] {
  if (signFromFile === undefined) return sign;
  const text = Buffer.from(readGivenFile(signFromFile)).toString('utf8');
  const fromFile = signType === 'spki' ? [text] : text.split('\n').filter((line) => line.trim() !== '');
  return [...sign, ...fromFile];
}

/** Replaces the detached metadata of a commit; durable on return. */
export async function writeDetached(
  repo: Repo,
  commit: { readonly checksum: Checksum; readonly detached: VariantDict },
  job: Job,
): Promise<void> {
  await using staging = await beginStaging(repo, job);
  staging.writeCommitMeta(commit.checksum, encodeDetached(commit.detached));
  await staging.publish();
}

/** Where this host keeps keys for all remotes: as the environment says, for tests and vendors' builds. */
export function systemTrustOf(context: OstreeContext): SystemTrust {
  return { keyringDir: context.env['OSTREE_GPG_HOME'] };
}
