import { readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Checksum, createJob, isAtomicError } from '../../src/base/index.ts';
import { objectPath } from '../../src/format/index.ts';
import { addRemote, listRemoteRefs, pull, pullLocal, requireRemote, resolveRemoteRef } from '../../src/remote/index.ts';
import { initRepo, isPartial, listRefs, openRepo, type Repo } from '../../src/repo/index.ts';
import { type GpgHome, makeGpgHome } from '../support/gpg.ts';
import { type FileServer, serveDirectory } from '../support/http-server.ts';
import { quickTimings } from '../support/make-remote.ts';
import { listObjectPaths, makeSource, type Source } from '../support/make-source.ts';
import { ostree, tryOstree } from '../support/real-ostree.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const job = createJob();

// The real tool writes dates in the zone of its environment.
process.env['TZ'] = 'UTC';

/** A served repo whose commits the real tool signs, and a repo that trusts one key. */
interface Scene {
  readonly source: Source;
  readonly server: FileServer;
  readonly home: GpgHome;
  /** The key that is trusted. */
  readonly key: string;
  readonly repo: Repo;
  readonly sign: (checksum: Checksum, key?: string) => void;
  readonly signSummary: (key?: string) => void;
  readonly pull: (options?: Partial<Parameters<typeof pull>[1]>) => ReturnType<typeof pull>;
}

async function makeScene(
  use: (scene: Scene) => Promise<void>,
  settings: Readonly<Record<string, string>> = {},
): Promise<void> {
  const source = await makeSource();
  const home = makeGpgHome();
  const key = home.makeKey('Vendor <vendor@example.com>');
  await using server = await serveDirectory(source.path);
  const path = join(makeTempDir(), 'repo');
  initRepo(path, { mode: 'bare' })[Symbol.dispose]();
  using repo = openRepo(path);
  addRemote(repo, { name: 'origin', url: server.url, settings: new Map(Object.entries(settings)) });
  writeFileSync(join(path, 'origin.trustedkeys.gpg'), home.exportKeys());
  const gpg = `--gpg-homedir=${home.path}`;
  await use({
    source,
    server,
    home,
    key,
    repo,
    sign: (checksum, by = key) => void ostree(`--repo=${source.path}`, 'gpg-sign', gpg, checksum, by),
    signSummary: (by = key) => void ostree(`--repo=${source.path}`, 'summary', '-u', `--gpg-sign=${by}`, gpg),
    pull: (options = {}) =>
      pull(repo, { remote: requireRemote(repo, 'origin'), refs: [source.ref], timings: quickTimings, ...options }, job),
  });
}

function commitMeta(source: Source, checksum: Checksum): string {
  return join(source.path, 'objects', objectPath(checksum, 'commitmeta', true));
}

/** The refusal of a pull that must leave nothing behind and ask for nothing below the commit. */
async function refusal(
  scene: Scene,
  run: () => Promise<unknown> = scene.pull,
): Promise<{ code: string; message: string }> {
  const before = [listObjectPaths(scene.repo.path), [...listRefs(scene.repo)]];
  scene.server.log.length = 0;
  const error: unknown = await run().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect([listObjectPaths(scene.repo.path), [...listRefs(scene.repo)]]).toEqual(before);
  expect(scene.server.log.filter(({ path }) => /\.(filez|dirtree|dirmeta)$/.test(path))).toEqual([]);
  if (!isAtomicError(error)) throw new Error('nothing was refused by name', { cause: error });
  return { code: error.code, message: error.message };
}

describe('a commit of a remote that demands signatures', () => {
  it('is taken with a good one', () =>
    makeScene(async ({ source, repo, sign, pull: run }) => {
      sign(source.v1);
      await run();
      expect(ostree(`--repo=${repo.path}`, 'fsck')).toContain('no errors found');
      expect(ostree(`--repo=${repo.path}`, 'show', `origin:${source.ref}`)).toContain('Good signature from "Vendor');
    }));

  it('is taken with several of which one is good', () =>
    makeScene(async ({ source, home, repo, sign, pull: run }) => {
      sign(source.v1, home.makeKey('Stranger <stranger@example.com>'));
      sign(source.v1);
      await run();
      expect(isPartial(repo, source.v1)).toBe(false);
    }));

  it('is refused without one, in the words of the original', () =>
    makeScene(async (scene) => {
      const { code, message } = await refusal(scene);
      const asked = await askReal(scene);
      expect(code).toBe('SignatureRequired');
      expect(asked).toBe(`error: ${message}\n`);
    }));

  it('is refused with one of an unknown key, in the words of the original', () =>
    makeScene(async (scene) => {
      scene.sign(scene.source.v1, scene.home.makeKey('Stranger <stranger@example.com>'));
      const { code, message } = await refusal(scene);
      expect(code).toBe('SignatureInvalid');
      expect(message).toContain("Can't check signature: public key not found");
      expect(await askReal(scene)).toBe(`error: ${message}\n`);
    }));

  it('is refused with one of another commit', () =>
    makeScene(async (scene) => {
      const { source, sign } = scene;
      const v2 = await source.addVersion();
      sign(source.v1);
      writeFileSync(commitMeta(source, v2), readFileSync(commitMeta(source, source.v1)));
      const { code, message } = await refusal(scene);
      expect(code).toBe('SignatureInvalid');
      expect(message).toContain(`Commit ${v2}: `);
      expect(message).toContain('BAD signature from "Vendor <vendor@example.com>"');
    }));

  it('is refused once the key has been taken back', () =>
    makeScene(async (scene) => {
      scene.sign(scene.source.v1);
      scene.home.revoke(scene.key);
      writeFileSync(join(scene.repo.path, 'origin.trustedkeys.gpg'), scene.home.exportKeys([scene.key]));
      expect(await refusal(scene)).toMatchObject({
        code: 'SignatureInvalid',
        message: expect.stringContaining('revoked') as string,
      });
    }));

  it('is refused with metadata that is damaged or of another type', () =>
    makeScene(async (scene) => {
      const path = commitMeta(scene.source, scene.source.v1);
      ostree(
        `--repo=${scene.source.path}`,
        'commit',
        '-b',
        'x',
        `--tree=ref=${scene.source.ref}`,
        '--add-detached-metadata-string=ostree.gpgsigs=forged',
      );
      const other = ostree(`--repo=${scene.source.path}`, 'rev-parse', 'x').trim() as Checksum;
      writeFileSync(path, readFileSync(commitMeta(scene.source, other)));
      expect(await refusal(scene)).toMatchObject({ code: 'SignatureRequired' });
      writeFileSync(path, 'no variant at all');
      expect(await refusal(scene)).toMatchObject({ code: 'RemoteInvalid' });
    }));

  it('is refused for a parent without one when the history is pulled too', () =>
    makeScene(async (scene) => {
      const v2 = await scene.source.addVersion();
      scene.sign(v2);
      const before = listObjectPaths(scene.repo.path);
      await expect(scene.pull({ depth: 1 })).rejects.toMatchObject({ code: 'SignatureRequired' });
      expect(listObjectPaths(scene.repo.path)).toEqual(before);
    }));

  it('is checked again when it is here already, by what is stored if the remote has nothing', () =>
    makeScene(async (scene) => {
      const { source, repo, sign } = scene;
      const unsigned = { ...requireRemote(repo, 'origin'), gpgVerify: false };
      await scene.pull({ remote: unsigned });
      expect(await refusal(scene)).toMatchObject({ code: 'SignatureRequired' });
      sign(source.v1);
      await scene.pull();
      unlinkSync(commitMeta(source, source.v1));
      await scene.pull();
      rmSync(join(repo.path, 'origin.trustedkeys.gpg'));
      expect(await refusal(scene)).toMatchObject({ code: 'SignatureInvalid' });
    }));

  it('is refused as well when only its metadata is asked for, or it is asked for by checksum', () =>
    makeScene(async (scene) => {
      const { source } = scene;
      for (const options of [{ commitMetadataOnly: true }, { refs: [source.v1] }, { mirror: true, refs: [] }]) {
        expect(await refusal(scene, () => scene.pull(options))).toMatchObject({ code: 'SignatureRequired' });
      }
    }));
});

describe('keys', () => {
  it('of gpgkeypath count, and then the global ones do not', () =>
    makeScene(async (scene) => {
      const { source, repo, home, sign } = scene;
      sign(source.v1);
      rmSync(join(repo.path, 'origin.trustedkeys.gpg'));
      const globalDir = makeTempDir();
      writeFileSync(join(globalDir, 'vendor.gpg'), home.exportKeys());
      const remote = requireRemote(repo, 'origin');
      const elsewhere = join(makeTempDir(), 'other.gpg');
      writeFileSync(elsewhere, makeStrangerRing());
      const misled = { ...remote, trust: { ...remote.trust, gpgKeyPaths: [elsewhere] } };
      const systemTrust = { keyringDir: globalDir };
      expect(await refusal(scene, () => scene.pull({ remote: misled, systemTrust }))).toMatchObject({
        code: 'SignatureInvalid',
      });
      const gone = { ...remote, trust: { ...remote.trust, gpgKeyPaths: ['/nonexistent/ring.gpg'] } };
      expect(await refusal(scene, () => scene.pull({ remote: gone }))).toMatchObject({ code: 'NotFound' });
      await scene.pull({ systemTrust });
    }));
});

describe('a remote whose summary must be signed', () => {
  const settings = { 'gpg-verify': 'false', 'gpg-verify-summary': 'true' };

  it('is read with a good signature', () =>
    makeScene(async ({ source, repo, signSummary, pull: run }) => {
      signSummary();
      const remote = requireRemote(repo, 'origin');
      expect(await resolveRemoteRef(repo, { remote, ref: source.ref }, job)).toMatchObject({ checksum: source.v1 });
      await run();
    }, settings));

  it('is refused without one, with one of an unknown key, and with one of an older summary', () =>
    makeScene(async (scene) => {
      const { source, repo, home } = scene;
      const remote = requireRemote(repo, 'origin');
      const missing = await refusal(scene);
      expect(missing.code).toBe('SignatureRequired');
      expect(await askReal(scene)).toBe(`error: ${missing.message}\n`);
      scene.signSummary(home.makeKey('Stranger <stranger@example.com>'));
      expect(await refusal(scene)).toMatchObject({ code: 'SignatureInvalid' });
      scene.signSummary();
      const old = readFileSync(join(source.path, 'summary.sig'));
      await source.addVersion();
      writeFileSync(join(source.path, 'summary.sig'), old);
      expect(await refusal(scene)).toMatchObject({ code: 'SignatureInvalid' });
      expect(await refusal(scene, () => listRemoteRefs(repo, { remote }, job))).toMatchObject({
        code: 'SignatureInvalid',
      });
    }, settings));

  it('is mirrored with its signature', () =>
    makeScene(async ({ source, repo, signSummary, pull: run }) => {
      signSummary();
      await run({ refs: [], mirror: true });
      for (const name of ['summary', 'summary.sig']) {
        expect(readFileSync(join(repo.path, name))).toEqual(readFileSync(join(source.path, name)));
      }
    }, settings));
});

describe('a repo of this machine', () => {
  it('is taken from under the same conditions', () =>
    makeScene(async (scene) => {
      const { repo } = scene;
      const remote = { ...requireRemote(repo, 'origin'), url: `file://${scene.source.path}` };
      using source = openRepo(scene.source.path);
      const local = { source, refs: [scene.source.ref], remoteName: 'origin', signedFor: remote };
      expect(await refusal(scene, () => scene.pull({ remote }))).toMatchObject({ code: 'SignatureRequired' });
      expect(await refusal(scene, () => pullLocal(repo, local, job))).toMatchObject({ code: 'SignatureRequired' });
      const strict = { ...remote, gpgVerifySummary: true };
      scene.sign(scene.source.v1);
      expect(await refusal(scene, () => scene.pull({ remote: strict }))).toMatchObject({ code: 'SignatureRequired' });
      scene.signSummary();
      await scene.pull({ remote: strict });
      await pullLocal(repo, local, job);
    }));
});

function makeStrangerRing(): Uint8Array {
  const home = makeGpgHome();
  home.makeKey('Stranger <stranger@example.com>');
  return home.exportKeys();
}

/** What the real tool says to the same pull of the same remote with the same keys. */
async function askReal({ repo, source }: Scene): Promise<string> {
  const path = join(makeTempDir(), 'real');
  ostree(`--repo=${path}`, 'init', '--mode=bare');
  const remote = requireRemote(repo, 'origin');
  const settings = [`gpg-verify=${remote.gpgVerify}`, `gpg-verify-summary=${remote.gpgVerifySummary}`];
  const set = settings.map((setting) => `--set=${setting}`);
  ostree(`--repo=${path}`, 'remote', 'add', ...set, 'origin', `file://${source.path}`);
  writeFileSync(join(path, 'origin.trustedkeys.gpg'), readFileSync(join(repo.path, 'origin.trustedkeys.gpg')));
  const { status, stderr } = tryOstree(`--repo=${path}`, 'pull', 'origin', source.ref);
  expect(status).toBe(1);
  return await Promise.resolve(stderr);
}
