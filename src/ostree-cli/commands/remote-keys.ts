import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { readAll, writeFileDurably } from '../../platform/index.ts';
import { keyringName, requireRemote } from '../../remote/index.ts';
import type { Repo } from '../../repo/index.ts';
import { mergeKeyring, readGpgKeys, splitKeyring } from '../../signature/index.ts';
import type { OstreeContext } from '../context.ts';
import { formatCommitDate } from '../format-date.ts';
import { readGivenFile } from '../read-given-file.ts';
import { collect, openCommandRepo, repoCommand } from '../repo-command.ts';

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

/** `ostree remote gpg-list-keys`: the keys that are trusted for one remote alone. */
export function gpgListKeysCommand(context: OstreeContext): Command {
  const command = repoCommand('gpg-list-keys', 'Show remote GPG keys').argument('<name>');
  return command.action(async (remote: string) => {
    using repo = openCommandRepo(context, command);
    const bytes = repo.dir.readFile(keyringName(requireRemote(repo, remote).name), maxRingBytes);
    const keys = await readGpgKeys({ keys: bytes === undefined ? [] : splitKeyring(bytes), sources: [] });
    for (const { fingerprint, createdSeconds, users, subkeys } of keys) {
      const lines = [`Key: ${fingerprint}`, `  Created: ${formatCommitDate(createdSeconds)}`];
      lines.push(...users.map((user) => `  UID: ${user}`), ...subkeys.map((subkey) => `  Subkey: ${subkey}`));
      context.write(`${lines.join('\n')}\n`);
    }
  });
}
