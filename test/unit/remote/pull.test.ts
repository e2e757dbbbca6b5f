import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Checksum, createJob, type Job, type JobEvent, type TransferEvent } from '../../../src/base/index.ts';
import { deltaIndexPath, encodeCommit, encodeDirTree, encodeSummary, maxTreeDepth } from '../../../src/format/index.ts';
import { maxRequestsInFlight } from '../../../src/remote/limits.ts';
import { pull, type PullOptions, type PullResult } from '../../../src/remote/index.ts';
import {
  beginStaging,
  fsckRepo,
  initRepo,
  isPartial,
  listRefs,
  loadCommit,
  loadDirTree,
  openRepo,
  type Repo,
  writeSummary,
} from '../../../src/repo/index.ts';
import { type FileServer, type Mischief, serveDirectory } from '../../support/http-server.ts';
import { makeRemote, quickTimings } from '../../support/make-remote.ts';
import { listObjectPaths, makeSource, type Source } from '../../support/make-source.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const ref = 'os/stable';

function makeRepo(mode: 'bare' | 'archive' = 'bare'): Repo {
  return initRepo(join(makeTempDir(), 'repo'), { mode });
}

function pullFrom(
  repo: Repo,
  server: { readonly url: string },
  options: Partial<PullOptions> & { job?: Job } = {},
): Promise<PullResult> {
  const { job = createJob(), ...rest } = options;
  return pull(repo, { remote: makeRemote(server.url), refs: [ref], timings: quickTimings, ...rest }, job);
}

async function expectClean(repo: Repo): Promise<void> {
  expect(await fsckRepo(repo, {}, createJob())).toMatchObject({ corrupt: [], missing: [] });
}

const asked = (server: FileServer): string[] => server.log.map(({ path }) => path);
const askedObjects = (server: FileServer): string[] =>
  asked(server)
    .filter((path) => path.startsWith('/objects/') && !path.endsWith('.commitmeta'))
    .map((path) => path.slice('/objects/'.length))
    .toSorted();

describe.each(['bare', 'archive'] as const)('a pull into a repo of mode %s', (mode) => {
  it('brings a commit with everything below it and names it', async () => {
    const source = await makeSource({ largeBytes: 3_000_000 });
    await using server = await serveDirectory(source.path);
    using repo = makeRepo(mode);
    const result = await pullFrom(repo, server);
    expect(result.refs).toEqual(new Map([[ref, source.v1]]));
    expect(listRefs(repo)).toEqual(new Map([[`origin:${ref}`, source.v1]]));
    expect(isPartial(repo, source.v1)).toBe(false);
    expect(result.fetchedMetadata + result.fetchedContent).toBe(listObjectPaths(source.path).length);
    expect(askedObjects(server)).toEqual(listObjectPaths(source.path));
    await expectClean(repo);
  });

  it('fetches only what is new, and nothing twice', async () => {
    const source = await makeSource();
    await using server = await serveDirectory(source.path);
    using repo = makeRepo(mode);
    await pullFrom(repo, server);
    const before = new Set(listObjectPaths(source.path));
    const v2 = await source.addVersion();
    server.log.length = 0;
    const result = await pullFrom(repo, server);
    expect(result.refs.get(ref)).toBe(v2);
    expect(askedObjects(server)).toEqual(listObjectPaths(source.path).filter((path) => !before.has(path)));
    await expectClean(repo);
  });
});

describe('the requests of a pull', () => {
  it('are four when there is nothing new', async () => {
    const source = await makeSource();
    await using server = await serveDirectory(source.path);
    using repo = makeRepo();
    await pullFrom(repo, server);
    server.log.length = 0;
    await pullFrom(repo, server);
    const meta = `/objects/${source.v1.slice(0, 2)}/${source.v1.slice(2)}.commitmeta`;
    expect(asked(server)).toEqual(['/summary', '/config', meta]);
  });

  it('ask for the ref file when there is no summary', async () => {
    const source = await makeSource();
    rmSync(join(source.path, 'summary'));
    await using server = await serveDirectory(source.path);
    using repo = makeRepo();
    expect((await pullFrom(repo, server)).refs.get(ref)).toBe(source.v1);
    expect(asked(server).slice(0, 2)).toEqual(['/summary', `/refs/heads/${ref}`]);
  });

  it('ask for neither when a checksum is wanted, and write no ref', async () => {
    const source = await makeSource();
    await using server = await serveDirectory(source.path);
    using repo = makeRepo();
    await pullFrom(repo, server, { refs: [source.v1] });
    // Nothing but objects, and whether there is a delta.
    expect(asked(server).filter((path) => !path.startsWith('/objects/'))).toEqual([`/${deltaIndexPath(source.v1)}`]);
    expect(listRefs(repo).size).toBe(0);
    expect(loadCommit(repo, source.v1).subject).toBe('version 1');
  });

  it('go to contenturl for files alone', async () => {
    const source = await makeSource();
    await using server = await serveDirectory(source.path);
    await using content = await serveDirectory(source.path);
    using repo = makeRepo();
    await pullFrom(repo, server, { remote: makeRemote(server.url, { contentUrl: content.url }) });
    expect(asked(server).filter((path) => path.endsWith('.filez'))).toEqual([]);
    expect(asked(content).filter((path) => !path.endsWith('.filez'))).toEqual([]);
    await expectClean(repo);
  });

  it('are many at once, but not more than the limit', async () => {
    const source = await makeSource({ directories: 10, filesPerDirectory: 20 });
    await using server = await serveDirectory(source.path, (path) =>
      path.endsWith('.filez') ? { kind: 'delay', ms: 20 } : undefined,
    );
    using repo = makeRepo();
    await pullFrom(repo, server);
    expect(server.peak.requests).toBe(maxRequestsInFlight);
  });
});

describe('a pull with options', () => {
  it('mirrors every ref and the summary itself', async () => {
    const source = await makeSource();
    await using server = await serveDirectory(source.path);
    using repo = makeRepo('archive');
    await pullFrom(repo, server, { refs: [], mirror: true });
    expect(listRefs(repo)).toEqual(new Map([[ref, source.v1]]));
    expect(existsSync(join(repo.path, 'summary'))).toBe(true);
  });

  it('takes the branches of the remote when no ref is named, and refuses when there are none', async () => {
    const source = await makeSource();
    await using server = await serveDirectory(source.path);
    using repo = makeRepo();
    await expect(pullFrom(repo, server, { refs: [] })).rejects.toMatchObject({ code: 'InvalidArgument' });
    await pullFrom(repo, server, { refs: [], remote: makeRemote(server.url, { branches: [ref] }) });
    expect([...listRefs(repo).keys()]).toEqual([`origin:${ref}`]);
  });

  it('brings parents to the depth asked for and stops quietly where one is missing', async () => {
    const source = await makeSource();
    const v2 = await source.addVersion();
    const v3 = await source.addVersion();
    await using server = await serveDirectory(source.path);
    using shallow = makeRepo();
    await pullFrom(shallow, server, { depth: 1 });
    expect([v3, v2, source.v1].map((checksum) => existsIn(shallow, checksum))).toEqual([true, true, false]);
    rmSync(join(source.path, 'objects', source.v1.slice(0, 2), `${source.v1.slice(2)}.commit`));
    using deep = makeRepo();
    await pullFrom(deep, server, { depth: -1 });
    expect([v3, v2, source.v1].map((checksum) => existsIn(deep, checksum))).toEqual([true, true, false]);
    await expectClean(deep);
  });

  it('fetches the commit alone and leaves it partial, and completes it later', async () => {
    const source = await makeSource();
    await using server = await serveDirectory(source.path);
    using repo = makeRepo();
    await pullFrom(repo, server, { commitMetadataOnly: true });
    expect(isPartial(repo, source.v1)).toBe(true);
    expect(askedObjects(server).length).toBe(1);
    await pullFrom(repo, server);
    expect(isPartial(repo, source.v1)).toBe(false);
    expect(askedObjects(server)).toEqual(listObjectPaths(source.path));
    await expectClean(repo);
  });

  it('takes the commit it is told instead of the newest', async () => {
    const source = await makeSource();
    await source.addVersion();
    await using server = await serveDirectory(source.path);
    using repo = makeRepo();
    await pullFrom(repo, server, { overrideCommits: new Map([[ref, source.v1]]) });
    expect(listRefs(repo).get(`origin:${ref}`)).toBe(source.v1);
  });

  it('refuses an older commit than it has when asked to', async () => {
    const source = await makeSource();
    await source.addVersion();
    await using server = await serveDirectory(source.path);
    using repo = makeRepo();
    await pullFrom(repo, server);
    const older = { overrideCommits: new Map([[ref, source.v1]]), timestampCheck: true };
    await expect(pullFrom(repo, server, older)).rejects.toMatchObject({
      code: 'Downgrade',
      message: expect.stringContaining('chronologically older') as string,
    });
  });
});

function existsIn(repo: Repo, checksum: Checksum): boolean {
  return existsSync(join(repo.path, 'objects', checksum.slice(0, 2), `${checksum.slice(2)}.commit`));
}

describe('a server that misbehaves', () => {
  const isFile = (path: string): boolean => path.endsWith('.filez');
  const cases: readonly (readonly [what: string, mischief: Mischief, code: string])[] = [
    ['lies about a file', (path) => (isFile(path) ? { kind: 'lie' } : undefined), 'CorruptObject'],
    ['lies about a dirtree', (path) => (path.endsWith('.dirtree') ? { kind: 'lie' } : undefined), 'CorruptObject'],
    ['lies about a dirmeta', (path) => (path.endsWith('.dirmeta') ? { kind: 'lie' } : undefined), 'CorruptObject'],
    ['lies about the commit', (path) => (path.endsWith('.commit') ? { kind: 'lie' } : undefined), 'CorruptObject'],
    ['sends half a file', (path) => (isFile(path) ? { kind: 'truncate' } : undefined), 'RemoteTruncated'],
    ['sends half a file silently', (path) => (isFile(path) ? { kind: 'truncate-silently' } : undefined), 'CorruptObject'],
    ['sends an empty file', (path) => (isFile(path) ? { kind: 'body', bytes: Buffer.alloc(0) } : undefined), 'CorruptObject'],
    ['resets connections', (path) => (isFile(path) ? { kind: 'reset' } : undefined), 'RemoteTruncated'],
    ['stalls in a file', (path) => (isFile(path) ? { kind: 'stall' } : undefined), 'RemoteStalled'],
    ['never ends the summary', (path) => (path === '/summary' ? { kind: 'huge', lengthBytes: 2 ** 40 } : undefined), 'RemoteInvalid'],
    ['never ends a dirtree', (path) => (path.endsWith('.dirtree') ? { kind: 'endless' } : undefined), 'RemoteInvalid'],
    ['sends a commit larger than it said', (path) => (path.endsWith('.commit') ? { kind: 'endless' } : undefined), 'RemoteInvalid'],
    ['claims a file larger than the disk', (path) => (isFile(path) ? { kind: 'huge', lengthBytes: 2 ** 52 } : undefined), 'NoSpace'],
    ['fails', (path) => (isFile(path) ? { kind: 'status', status: 500 } : undefined), 'RemoteUnreachable'],
    ['lacks a file', (path) => (isFile(path) ? { kind: 'status', status: 404 } : undefined), 'RemoteInvalid'],
    ['lacks the commit its summary names', (path) => (path.endsWith('.commit') ? { kind: 'status', status: 404 } : undefined), 'RemoteInvalid'],
    ['redirects in a circle', (path) => (isFile(path) ? { kind: 'redirect', to: path } : undefined), 'RemoteInvalid'],
    ['sends a summary that is none', (path) => (path === '/summary' ? { kind: 'body', bytes: Buffer.from('<html>') } : undefined), 'RemoteInvalid'],
    ['is no archive repo', (path) => (path === '/config' ? { kind: 'body', bytes: Buffer.from('[core]\nmode=bare\n') } : undefined), 'RemoteInvalid'],
  ]; // prettier-ignore

  it.each(cases)('and %s is told by name and leaves the repo as it was', async (_what, mischief, code) => {
    const source = await makeSource({ largeBytes: 2_000_000 });
    await using server = await serveDirectory(source.path);
    using repo = makeRepo();
    await pullFrom(repo, server);
    const [objects, refs] = [listObjectPaths(repo.path), listRefs(repo)];
    await source.addVersion();
    server.mischief = mischief;
    await expect(pullFrom(repo, server)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/^While fetching http:/) as string,
    });
    expect(listObjectPaths(repo.path)).toEqual(objects);
    expect(listRefs(repo)).toEqual(refs);
    server.mischief = () => undefined;
    await pullFrom(repo, server);
    await expectClean(repo);
  });

  it('and hands out the commit of another branch is found out', async () => {
    const source = await makeSource();
    using served = openRepo(source.path);
    const commit = { checksum: source.v1, commitSizeBytes: 10_000, metadata: new Map() };
    writeFileSync(
      join(source.path, 'summary'),
      encodeSummary({ refs: new Map([['os/testing', commit]]), metadata: new Map() }),
    );
    await using server = await serveDirectory(served.path);
    using repo = makeRepo();
    await expect(pullFrom(repo, server, { refs: ['os/testing'] })).rejects.toMatchObject({ code: 'RemoteInvalid' });
    expect(listRefs(repo).size).toBe(0);
    await pullFrom(repo, server, { refs: ['os/testing'], disableBindings: true });
    expect(listRefs(repo).size).toBe(1);
  });
});

describe('a tree made to hurt', () => {
  it('that is too deep for any path is refused', async () => {
    const source = await makeSource();
    await serveCrafted(source, maxTreeDepth + 2, (child) => [child]);
    await using server = await serveDirectory(source.path);
    using repo = makeRepo();
    await expect(pullFrom(repo, server)).rejects.toMatchObject({ code: 'LimitExceeded' });
    expect(listObjectPaths(repo.path)).toEqual([]);
  });

  it('that doubles at every level costs a request for each level', async () => {
    const source = await makeSource();
    await serveCrafted(source, 100, (child) => [child, child]);
    await using server = await serveDirectory(source.path);
    using repo = makeRepo();
    await pullFrom(repo, server);
    expect(asked(server).filter((path) => path.endsWith('.dirtree')).length).toBe(101);
  });

  it('that has very many entries in one directory is pulled', async () => {
    const source = await makeSource();
    await serveCrafted(source, 1, (child) => Array.from({ length: 30_000 }, () => child));
    await using server = await serveDirectory(source.path);
    using repo = makeRepo();
    await pullFrom(repo, server);
    expect(
      loadDirTree(repo, loadCommit(repo, listRefs(repo).get(`origin:${ref}`) ?? source.v1).rootTree).directories.length,
    ).toBe(30_000);
  });

  it('whose file claims to inflate beyond the disk is refused', async () => {
    const source = await makeSource();
    const bomb = Buffer.alloc(64);
    bomb.writeUInt32BE(40, 0);
    bomb.writeBigUInt64BE(2n ** 60n, 8);
    await using server = await serveDirectory(source.path, (path) =>
      path.endsWith('.filez') ? { kind: 'body', bytes: bomb } : undefined,
    );
    using repo = makeRepo();
    await expect(pullFrom(repo, server)).rejects.toMatchObject({ code: 'NoSpace' });
  });

  it('whose file grows beyond what its header claims is cut off', async () => {
    const source = await makeSource();
    await using server = await serveDirectory(source.path, (path) =>
      path.endsWith('.filez') ? { kind: 'endless' } : undefined,
    );
    using repo = makeRepo();
    await expect(pullFrom(repo, server)).rejects.toMatchObject({
      code: 'RemoteInvalid',
      message: expect.stringContaining('what its own header announces') as string,
    });
  });
});

/** Puts a commit on the branch whose root leads `levels` down; `children` says how often each level names the next. */
async function serveCrafted(
  source: Source,
  levels: number,
  children: (child: Checksum) => readonly Checksum[],
): Promise<void> {
  using repo = openRepo(source.path);
  await using staging = await beginStaging(repo, createJob());
  const meta = loadCommit(repo, source.v1).rootMeta;
  let tree = staging.writeMetadata('dirtree', encodeDirTree({ files: [], directories: [] }));
  for (let level = 0; level < levels; level++) {
    const directories = children(tree).map((child, index) => ({ name: `d${index}`, tree: child, meta }));
    tree = staging.writeMetadata('dirtree', encodeDirTree({ files: [], directories }));
  }
  const commit = { ...loadCommit(repo, source.v1), rootTree: tree };
  await staging.publish(new Map([[ref, staging.writeMetadata('commit', encodeCommit(commit))]]));
  await writeSummary(repo, createJob());
}

describe('a pull that ends early', () => {
  it('keeps what had arrived for the next one', async () => {
    const source = await makeSource({ directories: 10, filesPerDirectory: 20 });
    let files = 0;
    await using server = await serveDirectory(source.path, (path) => {
      files += path.endsWith('.filez') ? 1 : 0;
      return files > 120 ? { kind: 'status', status: 500 } : undefined;
    });
    using repo = makeRepo();
    await expect(pullFrom(repo, server)).rejects.toMatchObject({ code: 'RemoteUnreachable' });
    server.mischief = () => undefined;
    server.log.length = 0;
    await pullFrom(repo, server);
    expect(askedObjects(server).filter((path) => path.endsWith('.filez')).length).toBeLessThan(120);
    await expectClean(repo);
    expect(readdirSync(join(repo.path, 'tmp')).filter((name) => name.startsWith('staging-'))).toEqual([]);
  });

  it('does not trust metadata it finds damaged in what was left', async () => {
    const source = await makeSource();
    await using server = await serveDirectory(source.path, (path) =>
      path.endsWith('.filez') ? { kind: 'status', status: 404 } : undefined,
    );
    using repo = makeRepo();
    await expect(pullFrom(repo, server)).rejects.toMatchObject({ code: 'RemoteInvalid' });
    const left = readdirSync(join(repo.path, 'tmp'), { recursive: true, encoding: 'utf8' });
    const trees = left.filter((path) => path.endsWith('.dirtree'));
    expect(trees.length).toBeGreaterThan(0);
    for (const path of trees) writeFileSync(join(repo.path, 'tmp', path), 'damaged');
    server.mischief = () => undefined;
    await pullFrom(repo, server);
    await expectClean(repo);
  });

  it('is over at once when it is cancelled', async () => {
    const source = await makeSource();
    await using server = await serveDirectory(source.path, (path) =>
      path.endsWith('.filez') ? { kind: 'silent' } : undefined,
    );
    using repo = makeRepo();
    const controller = new AbortController();
    const report = (event: JobEvent): void => {
      if (event.kind === 'transfer' && event.outstandingFetches > 0) setTimeout(() => controller.abort(), 20);
    };
    const job = createJob({ signal: controller.signal, report });
    const timings = { ...quickTimings, lowSpeedWindowMs: 600_000 };
    await expect(pullFrom(repo, server, { job, timings })).rejects.toMatchObject({ code: 'Cancelled' });
    expect(listRefs(repo).size).toBe(0);
  });
});

it('tells how far it is, and the whole truth at the end', async () => {
  const source = await makeSource({ directories: 10, filesPerDirectory: 20 });
  await using server = await serveDirectory(source.path);
  using repo = makeRepo();
  const events: TransferEvent[] = [];
  const job = createJob({ report: (event) => (event.kind === 'transfer' ? events.push(event) : undefined) });
  const result = await pullFrom(repo, server, { job });
  const objects = listObjectPaths(source.path);
  const content = objects.filter((path) => path.endsWith('.filez')).length;
  expect(events.at(-1)).toEqual({
    kind: 'transfer',
    outstandingFetches: 0,
    outstandingWrites: 0,
    outstandingMetadata: 0,
    scannedMetadata: objects.filter((path) => path.endsWith('.dirtree')).length,
    fetchedMetadata: objects.length - content,
    fetchedContent: content,
    requestedContent: content,
    transferredBytes: result.transferredBytes,
  });
});

it('says which refs there are when the wanted one is not', async () => {
  const source = await makeSource();
  await using server = await serveDirectory(source.path);
  using repo = makeRepo();
  await expect(pullFrom(repo, server, { refs: ['os/gone'] })).rejects.toMatchObject({
    code: 'RefNotFound',
    message: `No such branch 'os/gone' in remote "origin"; it has os/stable`,
  });
});

it('asks a remote that demands signatures for nothing more than a commit without one', async () => {
  const source = await makeSource();
  await using server = await serveDirectory(source.path);
  using repo = makeRepo();
  const remote = makeRemote(server.url, { gpgVerify: true });
  await expect(pullFrom(repo, server, { remote })).rejects.toMatchObject({ code: 'SignatureRequired' });
  const asked = server.log.map(({ path }) => path.replace(/^.*\./, ''));
  expect(asked.filter((path) => ['filez', 'dirtree', 'dirmeta'].includes(path))).toEqual([]);
  expect(listObjectPaths(repo.path)).toEqual([]);
});
