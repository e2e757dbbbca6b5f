import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJob, type Checksum } from '../../../src/base/index.ts';
import { Dir } from '../../../src/platform/index.ts';
import {
  checkoutCommit,
  commitDirectory,
  findEntry,
  fsckRepo,
  hasObject,
  initRepo,
  loadFile,
  loadDirTree,
  loadMetadata,
  lsTree,
  openRepo,
  readPath,
  readSummary,
  requireRev,
  resolveRev,
  updateRepoConfig,
  writeRef,
  writeSummary,
  type Repo,
} from '../../../src/repo/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const job = createJob();

/** A repo with one commit on `os` of a small tree with symlinks. */
async function makeRepo(mode: 'bare' | 'archive' = 'bare'): Promise<{ repo: Repo; temp: string; commit: Checksum }> {
  const temp = makeTempDir();
  const source = join(temp, 'source');
  mkdirSync(join(source, 'usr/lib/deep'), { recursive: true });
  mkdirSync(join(source, 'etc'));
  writeFileSync(join(source, 'usr/lib/os-release'), 'NAME=Test\n');
  writeFileSync(join(source, 'usr/lib/empty'), '');
  symlinkSync('../usr/lib/os-release', join(source, 'etc/os-release'));
  symlinkSync('/usr/lib', join(source, 'lib'));
  symlinkSync('loop', join(source, 'loop'));
  symlinkSync('../../../../etc/os-release', join(source, 'etc/far-up'));
  const repo = initRepo(join(temp, 'repo'), { mode });
  const { checksum } = await commitDirectory(repo, { source, branch: 'os', timestampSeconds: 1 }, job);
  return { repo, temp, commit: checksum };
}

const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8'));

describe.each(['bare', 'archive'] as const)('a commit in a repo of mode %s', (mode) => {
  it('is read by path, through symlinks that stay inside', async () => {
    const { repo, commit } = await makeRepo(mode);
    for (const path of [
      '/usr/lib/os-release',
      'etc/os-release',
      '/lib/os-release',
      '/etc/far-up',
      'usr/./lib/os-release',
    ]) {
      expect(text(readPath(repo, commit, path))).toBe('NAME=Test\n');
    }
    expect(text(readPath(repo, commit, '/usr/lib/empty'))).toBe('');
    for (const path of ['/usr', '/absent', '/usr/lib/os-release/below']) {
      expect(readPath(repo, commit, path)).toBeUndefined();
    }
    expect(() => readPath(repo, commit, '/loop')).toThrow(expect.objectContaining({ code: 'LimitExceeded' }));
    expect(() => readPath(repo, commit, '/usr/lib/os-release', 3)).toThrow(
      expect.objectContaining({ code: 'LimitExceeded' }),
    );
    repo[Symbol.dispose]();
  });

  it('is listed in order, files before directories', async () => {
    const { repo, commit } = await makeRepo(mode);
    const paths = [...lsTree(repo, commit, { path: '/usr', recursive: true })].map(({ path }) => path);
    expect(paths).toEqual(['/usr', '/usr/lib', '/usr/lib/empty', '/usr/lib/os-release', '/usr/lib/deep']);
    expect([...lsTree(repo, commit)].map(({ path }) => path)).toEqual(['/', '/lib', '/loop', '/etc', '/usr']);
    expect(() => [...lsTree(repo, commit, { path: '/absent' })]).toThrow(expect.objectContaining({ code: 'NotFound' }));
    repo[Symbol.dispose]();
  });

  it('is checked out in part, and not over what is there', async () => {
    const { repo, commit, temp } = await makeRepo(mode);
    using destination = Dir.open(temp);
    const options = { commit, destination, name: 'out', subpath: '/usr/lib', how: 'link' } as const;
    const stats = await checkoutCommit(repo, options, job);
    expect(stats).toMatchObject({ files: 2, directories: 2 });
    expect(readFileSync(join(temp, 'out/os-release'), 'utf8')).toBe('NAME=Test\n');
    await expect(checkoutCommit(repo, options, job)).rejects.toThrow(/out/);
    await expect(checkoutCommit(repo, { ...options, name: 'x', subpath: '/absent' }, job)).rejects.toThrow(
      expect.objectContaining({ code: 'NotFound' }) as Error,
    );
    repo[Symbol.dispose]();
  });

  it('names the damaged object, its path and what to do', async () => {
    const { repo, commit, temp } = await makeRepo(mode);
    const entry = findEntry(repo, commit, '/usr/lib');
    const tree = entry?.kind === 'directory' ? entry.tree : ('' as Checksum);
    const path = join(repo.path, 'objects', tree.slice(0, 2), `${tree.slice(2)}.dirtree`);
    const facts = { checksum: tree, path };
    const hint = expect.stringContaining('fsck') as unknown;
    writeFileSync(path, 'not a dirtree');
    const corrupt = expect.objectContaining({
      code: 'CorruptObject',
      facts: expect.objectContaining(facts) as unknown,
      hint,
    }) as Error;
    expect(() => loadDirTree(repo, tree)).toThrow(corrupt);
    using destination = Dir.open(temp);
    const checkout = () => checkoutCommit(repo, { commit, destination, name: 'x', how: 'copy' }, job);
    await expect(checkout()).rejects.toThrow(corrupt);
    rmSync(join(temp, 'x'), { recursive: true, force: true });
    rmSync(path);
    const missing = expect.objectContaining({ code: 'MissingObject', hint }) as Error;
    expect(() => loadMetadata(repo, 'dirtree', tree)).toThrow(missing);
    await expect(checkout()).rejects.toThrow(missing);
    repo[Symbol.dispose]();
  });
});

describe('commitDirectory', () => {
  it('refuses new content that would touch the reserve, and leaves nothing of it', async () => {
    const { repo, temp } = await makeRepo();
    updateRepoConfig(repo, (config) => config.set('core', 'min-free-space-size', '900000TB'));
    using full = openRepo(repo.path);
    const unchanged = { source: join(temp, 'source'), branch: 'unchanged' };
    expect((await commitDirectory(full, unchanged, job)).stats.newObjects).toBe(0);
    writeFileSync(join(temp, 'source/new'), 'new');
    const hint = expect.stringContaining('min-free-space-size') as unknown;
    await expect(commitDirectory(full, { source: join(temp, 'source'), branch: 'x' }, job)).rejects.toThrow(
      expect.objectContaining({ code: 'NoSpace', hint }) as Error,
    );
    expect(full.dir.list('tmp').filter(({ name }) => name.startsWith('staging'))).toEqual([]);
    expect(resolveRev(full, 'x')).toBeUndefined();
    repo[Symbol.dispose]();
  });

  it('refuses a branch that is no ref name, and writes nothing', async () => {
    const { repo, temp } = await makeRepo();
    await expect(commitDirectory(repo, { source: join(temp, 'source'), branch: '../x' }, job)).rejects.toThrow(
      expect.objectContaining({ code: 'InvalidRefspec' }) as Error,
    );
    repo[Symbol.dispose]();
  });

  it('tells what it does and can be cancelled', async () => {
    const { repo, temp } = await makeRepo();
    const phases: string[] = [];
    const telling = createJob({ report: (event) => event.kind === 'phase' && phases.push(event.text) });
    await commitDirectory(repo, { source: join(temp, 'source') }, telling);
    expect(phases.length).toBeGreaterThan(0);
    const cancelled = createJob({ signal: AbortSignal.abort() });
    await expect(commitDirectory(repo, { source: join(temp, 'source') }, cancelled)).rejects.toThrow(
      expect.objectContaining({ code: 'Cancelled' }) as Error,
    );
    repo[Symbol.dispose]();
  });
});

describe('resolveRev', () => {
  it('resolves checksums, refs, remotes, digits and parents', async () => {
    const { repo, temp, commit } = await makeRepo();
    const options = { source: join(temp, 'source'), branch: 'os', timestampSeconds: 2 };
    const { checksum: second } = await commitDirectory(repo, options, job);
    writeRef(repo, 'origin:far', commit);
    expect(resolveRev(repo, commit)).toBe(commit);
    expect(resolveRev(repo, 'os')).toBe(second);
    expect(resolveRev(repo, 'os^')).toBe(commit);
    expect(resolveRev(repo, 'os^^')).toBeUndefined();
    expect(resolveRev(repo, 'origin:far')).toBe(commit);
    expect(resolveRev(repo, 'far')).toBeUndefined();
    expect(resolveRev(repo, 'far', { anyRemote: true })).toBe(commit);
    expect(resolveRev(repo, second.slice(0, 8))).toBe(second);
    const message = expect.stringContaining("'absent'") as unknown;
    expect(() => requireRev(repo, 'absent')).toThrow(expect.objectContaining({ code: 'RefNotFound', message }));
    repo[Symbol.dispose]();
  });

  it('refuses digits that more than one commit begins with', async () => {
    const { repo, commit } = await makeRepo();
    const other = `${commit.slice(0, 60)}0000`;
    repo.objects.writeFile(`${other.slice(0, 2)}/${other.slice(2)}.commit`, 'x');
    expect(() => resolveRev(repo, commit.slice(0, 10))).toThrow(expect.objectContaining({ code: 'InvalidRefspec' }));
    repo[Symbol.dispose]();
  });
});

describe('a parent repo', () => {
  it('counts as part of the repo for reading, resolving and checking', async () => {
    const { repo: parent, commit, temp } = await makeRepo();
    using child = initRepo(join(temp, 'child'), { mode: 'bare' });
    updateRepoConfig(child, (config) => config.set('core', 'parent', parent.path));
    using repo = openRepo(child.path);
    expect(resolveRev(repo, 'os')).toBe(commit);
    expect(hasObject(repo, 'commit', commit)).toBe(true);
    expect(text(readPath(repo, commit, '/usr/lib/os-release'))).toBe('NAME=Test\n');
    const entry = findEntry(repo, commit, '/usr/lib/os-release');
    expect(entry?.kind === 'file' && loadFile(repo, entry.checksum).sizeBytes).toBe(10);
    using destination = Dir.open(temp);
    await checkoutCommit(repo, { commit, destination, name: 'out', how: 'copy' }, job);
    expect(readFileSync(join(temp, 'out/etc/os-release'), 'utf8')).toBe('NAME=Test\n');
    expect(await fsckRepo(repo, {}, job)).toMatchObject({ commits: 0, corrupt: [], missing: [] });
    parent[Symbol.dispose]();
  });
});

describe('the summary', () => {
  it('lists local refs with the sizes and times of their commits', async () => {
    const { repo, commit } = await makeRepo('archive');
    writeRef(repo, 'origin:far', commit);
    expect(readSummary(repo)).toBeUndefined();
    writeFileSync(join(repo.path, 'summary.sig'), 'old');
    await writeSummary(repo, job);
    const summary = readSummary(repo);
    expect([...(summary?.refs.keys() ?? [])]).toEqual(['os']);
    expect(summary?.refs.get('os')).toMatchObject({
      checksum: commit,
      commitSizeBytes: loadMetadata(repo, 'commit', commit).length,
    });
    expect(repo.dir.exists('summary.sig')).toBe(false);
    repo[Symbol.dispose]();
  });
});
