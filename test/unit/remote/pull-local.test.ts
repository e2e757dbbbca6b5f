import { rmSync, lstatSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJob } from '../../../src/base/index.ts';
import { pull, pullLocal } from '../../../src/remote/index.ts';
import { fsckRepo, initRepo, listRefs, markPartial, openRepo, type Repo } from '../../../src/repo/index.ts';
import { makeRemote } from '../../support/make-remote.ts';
import { listObjectPaths, makeSource } from '../../support/make-source.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const ref = 'os/stable';
const job = createJob();

function makeRepo(mode: 'bare' | 'archive'): Repo {
  return initRepo(join(makeTempDir(), 'repo'), { mode });
}

/** A repo of that mode holding the source's newest commit on `os/stable`. */
async function makeHolder(mode: 'bare' | 'archive', sourcePath: string): Promise<Repo> {
  const holder = makeRepo(mode);
  using source = openRepo(sourcePath);
  await pullLocal(holder, { source, refs: [ref] }, job);
  return holder;
}

async function expectClean(repo: Repo): Promise<void> {
  expect(await fsckRepo(repo, {}, job)).toMatchObject({ corrupt: [], missing: [] });
}

/** Objects of the repo, but for the commit, whose inode has no other name. */
const unlinked = (repo: Repo): string[] =>
  listObjectPaths(repo.path).filter(
    (path) => !path.endsWith('.commit') && lstatSync(join(repo.path, 'objects', path)).nlink === 1,
  );

describe.each([
  ['bare', 'bare'],
  ['archive', 'archive'],
  ['archive', 'bare'],
  ['bare', 'archive'],
] as const)('from %s to %s', (from, to) => {
  it('brings everything, then only what is new', async () => {
    const made = await makeSource({ largeBytes: 2_000_000 });
    using source = await makeHolder(from, made.path);
    using repo = makeRepo(to);
    const result = await pullLocal(repo, { source, refs: [ref], remoteName: 'vendor' }, job);
    expect(result.refs).toEqual(new Map([[ref, made.v1]]));
    expect(listRefs(repo)).toEqual(new Map([[`vendor:${ref}`, made.v1]]));
    await expectClean(repo);
    await made.addVersion();
    using newer = await makeHolder(from, made.path);
    const added = await pullLocal(repo, { source: newer, refs: [ref], remoteName: 'vendor' }, job);
    // usr/d0/f0 and usr/new-1/file; the dirtrees of the root, usr, d0, d1 and new-1, a dirmeta.
    expect(added).toMatchObject({ fetchedContent: 2, fetchedMetadata: 6 });
    await expectClean(repo);
  });
});

it('links objects where it can and copies them when the other repo is not trusted', async () => {
  const made = await makeSource();
  using source = await makeHolder('bare', made.path);
  using copied = makeRepo('bare');
  await pullLocal(copied, { source, refs: [ref], untrusted: true }, job);
  expect(unlinked(copied).length).toBe(listObjectPaths(copied.path).length - 1);
  await expectClean(copied);
  using linked = makeRepo('bare');
  await pullLocal(linked, { source, refs: [ref] }, job);
  expect(unlinked(linked)).toEqual([]);
  await expectClean(linked);
});

it('finds a damaged object of a repo it does not trust and takes nothing', async () => {
  const made = await makeSource();
  using source = await makeHolder('bare', made.path);
  const victim = listObjectPaths(source.path).find((path) => path.endsWith('.file')) ?? '';
  rmSync(join(source.path, 'objects', victim));
  writeFileSync(join(source.path, 'objects', victim), 'not what it was');
  using repo = makeRepo('bare');
  const pulling = pullLocal(repo, { source, refs: [ref], untrusted: true }, job);
  await expect(pulling).rejects.toMatchObject({ code: 'CorruptObject' });
  expect(listObjectPaths(repo.path)).toEqual([]);
});

it('takes every local ref when none is named', async () => {
  const made = await makeSource();
  using source = await makeHolder('archive', made.path);
  using repo = makeRepo('bare');
  await pullLocal(repo, { source, refs: [] }, job);
  expect(listRefs(repo)).toEqual(new Map([[ref, made.v1]]));
});

it('refuses a commit that is not complete there', async () => {
  const made = await makeSource();
  using source = await makeHolder('bare', made.path);
  markPartial(source, made.v1);
  using repo = makeRepo('bare');
  await expect(pullLocal(repo, { source, refs: [ref] }, job)).rejects.toMatchObject({ code: 'MissingObject' });
});

it('finds damage while it turns objects into another mode', async () => {
  const made = await makeSource();
  using source = await makeHolder('bare', made.path);
  const damaged = listObjectPaths(source.path).find((path) => path.endsWith('.file'));
  writeFileSync(join(source.path, 'objects', damaged ?? ''), 'something else');
  using repo = makeRepo('archive');
  await expect(pullLocal(repo, { source, refs: [ref] }, job)).rejects.toMatchObject({ code: 'CorruptObject' });
  expect(listObjectPaths(repo.path)).toEqual([]);
});

it('serves a remote whose address is a file: URL', async () => {
  const made = await makeSource();
  using repo = makeRepo('bare');
  const remote = makeRemote(`file://${made.path}`);
  expect((await pull(repo, { remote, refs: [ref] }, job)).refs.get(ref)).toBe(made.v1);
  expect(listRefs(repo)).toEqual(new Map([[`origin:${ref}`, made.v1]]));
  await expect(pull(repo, { remote, refs: ['os/gone'] }, job)).rejects.toMatchObject({ code: 'RefNotFound' });
});
