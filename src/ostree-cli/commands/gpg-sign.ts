import type { Command } from 'commander';
import { type Checksum } from '../../base/index.ts';
import { loadCommitMeta, loadMetadata, type Repo } from '../../repo/index.ts';
import { findGpgKeys, isMadeBy, signaturesIn, withSignatures } from '../../signature/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';
import { requireCommit } from '../require-commit.ts';
import { addSignatures, writeDetached } from '../signing.ts';

interface GpgSignOptions {
  readonly delete?: boolean;
  readonly gpgHomedir?: string;
}

/** Removes the signatures of the keys; how many there were. */
async function deleteSignatures(
  repo: Repo,
  about: { readonly checksum: Checksum; readonly keyIds: readonly string[]; readonly homedir: string | undefined },
  context: OstreeContext,
): Promise<number> {
  const { checksum, keyIds, homedir } = about;
  const found = await Promise.all(keyIds.map((keyId) => findGpgKeys({ keyId, homedir })));
  const keys = new Set(found.flatMap((fingerprints) => [...fingerprints]));
  const detached = loadCommitMeta(repo, checksum);
  const signatures = signaturesIn(detached, 'gpg');
  const kept: Uint8Array[] = [];
  for (const signature of signatures) if (!(await isMadeBy(signature, keys))) kept.push(signature);
  if (kept.length < signatures.length) {
    await writeDetached(repo, { checksum, detached: withSignatures(detached, 'gpg', kept) }, context.job);
  }
  return signatures.length - kept.length;
}

/** `ostree gpg-sign`: adds signatures made by `gpg` to a commit, or takes them away. */
export function gpgSignCommand(context: OstreeContext): Command {
  const command = repoCommand('gpg-sign', 'Sign a commit')
    .argument('<commit>')
    .argument('<key-id...>')
    .option('-d, --delete', 'delete signatures having any of the GPG KEY-IDs')
    .option('--gpg-homedir <path>', 'GPG homedir to use when looking for keyrings');
  return command.action(async (rev: string, keyIds: readonly string[], options: GpgSignOptions) => {
    using repo = openCommandRepo(context, command);
    const checksum = requireCommit(repo, rev);
    const homedir = options.gpgHomedir;
    if (options.delete === true) {
      const deleted = await deleteSignatures(repo, { checksum, keyIds, homedir }, context);
      context.write(`Signatures deleted: ${deleted}\n`);
      return;
    }
    const asked = { gpgSign: keyIds, ...(homedir === undefined ? {} : { gpgHomedir: homedir }) };
    const data = loadMetadata(repo, 'commit', checksum);
    const detached = await addSignatures(data, loadCommitMeta(repo, checksum), asked);
    await writeDetached(repo, { checksum, detached }, context.job);
  });
}
