import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJob } from '../../src/base/index.ts';
import { addRemote, pull, pullLocal, requireRemote } from '../../src/remote/index.ts';
import { initRepo, openRepo, type Repo } from '../../src/repo/index.ts';
import { bundleChild } from '../support/bundle-child.ts';
import { type FileServer, serveDirectory } from '../support/http-server.ts';
import { listObjectPaths, makeSource } from '../support/make-source.ts';
import { makeRandomTree } from '../support/random-tree.ts';
import { ostree } from '../support/real-ostree.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const ref = 'vendor/stable';
const job = createJob();

/** An archive repo that the real tool made of a tree full of oddities. */
interface RealSource {
  readonly path: string;
  /** Commits the tree once more with a file changed, one added and one directory gone. */
  addVersion(): string;
}

function makeRealSource(seed: number, entries = 300): RealSource {
  const path = join(makeTempDir(), 'source');
  const tree = join(makeTempDir(), 'tree');
  makeRandomTree(tree, { seed, entries });
  mkdirSync(join(tree, 'gone'));
  writeFileSync(join(tree, 'gone/file'), 'goes with version 2');
  writeFileSync(join(tree, 'large'), Buffer.alloc(5_000_000, 'a large file\n'));
  ostree(`--repo=${path}`, 'init', '--mode=archive');
  const commit = (): string => {
    ostree(`--repo=${path}`, 'commit', `--branch=${ref}`, `--tree=dir=${tree}`, '--subject=a version');
    ostree(`--repo=${path}`, 'summary', '-u');
    return ostree(`--repo=${path}`, 'rev-parse', ref).trim();
  };
  commit();
  return {
    path,
    addVersion: () => {
      writeFileSync(join(tree, 'large'), Buffer.alloc(5_000_001, 'a large file that changed\n'));
      mkdirSync(join(tree, 'added'));
      writeFileSync(join(tree, 'added/file'), 'comes with version 2');
      symlinkSync('../added', join(tree, 'added/link'));
      rmSync(join(tree, 'gone'), { recursive: true });
      return commit();
    },
  };
}

function makeTarget(mode: 'bare' | 'archive' | 'bare-user', url: string): Repo {
  const path = join(makeTempDir(), 'repo');
  if (mode === 'bare-user') ostree(`--repo=${path}`, 'init', '--mode=bare-user');
  else initRepo(path, { mode })[Symbol.dispose]();
  const repo = openRepo(path);
  addRemote(repo, { name: 'origin', url, settings: new Map([['gpg-verify', 'false']]) });
  return repo;
}

const pullOrigin = (repo: Repo) => pull(repo, { remote: requireRemote(repo, 'origin'), refs: [ref] }, job);

/** The judge's view of what a ref names: every entry with owner, mode, xattrs and checksums, after a clean fsck. */
function judged(repo: { readonly path: string }, refspec: string): string {
  const fsck = ostree(`--repo=${repo.path}`, 'fsck');
  if (!fsck.includes('no errors found')) throw new Error(fsck);
  return ostree(`--repo=${repo.path}`, 'ls', '-R', '-X', '-C', refspec);
}

const askedObjects = (server: FileServer): string[] =>
  server.log
    .map(({ path }) => path)
    .filter((path) => path.startsWith('/objects/') && !path.endsWith('.commitmeta'))
    .map((path) => path.slice('/objects/'.length))
    .toSorted();

describe.each(['bare', 'archive', 'bare-user'] as const)('what the real tool made, pulled into mode %s', (mode) => {
  it('is what the real tool finds there, and an update asks for the new objects alone', async () => {
    const source = makeRealSource(11);
    await using server = await serveDirectory(source.path);
    using repo = makeTarget(mode, server.url);
    await pullOrigin(repo);
    expect(judged(repo, `origin:${ref}`)).toBe(judged(source, ref));
    const before = new Set(listObjectPaths(source.path));
    source.addVersion();
    server.log.length = 0;
    await pullOrigin(repo);
    expect(askedObjects(server)).toEqual(listObjectPaths(source.path).filter((path) => !before.has(path)));
    expect(judged(repo, `origin:${ref}`)).toBe(judged(source, ref));
  });
});

it('is pulled from a server that closes after every answer', async () => {
  const source = makeRealSource(12);
  await using server = await startPythonServer(source.path);
  using repo = makeTarget('bare', server.url);
  await pullOrigin(repo);
  source.addVersion();
  await pullOrigin(repo);
  expect(judged(repo, `origin:${ref}`)).toBe(judged(source, ref));
});

it('is imported from another repo of this machine', async () => {
  const made = makeRealSource(13);
  using source = openRepo(made.path);
  using repo = makeTarget('bare', 'http://127.0.0.1:1');
  await pullLocal(repo, { source, refs: [ref], remoteName: 'origin' }, job);
  expect(judged(repo, `origin:${ref}`)).toBe(judged(made, ref));
  using copy = makeTarget('bare', 'http://127.0.0.1:1');
  await pullLocal(
    copy,
    { source: repo, refs: [ostree(`--repo=${repo.path}`, 'rev-parse', `origin:${ref}`).trim()] },
    job,
  );
  ostree(
    `--repo=${copy.path}`,
    'refs',
    `--create=origin:${ref}`,
    ostree(`--repo=${made.path}`, 'rev-parse', ref).trim(),
  );
  expect(judged(copy, `origin:${ref}`)).toBe(judged(made, ref));
});

it('comes with its detached metadata', async () => {
  const source = makeRealSource(14, 20);
  ostree(
    `--repo=${source.path}`, 'commit', `--branch=${ref}`, `--tree=ref=${ref}`,
    '--add-detached-metadata-string=test.key=a value',
  ); // prettier-ignore
  ostree(`--repo=${source.path}`, 'summary', '-u');
  await using server = await serveDirectory(source.path);
  using repo = makeTarget('bare', server.url);
  await pullOrigin(repo);
  const key = ['show', '--print-detached-metadata-key=test.key', `origin:${ref}`];
  expect(ostree(`--repo=${repo.path}`, ...key).trim()).toBe("'a value'");
});

it('is completed when the real tool has pulled only a part of it', async () => {
  const source = makeRealSource(16, 60);
  await using server = await serveDirectory(source.path);
  using repo = makeTarget('bare', server.url);
  await runOstree(`--repo=${repo.path}`, 'pull', '--subpath=/gone', 'origin', ref);
  expect(listObjectPaths(repo.path).length).toBeLessThan(listObjectPaths(source.path).length);
  await pullOrigin(repo);
  expect(judged(repo, `origin:${ref}`)).toBe(judged(source, ref));
});

it('lets the real tool pull from a repo of ours', async () => {
  const source = await makeSource({ largeBytes: 2_000_000 });
  await source.addVersion();
  await using server = await serveDirectory(source.path);
  const path = join(makeTempDir(), 'repo');
  ostree(`--repo=${path}`, 'init', '--mode=bare');
  ostree(`--repo=${path}`, 'remote', 'add', '--no-gpg-verify', 'origin', server.url);
  await runOstree(`--repo=${path}`, 'pull', 'origin', source.ref);
  expect(ostree(`--repo=${path}`, 'fsck')).toContain('no errors found');
});

it('loses nothing but what was in flight when it is killed at any moment', async () => {
  const source = makeRealSource(15, 900);
  const all = listObjectPaths(source.path).length;
  const child = await bundleChild('pull-child.ts', makeTempDir());
  await using server = await serveDirectory(source.path, () => ({ kind: 'delay', ms: 5 }));
  using repo = makeTarget('bare', server.url);
  for (const share of [0.1, 0.3, 0.5, 0.7, 0.9]) {
    server.log.length = 0;
    await killWhen(spawnPull(child, repo.path), () => server.log.length > share * all * 0.4);
    expect(ostree(`--repo=${repo.path}`, 'fsck')).toContain('no errors found');
    expect(ostree(`--repo=${repo.path}`, 'refs')).toBe('');
  }
  server.mischief = () => undefined;
  server.log.length = 0;
  expect(await ended(spawnPull(child, repo.path))).toBe(0);
  expect(askedObjects(server).length).toBeLessThan(all * 0.6);
  expect(judged(repo, `origin:${ref}`)).toBe(judged(source, ref));
});

function spawnPull(child: string, repoPath: string): ChildProcess {
  return spawn(process.execPath, [child, repoPath, ref], { stdio: ['ignore', 'ignore', 'inherit'] });
}

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => {
    child.on('exit', (status) => resolve(status));
  });

/** Kills the child when `reached` says so; it must not have ended before. */
async function killWhen(child: ChildProcess, reached: () => boolean): Promise<void> {
  const end = ended(child);
  const timer = setInterval(() => (reached() ? child.kill('SIGKILL') : undefined), 2);
  const status = await end;
  clearInterval(timer);
  expect({ status, signal: child.signalCode }).toEqual({ status: null, signal: 'SIGKILL' });
}

/** Runs the real tool while this process serves it. */
async function runOstree(...args: readonly string[]): Promise<void> {
  const child = spawn('ostree', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  expect(await ended(child)).toBe(0);
}

async function startPythonServer(directory: string): Promise<AsyncDisposable & { readonly url: string }> {
  const child = spawn(
    '/usr/bin/python3',
    ['-u', '-m', 'http.server', '--bind', '127.0.0.1', '--directory', directory, '0'],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const port = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (text: Buffer) => {
      const found = /port (\d+)/.exec(text.toString())?.[1];
      if (found !== undefined) resolve(found);
    });
    child.on('exit', () => reject(new Error('the server did not start')));
  });
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      const end = ended(child);
      child.kill();
      await end;
    },
  };
}
