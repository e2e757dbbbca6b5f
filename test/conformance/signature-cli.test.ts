import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type GpgHome, makeGpgHome } from '../support/gpg.ts';
import { ostree, tryOstree } from '../support/real-ostree.ts';
import { ourOstree, tryOurOstree } from '../support/run-ostree.ts';
import { makeTempDir } from '../support/temp-dir.ts';

// The real tool writes dates in the zone of its environment.
process.env['TZ'] = 'UTC';

/** A tree, an archive repo for its commits, a repo that pulls from there, and a key. */
interface Scene {
  readonly directory: string;
  readonly tree: string;
  readonly source: string;
  readonly client: string;
  readonly home: GpgHome;
  readonly key: string;
  readonly gpg: string;
  readonly ringPath: string;
}

function makeScene(): Scene {
  const directory = makeTempDir();
  const [tree, source, client] = [join(directory, 'tree'), join(directory, 'source'), join(directory, 'client')];
  mkdirSync(tree);
  writeFileSync(join(tree, 'file'), 'content');
  ostree(`--repo=${source}`, 'init', '--mode=archive');
  ostree(`--repo=${client}`, 'init', '--mode=bare');
  const home = makeGpgHome();
  const key = home.makeKey('Vendor <vendor@example.com>');
  const ringPath = join(directory, 'ring.asc');
  writeFileSync(ringPath, home.exportKeys([], { armour: true }));
  return { directory, tree, source, client, home, key, gpg: `--gpg-homedir=${home.path}`, ringPath };
}

describe('what our ostree signs', () => {
  it('is pulled by the real tool that demands signatures of commit and summary', async () => {
    const { tree, source, client, key, gpg, ringPath } = makeScene();
    await ourOstree(`--repo=${source}`, 'commit', '-b', 'a', gpg, `--gpg-sign=${key}`, tree);
    await ourOstree(`--repo=${source}`, 'summary', '-u', gpg, `--gpg-sign=${key}`);
    const demands = ['--set=gpg-verify=true', '--set=gpg-verify-summary=true'];
    ostree(`--repo=${client}`, 'remote', 'add', ...demands, `--gpg-import=${ringPath}`, 'o', `file://${source}`);
    ostree(`--repo=${client}`, 'pull', 'o', 'a');
    const shown = ostree(`--repo=${client}`, 'show', 'o:a');
    expect(shown).toContain('Good signature from "Vendor <vendor@example.com>"');
    expect(await ourOstree(`--repo=${client}`, 'show', 'o:a')).toBe(shown);
  });

  it('is signed twice by two keys, not by one, and unsigned again', async () => {
    const { tree, source, home, key, gpg } = makeScene();
    const other = home.makeKey('Other <other@example.com>', { algorithm: 'rsa2048' });
    await ourOstree(`--repo=${source}`, 'commit', '-b', 'a', tree);
    await ourOstree(`--repo=${source}`, 'gpg-sign', gpg, 'a', key, other);
    expect(ostree(`--repo=${source}`, 'show', 'a')).toContain('Found 2 signatures:');
    const twice = await tryOurOstree([`--repo=${source}`, 'gpg-sign', gpg, 'a', key]);
    expect(twice).toMatchObject({ status: 1, stderr: expect.stringContaining('already signed') as string });
    expect(await ourOstree(`--repo=${source}`, 'gpg-sign', gpg, '--delete', 'a', key)).toBe('Signatures deleted: 1\n');
    expect(ostree(`--repo=${source}`, 'show', 'a')).toContain('Found 1 signature:');
    expect(await ourOstree(`--repo=${source}`, 'gpg-sign', gpg, '--delete', 'a', other)).toBe(
      'Signatures deleted: 1\n',
    );
    expect(ostree(`--repo=${source}`, 'show', 'a')).not.toContain('signature');
    expect(ostree(`--repo=${source}`, 'fsck')).toContain('no errors found');
  });

  it('is not committed at all when the key is unknown', async () => {
    const { tree, source, gpg } = makeScene();
    const run = await tryOurOstree([`--repo=${source}`, 'commit', '-b', 'a', gpg, '--gpg-sign=ABCDEF0123456789', tree]);
    expect(run).toMatchObject({ status: 1, stderr: expect.stringContaining('Unable to sign') as string });
    expect(ostree(`--repo=${source}`, 'refs')).toBe('');
    expect(ostree(`--repo=${source}`, 'fsck')).toContain('no errors found');
  });
});

describe('keys of a remote', () => {
  it('are imported in the words of the original, and serve both tools', async () => {
    const { tree, source, client, home, key, gpg, ringPath } = makeScene();
    const other = home.makeKey('Other <other@example.com>');
    const both = join(makeTempDir(), 'both.gpg');
    writeFileSync(both, home.exportKeys());
    ostree(`--repo=${source}`, 'commit', '-b', 'a', `--gpg-sign=${key}`, gpg, `--tree=dir=${tree}`);
    await ourOstree(`--repo=${client}`, 'remote', 'add', 'o', `file://${source}`);
    expect(await ourOstree(`--repo=${client}`, 'remote', 'gpg-import', '-k', both, 'o', other)).toBe(
      'Imported 1 GPG key to remote "o"\n',
    );
    const refused = await tryOurOstree([`--repo=${client}`, 'pull', 'o', 'a']);
    expect(refused.stderr).toContain("Can't check signature: public key not found");
    expect(tryOstree(`--repo=${client}`, 'pull', 'o', 'a').status).toBe(1);
    expect(await ourOstree(`--repo=${client}`, 'remote', 'gpg-import', '-k', ringPath, 'o')).toBe(
      'Imported 1 GPG key to remote "o"\n',
    );
    expect(await ourOstree(`--repo=${client}`, 'remote', 'gpg-import', '-k', both, 'o')).toBe(
      'Imported 0 GPG keys to remote "o"\n',
    );
    const listed = await ourOstree(`--repo=${client}`, 'remote', 'gpg-list-keys', 'o');
    expect(listed.match(/^Key: .*$/gm)).toEqual([`Key: ${other}`, `Key: ${key}`]);
    await ourOstree(`--repo=${client}`, 'pull', 'o', 'a');
    ostree(`--repo=${client}`, 'pull', 'o', 'a');
    await ourOstree(`--repo=${client}`, 'remote', 'delete', 'o');
    expect(existsSync(join(client, 'o.trustedkeys.gpg'))).toBe(false);
  });

  it('that were taken back are known after the next import', async () => {
    const { tree, source, client, home, key, gpg, ringPath } = makeScene();
    ostree(`--repo=${source}`, 'commit', '-b', 'a', `--gpg-sign=${key}`, gpg, `--tree=dir=${tree}`);
    await ourOstree(`--repo=${client}`, 'remote', 'add', `--gpg-import=${ringPath}`, 'o', `file://${source}`);
    home.revoke(key);
    writeFileSync(ringPath, home.exportKeys());
    expect(await ourOstree(`--repo=${client}`, 'remote', 'gpg-import', '-k', ringPath, 'o')).toContain('Imported 1');
    const refused = await tryOurOstree([`--repo=${client}`, 'pull', 'o', 'a']);
    expect(refused.stderr).toContain('Key revoked');
    expect(tryOstree(`--repo=${client}`, 'pull', 'o', 'a').status).toBe(1);
  });
});

it('pulls from a repo of this machine only what is signed, when asked to', async () => {
  const { tree, source, client, key, gpg, ringPath } = makeScene();
  await ourOstree(`--repo=${source}`, 'commit', '-b', 'a', tree);
  ostree(`--repo=${client}`, 'remote', 'add', `--gpg-import=${ringPath}`, 'o', 'https://o.example');
  const args = [`--repo=${client}`, 'pull-local', '--gpg-verify', '--remote=o', source, 'a'];
  const ours = await tryOurOstree(args);
  expect(ours.stderr.split('\n')[0]).toBe(tryOstree(...args).stderr.trim());
  await ourOstree(`--repo=${source}`, 'gpg-sign', gpg, 'a', key);
  await ourOstree(...args);
  const noRemote = await tryOurOstree([`--repo=${client}`, 'pull-local', '--gpg-verify', source, 'a']);
  expect(noRemote.stderr.split('\n')[0]).toBe('error: Must specify remote name to enable gpg verification');
});

describe('bare signatures', () => {
  const ed25519 = (): { secret: string; open: string } => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
    const open = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
    return { secret: Buffer.concat([seed, open]).toString('base64'), open: open.toString('base64') };
  };

  it.each(['true', 'ed25519', 'spki;ed25519'])('by ed25519 satisfy sign-verify=%s', async (demand) => {
    const { directory, tree, source, client } = makeScene();
    const [good, bad] = [ed25519(), ed25519()];
    await ourOstree(`--repo=${source}`, 'commit', '-b', 'a', `--sign=${bad.secret}`, tree);
    const keyFile = join(directory, 'keys');
    writeFileSync(keyFile, `${good.open}\n`);
    const set = ['gpg-verify=false', `sign-verify=${demand}`, `verification-ed25519-file=${keyFile}`];
    await ourOstree(`--repo=${client}`, 'remote', 'add', ...set.map((one) => `--set=${one}`), 'o', `file://${source}`);
    const refused = await tryOurOstree([`--repo=${client}`, 'pull', 'o', 'a']);
    expect(refused.stderr).toContain('no valid signature by any of 1 trusted keys');
    await ourOstree(`--repo=${source}`, 'sign', 'a', good.secret);
    await ourOstree(`--repo=${client}`, 'pull', 'o', 'a');
    expect(await ourOstree(`--repo=${client}`, 'sign', '--verify', 'o:a', good.open)).toContain(
      'verified successfully',
    );
    expect(await ourOstree(`--repo=${source}`, 'sign', '--delete', 'a', good.open, bad.open)).toBe(
      'Signatures deleted: 2\n',
    );
    const unsigned = await tryOurOstree([`--repo=${source}`, 'sign', '--verify', 'a', good.open]);
    expect(unsigned.stderr).toContain('no signatures found');
  });

  it.each(['ed25519', 'rsa', 'ec'] as const)(
    'by an spki key of type %s satisfy a demand for a signed summary',
    async (type) => {
      const { directory, tree, source, client } = makeScene();
      const { privateKey, publicKey } =
        type === 'rsa'
          ? generateKeyPairSync('rsa', { modulusLength: 2048 })
          : type === 'ec'
            ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
            : generateKeyPairSync('ed25519');
      const [secretFile, keyFile] = [join(directory, 'secret.pem'), join(directory, 'key.pem')];
      writeFileSync(secretFile, privateKey.export({ format: 'pem', type: 'pkcs8' }));
      writeFileSync(keyFile, publicKey.export({ format: 'pem', type: 'spki' }));
      const sign = ['--sign-type=spki', `--sign-from-file=${secretFile}`];
      await ourOstree(`--repo=${source}`, 'commit', '-b', 'a', ...sign, tree);
      await ourOstree(`--repo=${source}`, 'summary', '-u');
      const demands = ['gpg-verify=false', 'sign-verify=spki', 'sign-verify-summary=spki'];
      const set = [...demands, `verification-spki-file=${keyFile}`].map((one) => `--set=${one}`);
      await ourOstree(`--repo=${client}`, 'remote', 'add', ...set, 'o', `file://${source}`);
      const refused = await tryOurOstree([`--repo=${client}`, 'pull', 'o', 'a']);
      expect(refused.stderr).toContain('no summary.sig found');
      await ourOstree(`--repo=${source}`, 'summary', '-u', ...sign);
      await ourOstree(`--repo=${client}`, 'pull', 'o', 'a');
      expect(readFileSync(join(source, 'summary.sig')).includes('ostree.sign.spki')).toBe(true);
    },
  );
});
