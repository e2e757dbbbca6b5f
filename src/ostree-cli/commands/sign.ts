import type { Command } from 'commander';
import { AtomicError, type Checksum } from '../../base/index.ts';
import { loadCommitMeta, loadMetadata, type Repo } from '../../repo/index.ts';
import {
  defaultRawKeyDirs,
  loadRawKeys,
  parseEngine,
  parseKeys,
  type RawEngine,
  signaturesIn,
  verifyRaw,
  withSignatures,
} from '../../signature/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';
import { requireCommit } from '../require-commit.ts';
import { addSignatures, writeDetached } from '../signing.ts';

interface SignOptions {
  readonly delete?: boolean;
  readonly verify?: boolean;
  readonly signType: string;
  readonly keysFile?: string;
  readonly keysDir?: string;
}

interface SignedCommit {
  readonly repo: Repo;
  readonly checksum: Checksum;
  readonly engine: RawEngine;
  /** As given on the command line: public keys, but secret ones for signing. */
  readonly keys: readonly string[];
}

/** The public keys to verify with or to forget: those named, those of the file or directory, else the system's. */
function publicKeys({ engine, keys }: SignedCommit, { keysFile, keysDir }: SignOptions) {
  const named = keys.flatMap((key) => parseKeys(engine, key, 'the command line'));
  if (named.length > 0 && keysFile === undefined) return named;
  const baseDirs = keysDir === undefined ? defaultRawKeyDirs : [keysDir];
  return [...named, ...loadRawKeys(engine, { inlineKey: undefined, file: keysFile, baseDirs })];
}

function verifyCommit(signed: SignedCommit, options: SignOptions): string {
  const { repo, checksum, engine } = signed;
  const signatures = signaturesIn(loadCommitMeta(repo, checksum), engine);
  if (signatures.length === 0) throw new AtomicError('SignatureRequired', `${engine}: no signatures found`);
  const data = loadMetadata(repo, 'commit', checksum);
  if (verifyRaw(engine, data, { signatures, keys: publicKeys(signed, options) })) {
    return `${engine}: Signature verified successfully\n`;
  }
  throw new AtomicError('SignatureInvalid', 'No valid signatures found', { facts: { checksum, engine } });
}

/** Removes the signatures that one of the public keys made; how many there were. */
async function deleteSignatures(signed: SignedCommit, options: SignOptions, context: OstreeContext): Promise<number> {
  const { repo, checksum, engine } = signed;
  const detached = loadCommitMeta(repo, checksum);
  const before = signaturesIn(detached, engine);
  const data = loadMetadata(repo, 'commit', checksum);
  const keys = publicKeys(signed, options);
  const kept = before.filter((signature) => !verifyRaw(engine, data, { signatures: [signature], keys }));
  if (kept.length < before.length) {
    await writeDetached(repo, { checksum, detached: withSignatures(detached, engine, kept) }, context.job);
  }
  return before.length - kept.length;
}

async function signCommit(
  { repo, checksum, engine, keys }: SignedCommit,
  options: SignOptions,
  context: OstreeContext,
) {
  const { keysFile } = options;
  if (keys.length === 0 && keysFile === undefined) {
    throw new AtomicError('InvalidArgument', 'Need at least one KEY-ID to sign with', {
      hint: 'Give the secret key, or name a file that holds it with --keys-file.',
    });
  }
  const asked = { sign: keys, signType: engine, ...(keysFile === undefined ? {} : { signFromFile: keysFile }) };
  const data = loadMetadata(repo, 'commit', checksum);
  const detached = await addSignatures(data, loadCommitMeta(repo, checksum), asked);
  await writeDetached(repo, { checksum, detached }, context.job);
}

/** `ostree sign`: adds bare ed25519 or spki signatures to a commit, verifies them, or takes them away. */
export function signCommand(context: OstreeContext): Command {
  const command = repoCommand('sign', 'Sign a commit')
    .argument('<commit>')
    .argument('[key-id...]', 'secret keys to sign with; public keys with --verify and --delete')
    .option('-d, --delete', 'delete signatures having any of the KEY-IDs')
    .option('--verify', 'verify signatures')
    .option('-s, --sign-type <name>', 'signature type to use (ed25519 or spki)', 'ed25519')
    .option('--keys-file <path>', 'read keys from this file')
    .option('--keys-dir <path>', 'directory with trusted and revoked keys');
  return command.action(async (rev: string, keys: readonly string[], options: SignOptions) => {
    const engine = parseEngine(options.signType);
    using repo = openCommandRepo(context, command);
    const signed: SignedCommit = { repo, checksum: requireCommit(repo, rev), engine, keys };
    if (options.verify === true) context.write(verifyCommit(signed, options));
    else if (options.delete === true) {
      context.write(`Signatures deleted: ${await deleteSignatures(signed, options, context)}\n`);
    } else await signCommit(signed, options, context);
  });
}
