import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { initRepo, listRemoteNames, openRepo, updateRepoConfig } from '../../../src/repo/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

function repoWithConfig(config: string): string {
  const path = join(makeTempDir(), 'repo');
  initRepo(path, { mode: 'bare' })[Symbol.dispose]();
  writeFileSync(join(path, 'config'), config);
  return path;
}

const core = (line: string) => `[core]\nrepo_version=1\nmode=bare\n${line}\n`;

describe('initRepo', () => {
  it('makes the layout, parents included', () => {
    const path = join(makeTempDir(), 'deep/down/repo');
    using repo = initRepo(path, { mode: 'archive' });
    expect(repo.mode).toBe('archive');
    expect(readdirSync(path).toSorted()).toEqual(['config', 'extensions', 'objects', 'refs', 'state', 'tmp']);
    expect(readdirSync(join(path, 'refs')).toSorted()).toEqual(['heads', 'mirrors', 'remotes']);
    expect(readFileSync(join(path, 'config'), 'utf8')).toContain('mode=archive-z2');
  });

  it('goes on where an interrupted one stopped, for objects comes last', () => {
    const path = join(makeTempDir(), 'repo');
    initRepo(path, { mode: 'bare' })[Symbol.dispose]();
    rmSync(join(path, 'objects'), { recursive: true });
    rmSync(join(path, 'refs/mirrors'), { recursive: true });
    using repo = initRepo(path, { mode: 'bare' });
    expect(repo.objects.list()).toEqual([]);
    expect(existsSync(join(path, 'refs/mirrors'))).toBe(true);
  });

  it('opens what is there, unless its mode is another', () => {
    const path = join(makeTempDir(), 'repo');
    initRepo(path, { mode: 'bare' })[Symbol.dispose]();
    initRepo(path, { mode: 'bare' })[Symbol.dispose]();
    expect(() => initRepo(path, { mode: 'archive' })).toThrow(expect.objectContaining({ code: 'InvalidRepo' }));
  });
});

describe('openRepo', () => {
  it('refuses what is not a repo by name', () => {
    const path = makeTempDir();
    const message = expect.stringContaining(path) as unknown;
    expect(() => openRepo(path)).toThrow(expect.objectContaining({ code: 'InvalidRepo', message }));
    expect(() => openRepo(join(path, 'absent'))).toThrow(expect.objectContaining({ code: 'InvalidRepo' }));
    mkdirSync(join(path, 'objects'));
    expect(() => openRepo(path)).toThrow(/no file config/);
  });

  it.each([
    ['[core]\nmode=bare\n', 'repo_version'],
    ['[core]\nrepo_version=2\nmode=bare\n', 'repo_version'],
    ['[core]\nrepo_version=1\nmode=tape\n', 'core.mode'],
    [core('fsync=perhaps'), 'core.fsync'],
    [core('lock-timeout-secs=-2'), 'core.lock-timeout-secs'],
    [core('min-free-space-percent=100'), 'min-free-space-percent'],
    [core('min-free-space-size=5'), 'min-free-space-size'],
    [`${core('')}[archive]\nzlib-level=10\n`, 'archive.zlib-level'],
    ['no keyfile', 'config'],
  ])('refuses the config %j and names %s', (config, key) => {
    const path = repoWithConfig(config);
    const message = expect.stringContaining(key) as unknown;
    expect(() => openRepo(path)).toThrow(expect.objectContaining({ code: 'InvalidRepo', message }));
  });

  it.each([
    ['[core]\nrepo_version=1\nmode=bare-split-xattrs\n', 'bare-split-xattrs'],
    [`${core('')}[ex-integrity]\nfsverity=yes\n`, 'fsverity'],
    [`${core('')}[ex-integrity]\ncomposefs=true\n`, 'composefs'],
  ])('refuses by name what it does not support: %j', (config, name) => {
    const path = repoWithConfig(config);
    const message = expect.stringContaining(name) as unknown;
    expect(() => openRepo(path)).toThrow(expect.objectContaining({ code: 'NotSupported', message }));
  });

  it('reads the settings, and takes defaults for what is not set', () => {
    using plain = openRepo(repoWithConfig(core('')));
    expect(plain.settings).toMatchObject({
      fsync: true,
      lockTimeoutMs: 300_000,
      reserve: { percent: 3 },
      zlibLevel: 6,
    });
    using set = openRepo(
      repoWithConfig(core('fsync=false\nlock-timeout-secs=-1\nmin-free-space-size=2GB\nmin-free-space-percent=50')),
    );
    expect(set.settings).toMatchObject({ fsync: false, lockTimeoutMs: undefined, reserve: { bytes: 2n << 30n } });
  });

  it('stops at parent repos that lead in a circle', () => {
    const path = repoWithConfig('');
    writeFileSync(join(path, 'config'), core(`parent=${path}`));
    expect(() => openRepo(path)).toThrow(expect.objectContaining({ code: 'InvalidRepo' }));
  });
});

describe('updateRepoConfig', () => {
  it('changes the file and the open repo, and keeps what it does not know', () => {
    const path = repoWithConfig(`# a comment\n${core('strange=kept')}`);
    using repo = openRepo(path);
    updateRepoConfig(repo, (config) => config.set('remote "origin"', 'url', 'http://localhost/'));
    const text = readFileSync(join(path, 'config'), 'utf8');
    expect(text).toContain('# a comment');
    expect(text).toContain('strange=kept');
    expect(listRemoteNames(repo)).toEqual(['origin']);
    using again = openRepo(path);
    expect(again.config.get('remote "origin"', 'url')).toBe('http://localhost/');
  });

  it('refuses a change after which the repo could not be opened', () => {
    using repo = openRepo(repoWithConfig(core('')));
    expect(() => updateRepoConfig(repo, (config) => config.set('core', 'mode', 'tape'))).toThrow(
      expect.objectContaining({ code: 'InvalidRepo' }),
    );
    openRepo(repo.path)[Symbol.dispose]();
  });
});
