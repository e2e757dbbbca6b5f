import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { readAll, writeFileDurably } from '../../platform/index.ts';
import { keyringName, requireRemote } from '../../remote/index.ts';
import type { Repo } from '../../repo/index.ts';
import {
  dateText,
  defaultGlobalKeyringDir,
  type GpgKey,
  type GpgKeyFacts,
  loadKeyring,
  mergeKeyring,
  readGpgKeys,
  splitKeyring,
  webKeyUrls,
} from '../../signature/index.ts';
import type { OstreeContext } from '../context.ts';
import { readGivenFile } from '../read-given-file.ts';
import { collect, openCommandRepo, repoCommand } from '../repo-command.ts';
import { systemTrustOf } from '../signing.ts';

/** A ring as large as any that is read back. */
const maxRingBytes = 16 * 1024 * 1024;

const standardInput = 0;

interface ImportOptions {
  readonly keyring?: readonly string[];
  readonly stdin?: boolean;
}

/** Merges keys into the ring of a remote, durably on return, and says how many were new. */
export async function importKeys(
  repo: Repo,
  keys: { readonly remote: string; readonly sources: readonly Uint8Array[]; readonly only: readonly string[] },
  context: OstreeContext,
): Promise<void> {
  const name = keyringName(requireRemote(repo, keys.remote).name);
  let imported = 0;
  for (const source of keys.sources) {
    const merged = await mergeKeyring(repo.dir.readFile(name, maxRingBytes), source, keys.only);
    imported += merged.imported;
    if (merged.imported > 0) writeFileDurably(repo.dir, name, merged.bytes, 0o644);
  }
  context.write(`Imported ${imported} GPG key${imported === 1 ? '' : 's'} to remote "${keys.remote}"\n`);
}

/** `ostree remote gpg-import`: trusts keys for one remote. */
export function gpgImportCommand(context: OstreeContext): Command {
  const command = repoCommand('gpg-import', 'Import GPG keys')
    .argument('<name>')
    .argument('[key-id...]')
    .option('-k, --keyring <file>', 'import keys from a keyring file (repeatable)', collect)
    .option('--stdin', 'import keys from standard input');
  return command.action(async (remote: string, only: readonly string[], options: ImportOptions) => {
    using repo = openCommandRepo(context, command);
    const sources = (options.keyring ?? []).map(readGivenFile);
    if (options.stdin === true) sources.push(readAll(standardInput, maxRingBytes, 'standard input'));
    if (sources.length === 0) {
      throw new AtomicError('InvalidArgument', 'No keys to import', { hint: 'Name a file with -k, or use --stdin.' });
    }
    await importKeys(repo, { remote, sources, only }, context);
  });
}

/** A key as the original lists it, with the addresses where its owner may publish a newer copy. */
function formatKey(key: GpgKey, nowSeconds: number): string {
  const lines = [`Key: ${key.fingerprint}${mark(key.revoked)}`, ...factLines(key, nowSeconds)];
  for (const user of key.users) {
    const urls = webKeyUrls(user);
    lines.push(`  UID: ${user}${mark(key.revoked)}`);
    if (urls !== undefined)
      lines.push(`  Advanced update URL: ${urls.advanced}`, `  Direct update URL: ${urls.direct}`);
  }
  for (const subkey of key.subkeys) {
    lines.push(
      `  Subkey: ${subkey.fingerprint}${mark(key.revoked || subkey.revoked)}`,
      ...factLines(subkey, nowSeconds).map((line) => `  ${line}`),
    );
  }
  return `${lines.join('\n')}\n`;
}

/** What is taken back with a key: its users and subkeys too. */
const mark = (revoked: boolean): string => (revoked ? ' (revoked)' : '');

function factLines({ createdSeconds, expirySeconds }: GpgKeyFacts, nowSeconds: number): readonly string[] {
  const lines = [`  Created: ${dateText(createdSeconds)}`];
  if (expirySeconds === undefined) return lines;
  return [...lines, `  ${expirySeconds <= nowSeconds ? 'Expired' : 'Expires'}: ${dateText(expirySeconds)}`];
}

/** The keys of one remote's ring; without a name those that count for every remote without a ring. */
function listedKeys(context: OstreeContext, repo: Repo, remote: string | undefined): readonly Uint8Array[] {
  if (remote === undefined) {
    const globalDir = systemTrustOf(context).keyringDir ?? defaultGlobalKeyringDir;
    return loadKeyring({ rings: [], keyPaths: [], globalDir }).keys;
  }
  const bytes = repo.dir.readFile(keyringName(requireRemote(repo, remote).name), maxRingBytes);
  return bytes === undefined ? [] : splitKeyring(bytes);
}

/** `ostree remote gpg-list-keys`: the keys that are trusted for one remote alone, or for all. */
export function gpgListKeysCommand(context: OstreeContext): Command {
  const command = repoCommand('gpg-list-keys', 'Show remote GPG keys').argument('[name]');
  return command.action(async (remote: string | undefined) => {
    using repo = openCommandRepo(context, command);
    const keys = await readGpgKeys({ keys: listedKeys(context, repo, remote), sources: [] });
    const nowSeconds = context.now().getTime() / 1000;
    for (const key of keys) context.write(formatKey(key, nowSeconds));
  });
}
