import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checksumToBytes, createJob, type Checksum } from '../../../src/base/index.ts';
import {
  commitDirectory,
  findEntry,
  fsckRepo,
  hasObject,
  initRepo,
  listDeltas,
  lockRepo,
  markPartial,
  openRepo,
  pruneRepo,
  updateRepoConfig,
  writeRef,
  type Repo,
} from '../../../src/repo/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const job = createJob();

/** A repo with a commit for each of `contents`, all on `os`. */
async function makeRepo(...contents: readonly string[]): Promise<{ repo: Repo; commits: Checksum[] }> {
  const temp = makeTempDir();
  const source = join(temp, 'source');
  mkdirSync(source);
  const repo = initRepo(join(temp, 'repo'), { mode: 'bare' });
  const commits: Checksum[] = [];
  for (const [index, content] of contents.entries()) {
    writeFileSync(join(source, 'file'), content);
    commits.push((await commitDirectory(repo, { source, branch: 'os', timestampSeconds: index }, job)).checksum);
  }
  return { repo, commits };
}

const present = (repo: Repo, commits: readonly Checksum[]) =>
  commits.map((commit) => hasObject(repo, 'commit', commit));

function deltaPath(to: Checksum): string {
  const name = Buffer.from(checksumToBytes(to)).toString('base64').replace('=', '').replaceAll('/', '_');
  return `deltas/${name.slice(0, 2)}/${name.slice(2)}`;
}

describe('pruneRepo', () => {
  it('keeps as many parents as depth says, and extra roots with theirs', async () => {
    const { repo, commits } = await makeRepo('a', 'b', 'c', 'd', 'e');
    const [, second] = commits;
    await pruneRepo(repo, { refsOnly: true, depth: 1, extraRoots: second === undefined ? [] : [second] }, job);
    expect(present(repo, commits)).toEqual([true, true, false, true, true]);
    expect(await fsckRepo(repo, {}, job)).toMatchObject({ commits: 4, corrupt: [], missing: [] });
    repo[Symbol.dispose]();
  });

  it('counts what it frees, and a dry run frees nothing', async () => {
    const { repo, commits } = await makeRepo('x'.repeat(1000), 'y');
    const planned = await pruneRepo(repo, { refsOnly: true, depth: 0, dryRun: true }, job);
    expect(present(repo, commits)).toEqual([true, true]);
    // A commit, its dirtree and its file; the dirmeta is shared.
    expect(planned).toMatchObject({ totalObjects: 7, prunedObjects: 3 });
    expect(planned.freedBytes).toBeGreaterThan(1000);
    expect(await pruneRepo(repo, { refsOnly: true, depth: 0 }, job)).toEqual(planned);
    expect(present(repo, commits)).toEqual([false, true]);
    repo[Symbol.dispose]();
  });

  it('removes partial marks and deltas with their commits', async () => {
    const { repo, commits } = await makeRepo('a', 'b');
    const [old = '' as Checksum, kept = '' as Checksum] = commits;
    markPartial(repo, old);
    for (const to of commits) mkdirSync(join(repo.path, deltaPath(to)), { recursive: true });
    expect(
      listDeltas(repo)
        .map(({ to }) => to)
        .toSorted(),
    ).toEqual(commits.toSorted());
    await pruneRepo(repo, { refsOnly: true, depth: 0 }, job);
    expect(readdirSync(join(repo.path, 'state'))).toEqual([]);
    expect(listDeltas(repo).map(({ to }) => to)).toEqual([kept]);
    repo[Symbol.dispose]();
  });

  it('removes payload links whose file is gone, and no other', async () => {
    const { repo, commits } = await makeRepo('a', 'b');
    const link = (commit: Checksum | undefined, name: string): string => {
      const entry = findEntry(repo, commit ?? ('' as Checksum), '/file');
      const checksum = entry?.kind === 'file' ? entry.checksum : '';
      const path = join(repo.path, 'objects/00', `${name.repeat(62)}.payload-link`);
      mkdirSync(join(path, '..'), { recursive: true });
      symlinkSync(`../${checksum.slice(0, 2)}/${checksum.slice(2)}.file`, path);
      return path;
    };
    const [dangling, whole] = [link(commits[0], '1'), link(commits[1], '2')];
    await pruneRepo(repo, { refsOnly: true, depth: 0 }, job);
    expect(readdirSync(join(repo.path, 'objects/00'))).toEqual([whole.slice(whole.lastIndexOf('/') + 1)]);
    expect(existsSync(dangling)).toBe(false);
    repo[Symbol.dispose]();
  });

  it('keeps everything that refs of collections and remotes name', async () => {
    const { repo, commits } = await makeRepo('a', 'b', 'c');
    writeRef(repo, 'origin:os', commits[0]);
    await pruneRepo(repo, { refsOnly: true, depth: 0 }, job);
    expect(present(repo, commits)).toEqual([true, false, true]);
    repo[Symbol.dispose]();
  });

  it('waits for nobody who is still adding objects, and says so', async () => {
    const { repo } = await makeRepo('a');
    updateRepoConfig(repo, (config) => config.set('core', 'lock-timeout-secs', '0'));
    using other = openRepo(repo.path);
    const lock = await lockRepo(repo, 'shared', job);
    await expect(pruneRepo(other, { refsOnly: true }, job)).rejects.toThrow(
      expect.objectContaining({ code: 'RepoLocked' }) as Error,
    );
    lock[Symbol.dispose]();
    await pruneRepo(other, { refsOnly: true }, job);
    repo[Symbol.dispose]();
  });
});
