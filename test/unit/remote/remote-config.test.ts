import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  addRemote,
  deleteRemote,
  demandsSignedCommits,
  loadRemotes,
  requireRemote,
  requireSupported,
} from '../../../src/remote/index.ts';
import { initRepo, openRepo, type Repo } from '../../../src/repo/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

function repoWith(config = ''): Repo {
  const path = join(makeTempDir(), 'repo');
  initRepo(path, { mode: 'bare' })[Symbol.dispose]();
  appendFileSync(join(path, 'config'), config);
  return openRepo(path);
}

function remotesDirWith(files: Readonly<Record<string, string>>): string {
  const path = join(makeTempDir(), 'remotes.d');
  mkdirSync(path);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

describe('loading', () => {
  it('finds the remotes of the repo and those beside it, the repo first', () => {
    using repo = repoWith('\n[remote "a"]\nurl=https://a.example/repo\nbranches=x;y;\ngpg-verify=false\n');
    const remotesDir = remotesDirWith({
      'one.conf': '[remote "a"]\nurl=https://hidden.example\n[remote "b"]\nurl=https://b.example\n',
      'notes.txt': '[remote "c"]\nurl=https://c.example\n',
    });
    const remotes = loadRemotes(repo, { remotesDir });
    expect([...remotes.keys()]).toEqual(['a', 'b']);
    expect(remotes.get('a')).toMatchObject({ url: 'https://a.example/repo', branches: ['x', 'y'], gpgVerify: false });
    expect(remotes.get('b')).toMatchObject({ gpgVerify: true, source: `${remotesDir}/one.conf` });
  });

  it('does without a remotes.d', () => {
    using repo = repoWith();
    expect(loadRemotes(repo, { remotesDir: join(makeTempDir(), 'absent') }).size).toBe(0);
  });

  it('reads the files anew each time', () => {
    using repo = repoWith();
    expect(loadRemotes(repo).size).toBe(0);
    appendFileSync(join(repo.path, 'config'), '[remote "late"]\nurl=https://late.example\n');
    expect([...loadRemotes(repo).keys()]).toEqual(['late']);
  });

  it('names the file and the group of a value it cannot read', () => {
    using repo = repoWith('\n[remote "a"]\nurl=https://a.example\ngpg-verify=maybe\n');
    expect(() => loadRemotes(repo)).toThrow(`Cannot read [remote "a"] of ${repo.path}/config`);
  });

  it('says which remote is not there', () => {
    using repo = repoWith();
    expect(() => requireRemote(repo, 'nowhere')).toThrow(
      expect.objectContaining({ code: 'RemoteNotFound', message: 'Remote "nowhere" not found' }),
    );
  });
});

describe('changing', () => {
  it('adds and deletes a remote and leaves everything else of the file as it was', () => {
    using repo = repoWith('\n# kept\n[other]\nkey=value\n');
    const before = readFileSync(join(repo.path, 'config'), 'utf8');
    addRemote(repo, { name: 'vendor', url: 'https://v.example', settings: new Map([['gpg-verify', 'false']]) });
    expect(requireRemote(repo, 'vendor')).toMatchObject({ url: 'https://v.example', gpgVerify: false });
    deleteRemote(repo, 'vendor');
    expect(readFileSync(join(repo.path, 'config'), 'utf8').trimEnd()).toBe(before.trimEnd());
    expect(loadRemotes(repo).size).toBe(0);
  });

  it('does not add what exists', () => {
    using repo = repoWith();
    const remotesDir = remotesDirWith({ 'one.conf': '[remote "b"]\nurl=https://b.example\n' });
    expect(() => addRemote(repo, { name: 'b', url: 'https://x.example' }, { remotesDir })).toThrow(
      'Remote "b" already exists',
    );
  });

  it.each(['', '../up', 'a/b', 'a:b', '.hidden', 'a b', 'x"]'])('refuses the name %j', (name) => {
    using repo = repoWith();
    expect(() => addRemote(repo, { name, url: 'https://x.example' })).toThrow('Invalid remote name');
  });

  it('says where a remote is defined that it may not delete', () => {
    using repo = repoWith();
    const remotesDir = remotesDirWith({ 'one.conf': '[remote "b"]\nurl=https://b.example\n' });
    expect(() => deleteRemote(repo, 'b', { remotesDir })).toThrow(`${remotesDir}/one.conf`);
    expect(() => deleteRemote(repo, 'c', { remotesDir })).toThrow('Remote "c" not found');
  });
});

describe('what a remote demands', () => {
  const remoteWith = (settings: string) => {
    using repo = repoWith(`\n[remote "r"]\nurl=https://r.example\n${settings}\n`);
    return requireRemote(repo, 'r');
  };

  it.each([
    ['', true],
    ['gpg-verify=false', false],
    ['gpg-verify=false\ngpg-verify-summary=true', false],
    ['gpg-verify=false\nsign-verify=true', true],
    ['gpg-verify=false\nsign-verify=1', true],
    ['gpg-verify=false\nsign-verify=ed25519', true],
    ['gpg-verify=false\nsign-verify=ed25519;spki;', true],
    ['gpg-verify=false\nsign-verify=false', false],
    ['gpg-verify=false\nsign-verify=', false],
    ['gpg-verify=false\nsign-verify-summary=true', false],
  ])('of commits with %j: a signature %s', (settings, demanded) => {
    const remote = remoteWith(settings);
    expect(requireSupported(remote)).toBeUndefined();
    expect(demandsSignedCommits(remote)).toBe(demanded);
  });

  it.each(['sign-verify=dummy', 'sign-verify-summary=ed25519;later', 'sign-verify=maybe'])(
    'is refused when it names a kind of signature that is not known: %s',
    (setting) => {
      expect(() => requireSupported(remoteWith(setting))).toThrow('Requested signature type is not implemented');
    },
  );

  it.each(['metalink=https://m.example', 'custom-backend=x', 'collection-id=org.example.Os'])(
    'is refused by name when it is %s',
    (setting) => {
      const key = setting.split('=')[0] ?? '';
      expect(() => requireSupported(remoteWith(setting))).toThrow(
        expect.objectContaining({ code: 'NotSupported', message: `Remote "r" sets ${key}, which is not supported` }),
      );
    },
  );

  it('is refused by name when it is a list of mirrors', () => {
    expect(() => requireSupported(remoteWith('contenturl=mirrorlist=https://m.example'))).toThrow(
      'sets contenturl=mirrorlist=',
    );
  });

  it('is what its vendor says when it is not configured yet', () => {
    expect(() => requireSupported(remoteWith('unconfigured-state=Register this system first'))).toThrow(
      'Register this system first',
    );
  });
});
