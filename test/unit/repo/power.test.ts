/** What a power cut or SIGKILL in the middle of a writer must not do to a repo: the order of its calls, and its leftovers. */
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJob, parseChecksum, type Checksum } from '../../../src/base/index.ts';
import { encodeDirMeta, encodeDirTree } from '../../../src/format/index.ts';
import { interceptSyscalls } from '../../../src/platform/index.ts';
import {
  beginStaging,
  commitDirectory,
  fsckRepo,
  hasObject,
  initRepo,
  isPartial,
  loadCommit,
  markPartial,
  objectPathIn,
  pruneRepo,
  removeCommit,
  writeRef,
  type Repo,
} from '../../../src/repo/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const job = createJob();

async function makeRepo(commits: number): Promise<{ repo: Repo; commits: Checksum[] }> {
  const temp = makeTempDir();
  const source = join(temp, 'source');
  mkdirSync(source);
  const repo = initRepo(join(temp, 'repo'), { mode: 'bare' });
  const made: Checksum[] = [];
  for (let index = 0; index < commits; index += 1) {
    writeFileSync(join(source, 'file'), `content ${index}`);
    made.push((await commitDirectory(repo, { source, branch: 'os', timestampSeconds: index }, job)).checksum);
  }
  return { repo, commits: made };
}

/** The calls that change or sync something, with the names they change. */
async function trace(work: () => unknown): Promise<readonly string[]> {
  const calls: string[] = [];
  using _interception = interceptSyscalls((name, original) => (...args) => {
    const names = args.flatMap((arg) => (typeof arg === 'string' ? [arg] : []));
    if (/^(unlink|rename|link|sync|fsync|mkdir|publish)/.test(name)) calls.push([name, ...names].join(' '));
    return original(...args);
  });
  await work();
  return calls;
}

const at = (calls: readonly string[], pattern: RegExp): number => calls.findIndex((call) => pattern.test(call));

describe('a prune', () => {
  it('has commits gone from disk before it removes their marks and their trees', async () => {
    const { repo, commits } = await makeRepo(2);
    const [old = '' as Checksum] = commits;
    markPartial(repo, old);
    const calls = await trace(() => pruneRepo(repo, { refsOnly: true, depth: 0 }, job));
    const sync = at(calls, /^syncFilesystem/);
    expect(at(calls, /^unlinkat .*\.commit$/)).toBeLessThan(sync);
    expect(sync).toBeLessThan(at(calls, /commitpartial/));
    expect(sync).toBeLessThan(at(calls, /^unlinkMany/));
    repo[Symbol.dispose]();
  });

  it('of one commit keeps its mark until the commit is gone from disk', async () => {
    const { repo, commits } = await makeRepo(1);
    const [commit = '' as Checksum] = commits;
    markPartial(repo, commit);
    const calls = await trace(() => removeCommit(repo, commit));
    expect(calls.map((call) => call.replace(/[0-9a-f]{62,64}/, 'X'))).toEqual([
      'unlinkat X.commitmeta',
      'unlinkat X.commit',
      'syncFilesystem',
      'unlinkat X.commitpartial',
    ]);
    repo[Symbol.dispose]();
  });

  it('removes the marks of commits that never came, but not of one that a staging holds', async () => {
    const { repo } = await makeRepo(1);
    markPartial(repo, parseChecksum('1'.repeat(64)));
    const left = await beginStaging(repo, job);
    const staged = left.writeMetadata('commit', Buffer.from('a commit, for all that a staging knows'));
    left.markPartial(staged);
    await left[Symbol.asyncDispose]();
    await pruneRepo(repo, { refsOnly: true, depth: 0 }, job);
    expect(readdirSync(join(repo.path, 'state'))).toEqual([`${staged}.commitpartial`]);
    repo[Symbol.dispose]();
  });

  it('removes old temporary files of refs, and no other', async () => {
    const { repo } = await makeRepo(1);
    const heads = join(repo.path, 'refs/heads');
    mkdirSync(join(heads, 'a'));
    for (const name of ['a/.os.123-abc', 'a/.keep', '.os.456-def']) writeFileSync(join(heads, name), '');
    for (const name of ['a/.os.123-abc', 'a/.keep']) utimesSync(join(heads, name), 1, 1);
    await pruneRepo(repo, { refsOnly: true, depth: 0 }, job);
    expect(readdirSync(join(heads, 'a'))).toEqual(['.keep']);
    expect(readdirSync(heads).toSorted()).toEqual(['.os.456-def', 'a', 'os']);
    repo[Symbol.dispose]();
  });
});

describe('a commit', () => {
  it('is marked as not complete until all of it is in place', async () => {
    const { repo } = await makeRepo(0);
    const staging = await beginStaging(repo, job);
    const tree = staging.writeMetadata('dirtree', encodeDirTree({ files: [], directories: [] }));
    staging.writeMetadata('dirmeta', encodeDirMeta({ uid: 0, gid: 0, mode: 0o040755, xattrs: [] }));
    await staging.publish();
    expect(hasObject(repo, 'dirtree', tree)).toBe(true);
    const source = join(repo.path, '../source');
    const marks: string[] = [];
    using _interception = interceptSyscalls((name, original) => (...args) => {
      if (name === 'publishStaging') marks.push(...readdirSync(join(repo.path, 'state')));
      return original(...args);
    });
    const { checksum } = await commitDirectory(repo, { source, branch: 'os' }, job);
    expect(marks).toEqual([`${checksum}.commitpartial`]);
    expect(isPartial(repo, checksum)).toBe(false);
    repo[Symbol.dispose]();
  });

  it('that a killed publish brought alone is partial, and whole when committed again', async () => {
    const { repo, commits } = await makeRepo(1);
    const [commit = '' as Checksum] = commits;
    const { rootTree } = loadCommit(repo, commit);
    markPartial(repo, commit);
    repo.objects.unlink(objectPathIn(repo, rootTree, 'dirtree'));
    expect(await fsckRepo(repo, {}, job)).toMatchObject({ missing: [], partial: [commit] });
    const source = join(repo.path, '../source');
    const again = await commitDirectory(repo, { source, branch: 'os', parent: 'none', timestampSeconds: 0 }, job);
    expect(again.checksum).toBe(commit);
    expect(await fsckRepo(repo, {}, job)).toMatchObject({ missing: [], partial: [] });
    repo[Symbol.dispose]();
  });
});

describe('a ref', () => {
  it('has the names of directories made for it on disk, each in the one above', async () => {
    const { repo, commits } = await makeRepo(1);
    const calls = await trace(() => writeRef(repo, 'a/b/os', commits[0]));
    expect(calls.slice(0, 4)).toEqual(['mkdirat a', 'fsync', 'mkdirat b', 'fsync']);
    expect(calls.slice(4).map((call) => call.split(' ')[0])).toEqual(['fsync', 'renameat2', 'fsync']);
    repo[Symbol.dispose]();
  });
});

describe('a check that removes damage', () => {
  it('has the marks on disk before', async () => {
    const { repo, commits } = await makeRepo(1);
    const { rootTree } = loadCommit(repo, commits[0] ?? ('' as Checksum));
    const path = objectPathIn(repo, rootTree, 'dirtree');
    repo.objects.unlink(path);
    repo.objects.writeFile(path, 'damaged');
    const calls = await trace(() => fsckRepo(repo, { deleteCorrupt: true }, job));
    const sync = at(calls, /^syncFilesystem/);
    expect(at(calls, /commitpartial$/)).toBeLessThan(sync);
    expect(sync).toBeLessThan(at(calls, /^unlinkat .*\.dirtree$/));
    repo[Symbol.dispose]();
  });
});
