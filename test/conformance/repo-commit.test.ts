/** The real ostree and we commit the same trees: both must give the same checksums and accept each other's repos. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJob, type Checksum } from '../../src/base/index.ts';
import { variant } from '../../src/format/index.ts';
import { Dir } from '../../src/platform/index.ts';
import {
  checkoutCommit,
  commitDirectory,
  fsckRepo,
  initRepo,
  listRefs,
  loadDirMeta,
  loadFile,
  lsTree,
  openRepo,
  resolveRev,
  type CommitDescription,
  type Repo,
} from '../../src/repo/index.ts';
import { describeTree } from '../support/describe-tree.ts';
import { makeRandomTree } from '../support/random-tree.ts';
import { ostree } from '../support/real-ostree.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const job = createJob();
const seeds = Array.from({ length: 20 }, (_, index) => index + 1);
const modes = ['bare', 'archive'] as const;
const timestampSeconds = 1_700_000_000;
const branch = 'test/os';

function realCommit(repo: string, source: string, ...more: readonly string[]): Checksum {
  const fixed = [`--repo=${repo}`, '-b', branch, '-s', 'a subject', `--timestamp=@${timestampSeconds}`];
  return ostree('commit', ...fixed, ...more, source).trim() as Checksum;
}

async function ourCommit(repo: Repo, source: string, more: Partial<CommitDescription> = {}): Promise<Checksum> {
  const description = { branch, subject: 'a subject', timestampSeconds, ...more };
  return (await commitDirectory(repo, { source, ...description }, job)).checksum;
}

/** Our listing in the form of `ostree ls -R -C`. */
function listing(repo: Repo, commit: Checksum): string {
  const octal = (mode: number) => (mode & 0o7777).toString(8).padStart(4, '0');
  const line = (kind: string, owner: { uid: number; gid: number; mode: number }, size: number) =>
    `${kind}0${octal(owner.mode)} ${owner.uid} ${owner.gid} ${`${size}`.padStart(6)}`;
  return [...lsTree(repo, commit, { recursive: true })]
    .map((entry) => {
      if (entry.kind === 'directory') {
        return `${line('d', loadDirMeta(repo, entry.meta), 0)} ${entry.tree} ${entry.meta} ${entry.path}\n`;
      }
      const { header, sizeBytes } = loadFile(repo, entry.checksum);
      const target = header.symlinkTarget === '' ? '' : ` -> ${header.symlinkTarget}`;
      const kind = header.symlinkTarget === '' ? '-' : 'l';
      return `${line(kind, header, sizeBytes)} ${entry.checksum} ${entry.path}${target}\n`;
    })
    .join('');
}

async function checkout(
  repo: Repo,
  commit: Checksum,
  { at, how }: { at: string; how: 'link' | 'copy' },
): Promise<string> {
  using destination = Dir.open(at);
  await checkoutCommit(repo, { commit, destination, name: `checkout-${how}`, how }, job);
  return join(at, `checkout-${how}`);
}

/** The paths whose time is not zero, symlinks aside. */
function laterTimes(root: string): string[] {
  const entries = describeTree(root, { mtime: true }).map(
    (line) => JSON.parse(line) as { path: string; mtime?: number },
  );
  return entries.flatMap(({ path, mtime }) => (mtime === undefined || mtime === 0 ? [] : [path]));
}

describe.each(modes)('a repo in mode %s', (mode) => {
  it.each(seeds)('gives tree %i the checksum that ostree gives it, and ostree finds nothing wrong', async (seed) => {
    const temp = makeTempDir();
    const source = join(temp, 'source');
    makeRandomTree(source, { seed });
    ostree('init', `--repo=${temp}/theirs`, `--mode=${mode}`);
    using ours = initRepo(join(temp, 'ours'), { mode });

    const commit = await ourCommit(ours, source);
    expect(commit).toBe(realCommit(`${temp}/theirs`, source));
    const unbound = await ourCommit(ours, source, { noBindings: true, parent: 'none' });
    expect(unbound).toBe(realCommit(`${temp}/theirs`, source, '--no-bindings', '--parent=none'));

    expect(ostree('fsck', `--repo=${ours.path}`)).toContain('no errors found');
    const options = ['-R', '-X', '-C', unbound];
    const listed = ostree('ls', `--repo=${ours.path}`, ...options);
    expect(listed).toBe(ostree('ls', `--repo=${temp}/theirs`, ...options));
    expect(listing(ours, commit)).toBe(ostree('ls', `--repo=${ours.path}`, '-R', '-C', commit));
    expect(ostree('refs', `--repo=${ours.path}`)).toBe(`${branch}\n`);
    expect(ostree('rev-parse', `--repo=${ours.path}`, branch).trim()).toBe(unbound);

    ostree('checkout', `--repo=${ours.path}`, commit, `${temp}/theirs-of-ours`);
    expect(describeTree(`${temp}/theirs-of-ours`)).toEqual(describeTree(source));
  });

  it.each(seeds)(
    'checks tree %i out of a repo of ostree as it was, times zero, and finds nothing wrong',
    async (seed) => {
      const temp = makeTempDir();
      const source = join(temp, 'source');
      makeRandomTree(source, { seed: seed + 1000, entries: 80 });
      ostree('init', `--repo=${temp}/theirs`, `--mode=${mode}`);
      const commit = realCommit(`${temp}/theirs`, source);
      using repo = openRepo(`${temp}/theirs`);
      expect(listRefs(repo)).toEqual(new Map([[branch, commit]]));
      expect(resolveRev(repo, commit.slice(0, 12))).toBe(commit);
      const report = await fsckRepo(repo, {}, job);
      expect(report).toMatchObject({ commits: 1, corrupt: [], missing: [], brokenRefs: [], partial: [] });
      for (const how of ['link', 'copy'] as const) {
        const path = await checkout(repo, commit, { at: temp, how });
        expect(describeTree(path)).toEqual(describeTree(source));
        expect(laterTimes(path)).toEqual([]);
      }
      expect(ostree('fsck', `--repo=${temp}/theirs`)).toContain('no errors found');
    },
  );
});

describe('commit', () => {
  it('gives the same checksum with metadata, a body, more bindings, a collection and a parent', async () => {
    const temp = makeTempDir();
    const source = join(temp, 'source');
    makeRandomTree(source, { seed: 7, entries: 20 });
    ostree('init', `--repo=${temp}/theirs`, '--mode=archive', '--collection-id=org.example.Os');
    using ours = initRepo(join(temp, 'ours'), { mode: 'archive', collectionId: 'org.example.Os' });
    await ourCommit(ours, source);
    realCommit(`${temp}/theirs`, source);
    const metadata = new Map([
      ['version', variant('s', '42.1')],
      ['a.key', variant('s', 'ü')],
    ]);
    const second = await ourCommit(ours, source, { body: 'a body\n', bindRefs: ['zz', 'aa/bb'], metadata });
    const more = ['-m', 'a body\n', '--bind-ref=zz', '--bind-ref=aa/bb'];
    const strings = ['--add-metadata-string=version=42.1', '--add-metadata-string=a.key=ü'];
    expect(second).toBe(realCommit(`${temp}/theirs`, source, ...more, ...strings));
    expect(resolveRev(ours, `${branch}^`)).toBe(ostree('rev-parse', `--repo=${temp}/theirs`, `${branch}^`).trim());
  });

  it('gives the same checksum with canonical permissions and without xattrs', async () => {
    const temp = makeTempDir();
    const source = join(temp, 'source');
    makeRandomTree(source, { seed: 11 });
    ostree('init', `--repo=${temp}/theirs`, '--mode=bare');
    using ours = initRepo(join(temp, 'ours'), { mode: 'bare' });
    const options = { source, branch, subject: 'a subject', timestampSeconds, parent: 'none' } as const;
    const canonical = await commitDirectory(ours, { ...options, canonicalPermissions: true }, job);
    const theirs = realCommit(`${temp}/theirs`, source, '--canonical-permissions', '--no-xattrs', '--parent=none');
    expect(canonical.checksum).toBe(theirs);
    const bare = await commitDirectory(ours, { ...options, skipXattrs: true, owner: { uid: 5, gid: 6 } }, job);
    const flags = ['--no-xattrs', '--owner-uid=5', '--owner-gid=6', '--parent=none'];
    expect(bare.checksum).toBe(realCommit(`${temp}/theirs`, source, ...flags));
  });

  it('gives an empty directory the checksum ostree gives it', async () => {
    const temp = makeTempDir();
    mkdirSync(join(temp, 'source'));
    ostree('init', `--repo=${temp}/theirs`, '--mode=bare');
    using ours = initRepo(join(temp, 'ours'), { mode: 'bare' });
    expect(await ourCommit(ours, join(temp, 'source'))).toBe(realCommit(`${temp}/theirs`, join(temp, 'source')));
  });

  it('writes into a repo that ostree made, and ostree goes on there', async () => {
    const temp = makeTempDir();
    const source = join(temp, 'source');
    makeRandomTree(source, { seed: 3, entries: 40 });
    ostree('init', `--repo=${temp}/repo`, '--mode=bare');
    const first = realCommit(`${temp}/repo`, source);
    using repo = openRepo(`${temp}/repo`);
    writeFileSync(join(source, 'new file'), 'new');
    const { checksum: second, stats } = await commitDirectory(repo, { source, branch, timestampSeconds }, job);
    expect(stats.newObjects).toBe(1);
    expect(resolveRev(repo, `${branch}^`)).toBe(first);
    const third = realCommit(`${temp}/repo`, source);
    expect(resolveRev(repo, `${branch}^`)).toBe(second);
    expect(resolveRev(repo, `${branch}^^`)).toBe(first);
    expect(third).toBe(resolveRev(repo, branch));
    expect(ostree('fsck', `--repo=${temp}/repo`)).toContain('no errors found');
  });
});

describe('bare-user repos', () => {
  it('are read and checked out', async () => {
    const temp = makeTempDir();
    const source = join(temp, 'source');
    makeRandomTree(source, { seed: 5 });
    ostree('init', `--repo=${temp}/theirs`, '--mode=bare-user');
    const commit = realCommit(`${temp}/theirs`, source);
    using repo = openRepo(`${temp}/theirs`);
    expect(listing(repo, commit)).toBe(ostree('ls', `--repo=${temp}/theirs`, '-R', '-C', commit));
    expect(describeTree(await checkout(repo, commit, { at: temp, how: 'copy' }))).toEqual(describeTree(source));
    expect(await fsckRepo(repo, {}, job)).toMatchObject({ commits: 1, corrupt: [], missing: [] });
  });
});
