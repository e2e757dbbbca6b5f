/** Prune, fsck and locking, judged by the real ostree on copies of the same repo. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJob, type Checksum } from '../../src/base/index.ts';
import { parseObjectPath } from '../../src/format/index.ts';
import { flags, sys } from '../../src/platform/index.ts';
import {
  commitDirectory,
  fsckRepo,
  initRepo,
  lockRepo,
  lsTree,
  openRepo,
  pruneRepo,
  updateRepoConfig,
  writeRef,
  writeSummary,
  type PruneOptions,
} from '../../src/repo/index.ts';
import { createRandom, makeRandomTree } from '../support/random-tree.ts';
import { ostree, startOstree, tryOstree } from '../support/real-ostree.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const job = createJob();

/** A repo with three commits on `a`, one on `b`, one on a remote's ref and one that no ref names. */
async function makeRepo(mode: 'bare' | 'archive', seed: number): Promise<{ path: string; commits: Checksum[] }> {
  const temp = makeTempDir();
  const path = join(temp, 'repo');
  const random = createRandom(seed);
  const commits: Checksum[] = [];
  using repo = initRepo(path, { mode });
  const source = join(temp, 'source');
  makeRandomTree(source, { seed, entries: 40 });
  for (const [index, branch] of ['a', 'a', 'b', 'a', 'loose', 'far'].entries()) {
    writeFileSync(join(source, `changed-${random.int(3)}`), random.bytes(200));
    const options = { source, branch, subject: `commit ${index}`, timestampSeconds: 1000 + index };
    commits.push((await commitDirectory(repo, options, job)).checksum);
  }
  writeRef(repo, 'loose', undefined);
  writeRef(repo, 'origin:far', commits[5]);
  writeRef(repo, 'far', undefined);
  return { path, commits };
}

/** Not `readdirSync` with `recursive`: that follows symlinks, and those of a bare repo lead anywhere. */
function objectsOf(path: string): string[] {
  const objects = join(path, 'objects');
  return readdirSync(objects).flatMap((prefix) =>
    readdirSync(join(objects, prefix)).map((name) => `${prefix}/${name}`),
  );
}

function copyOf(path: string, name: string): string {
  const copy = `${path}-${name}`;
  execFileSync('cp', ['-a', path, copy]);
  return copy;
}

const prunes: readonly (readonly [string, PruneOptions, readonly string[]])[] = [
  ['refs only, no parents', { refsOnly: true, depth: 0 }, ['--refs-only', '--depth=0']],
  ['refs only, one parent', { refsOnly: true, depth: 1 }, ['--refs-only', '--depth=1']],
  ['refs only, all parents', { refsOnly: true }, ['--refs-only']],
  ['every commit', { refsOnly: false }, []],
];

describe.each(['bare', 'archive'] as const)('prune in mode %s', (mode) => {
  it.each(prunes)('leaves what ostree leaves: %s', async (_name, options, args) => {
    const { path } = await makeRepo(mode, 21);
    const theirs = copyOf(path, 'theirs');
    const before = objectsOf(path).length;
    using repo = openRepo(path);
    const dry = await pruneRepo(repo, { ...options, dryRun: true }, job);
    expect(objectsOf(path)).toHaveLength(before);
    const result = await pruneRepo(repo, options, job);
    expect(result).toEqual(dry);
    const printed = ostree('prune', `--repo=${theirs}`, ...args);
    expect(objectsOf(path)).toEqual(objectsOf(theirs));
    expect(printed).toContain(`Total objects: ${result.totalObjects}`);
    const deleted = /Deleted (\d+) objects/.exec(printed)?.[1] ?? '0';
    expect(result.prunedObjects).toBe(Number(deleted));
    expect(ostree('fsck', `--repo=${path}`)).toContain('no errors found');
  });

  it('leaves the tombstones that ostree leaves, and takes detached metadata along', async () => {
    const { path, commits } = await makeRepo(mode, 22);
    using repo = openRepo(path);
    updateRepoConfig(repo, (config) => config.set('core', 'tombstone-commits', 'true'));
    const loose = commits[4] ?? ('' as Checksum);
    const metaPath = join(path, 'objects', loose.slice(0, 2), `${loose.slice(2)}.commitmeta`);
    writeFileSync(metaPath, '');
    const theirs = copyOf(path, 'theirs');
    using again = openRepo(path);
    await pruneRepo(again, { refsOnly: true, depth: 0 }, job);
    ostree('prune', `--repo=${theirs}`, '--refs-only', '--depth=0');
    expect(objectsOf(path)).toEqual(objectsOf(theirs));
    expect(existsSync(metaPath)).toBe(false);
    expect(objectsOf(path).some((name) => name.endsWith('.tombstone-commit'))).toBe(true);
  });

  it('tolerates partial commits, and stops before removing anything when a complete one has a hole', async () => {
    const { path, commits } = await makeRepo(mode, 23);
    using repo = openRepo(path);
    const trees = [...lsTree(repo, commits[3] ?? ('' as Checksum))].flatMap((entry) =>
      entry.kind === 'directory' && entry.path !== '/' ? [entry.tree] : [],
    );
    const hole = trees[0] ?? '';
    rmSync(join(path, 'objects', hole.slice(0, 2), `${hole.slice(2)}.dirtree`));
    const before = objectsOf(path);
    await expect(pruneRepo(repo, { refsOnly: true, depth: 0 }, job)).rejects.toThrow(
      expect.objectContaining({ code: 'MissingObject' }) as Error,
    );
    expect(objectsOf(path)).toEqual(before);
    for (const commit of commits) writeFileSync(join(path, 'state', `${commit}.commitpartial`), '');
    const theirs = copyOf(path, 'theirs');
    await pruneRepo(repo, { refsOnly: true, depth: 0 }, job);
    ostree('prune', `--repo=${theirs}`, '--refs-only', '--depth=0');
    expect(objectsOf(path)).toEqual(objectsOf(theirs));
    expect(readdirSync(join(path, 'state')).toSorted()).toEqual(readdirSync(join(theirs, 'state')).toSorted());
  });
});

function someObject(path: string, suffix: string): string {
  const found = objectsOf(path).find((name) => {
    const full = join(path, 'objects', name);
    return name.endsWith(suffix) && readable(full) && readFileSync(full).length > 40;
  });
  if (found === undefined) throw new Error(`no object ${suffix}`);
  return join(path, 'objects', found);
}

/** False for the symlinks of a bare repo, which lead anywhere. */
function readable(path: string): boolean {
  return sys.fstatat(flags.AT_FDCWD, path, flags.AT_SYMLINK_NOFOLLOW).isFile();
}

function flipByte(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length - 2] = (bytes[bytes.length - 2] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

const damages: readonly (readonly [string, 'bare' | 'archive', string, (path: string) => void])[] = [
  ['a flipped byte in a file', 'bare', '.file', flipByte],
  ['a flipped byte in a compressed file', 'archive', '.filez', flipByte],
  ['a flipped byte in a dirtree', 'bare', '.dirtree', flipByte],
  ['a flipped byte in a commit', 'archive', '.commit', flipByte],
  ['a truncated file', 'bare', '.file', (path) => truncateSync(path, 20)],
  ['a truncated compressed file', 'archive', '.filez', (path) => truncateSync(path, 38)],
  ['a truncated dirtree', 'archive', '.dirtree', (path) => truncateSync(path, 10)],
  ['an empty dirtree', 'bare', '.dirtree', (path) => truncateSync(path, 0)],
  ['a missing file', 'bare', '.file', (path) => rmSync(path)],
  ['a missing compressed file', 'archive', '.filez', (path) => rmSync(path)],
  ['a missing dirtree', 'bare', '.dirtree', (path) => rmSync(path)],
  ['another xattr', 'bare', '.file', (path) => sys.lsetxattr(flags.AT_FDCWD, path, 'user.extra', Buffer.from('x'))],
  ['another mode', 'bare', '.file', (path) => renameAround(path)],
];

/** Puts a copy with another mode in the object's place. */
function renameAround(path: string): void {
  const content = readFileSync(path);
  writeFileSync(`${path}.new`, content, { mode: 0o640 });
  renameSync(`${path}.new`, path);
}

describe('fsck', () => {
  it.each(damages)('finds %s as ostree does', async (_name, mode, suffix, damage) => {
    const { path } = await makeRepo(mode, 31);
    const object = someObject(path, suffix);
    damage(object);
    using repo = openRepo(path);
    const report = await fsckRepo(repo, {}, job);
    // After ours: it marks the commits that lack an object, and does not look into them again.
    expect(tryOstree('fsck', `--repo=${path}`).status).not.toBe(0);
    const checksum = parseObjectPath(object.slice(-(66 + suffix.length - 1)))?.checksum;
    const named = [...report.corrupt, ...report.missing].map((item) => item.checksum as string);
    expect(named).toEqual([checksum]);
    expect(report.missing).toHaveLength(existsSync(object) ? 0 : 1);
  });

  it('deletes what is corrupt and marks the commits that used it, after which ostree finds only complete commits', async () => {
    const { path } = await makeRepo('bare', 32);
    flipByte(someObject(path, '.file'));
    using repo = openRepo(path);
    const report = await fsckRepo(repo, { deleteCorrupt: true }, job);
    expect(report.corrupt).toHaveLength(1);
    expect(report.newlyPartial.length).toBeGreaterThan(0);
    for (const commit of report.newlyPartial) {
      expect(readFileSync(join(path, 'state', `${commit}.commitpartial`), 'utf8')).toBe('f');
    }
    const after = await fsckRepo(repo, {}, job);
    expect(after).toMatchObject({ corrupt: [], missing: [], partial: report.newlyPartial });
    expect(after.damaged).toEqual(report.newlyPartial);
    const judged = tryOstree('fsck', `--repo=${path}`);
    expect(judged.stderr).toContain(`${report.newlyPartial.length} partial commits from fsck-detected corruption`);
  });

  it('reports a ref whose commit is gone', async () => {
    const { path, commits } = await makeRepo('bare', 33);
    const commit = commits[2] ?? '';
    rmSync(join(path, 'objects', commit.slice(0, 2), `${commit.slice(2)}.commit`));
    using repo = openRepo(path);
    expect((await fsckRepo(repo, {}, job)).brokenRefs.map(({ refspec }) => refspec)).toEqual(['b']);
    expect(tryOstree('fsck', `--repo=${path}`).status).not.toBe(0);
  });
});

describe('summary', () => {
  it('is read by ostree, with the refs and their facts', async () => {
    const { path, commits } = await makeRepo('archive', 41);
    using repo = openRepo(path);
    await writeSummary(repo, job);
    const shown = ostree('summary', `--repo=${path}`, '--view');
    expect(shown).toContain(`* a\n    Latest Commit (`);
    expect(shown).toContain(commits[3] ?? '');
    expect(shown).toContain('Repository Mode (ostree.summary.mode): archive-z2');
    expect(ostree('remote', 'add', `--repo=${path}`, '--no-gpg-verify', 'self', `file://${path}`)).toBe('');
    expect(ostree('remote', 'refs', `--repo=${path}`, 'self').trim().split('\n')).toEqual(['self:a', 'self:b']);
  });
});

describe('the repo lock', () => {
  it('of ours keeps a prune of ostree waiting', async () => {
    const { path } = await makeRepo('bare', 51);
    using repo = openRepo(path);
    updateRepoConfig(repo, (config) => config.set('core', 'lock-timeout-secs', '0'));
    const lock = await lockRepo(repo, 'shared', job);
    const refused = tryOstree('prune', `--repo=${path}`, '--refs-only');
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toMatch(/lock/i);
    lock[Symbol.dispose]();
    ostree('prune', `--repo=${path}`, '--refs-only');
  });

  it('of ostree keeps our prune waiting', async () => {
    const { path } = await makeRepo('bare', 52);
    using repo = openRepo(path);
    updateRepoConfig(repo, (config) => config.set('core', 'lock-timeout-secs', '0'));
    using impatient = openRepo(path);
    // A commit holds the shared lock while it waits for somebody to write into the pipe that its tree comes from.
    const pipe = `${path}.pipe`;
    execFileSync('mkfifo', [pipe]);
    const commit = startOstree('commit', `--repo=${path}`, '-b', 'piped', `--tree=tar=${pipe}`);
    const exit = once(commit, 'exit');
    await expect.poll(() => readdirSync(join(path, 'tmp')).some((name) => name.endsWith('-lock'))).toBe(true);
    await expect(pruneRepo(impatient, { refsOnly: true }, job)).rejects.toThrow(
      expect.objectContaining({ code: 'RepoLocked' }) as Error,
    );
    writeFileSync(pipe, '');
    await exit;
    await pruneRepo(impatient, { refsOnly: true }, job);
  });
});
