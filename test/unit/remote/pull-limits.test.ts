import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createJob, type Checksum } from '../../../src/base/index.ts';
import {
  encodeCommit,
  encodeDirMeta,
  encodeDirTree,
  encodeFilezHeader,
  fileChecksum,
  objectPath,
} from '../../../src/format/index.ts';
import { interceptSyscalls, type NativeCall } from '../../../src/platform/index.ts';
import { maxBufferedBytes, smallBodyBytes } from '../../../src/remote/limits.ts';
import { pull } from '../../../src/remote/index.ts';
import { fsckRepo, initRepo, listRefs, metadataChecksum, type Repo } from '../../../src/repo/index.ts';
import { serveDirectory } from '../../support/http-server.ts';
import { makeRemote, quickTimings } from '../../support/make-remote.ts';
import { listObjectPaths, makeSource, type Source } from '../../support/make-source.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

/** A source whose tree has `count` more files of almost a megabyte that do not compress. */
async function makeLargeSource(count: number): Promise<Source> {
  const source = await makeSource();
  mkdirSync(join(source.tree, 'big'));
  for (let index = 0; index < count; index++) {
    writeFileSync(join(source.tree, `big/f${index}`), randomBytes(smallBodyBytes - 4096));
  }
  await source.addVersion();
  return source;
}

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

it('stops asking when received files wait to be stored, and goes on when they are', async () => {
  const source = await makeLargeSource(90);
  await using server = await serveDirectory(source.path);
  using repo = initRepo(join(makeTempDir(), 'repo'), { mode: 'bare' });
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  // Holds every batch back until released, as a slow disk would.
  const hold =
    (original: NativeCall): NativeCall =>
    async (...args) => {
      await released;
      return await original(...args);
    };
  using _ = interceptSyscalls((name, original) => (name === 'ingestFilez' ? hold(original) : original));
  const pulling = pull(
    repo,
    { remote: makeRemote(server.url), refs: [source.ref], timings: { ...quickTimings, lowSpeedWindowMs: 60_000 } },
    createJob(),
  );
  const askedFor = (): number => server.log.filter(({ path }) => path.endsWith('.filez')).length;
  // More than are ever in flight, and no new one for a while.
  let large = -1;
  while (large <= 32 || large !== askedFor()) {
    large = askedFor();
    await sleep(300);
  }
  // The small files of the tree count for next to nothing.
  expect(large).toBeLessThan(maxBufferedBytes / smallBodyBytes + 30);
  release();
  await pulling;
  expect(await fsckRepo(repo, {}, createJob())).toMatchObject({ corrupt: [], missing: [] });
});

it.each(['write', 'ingestFilez', 'linkFd'])('leaves the repo as it was when %s finds the disk full', async (call) => {
  const source = await makeSource({ largeBytes: 2_000_000 });
  await using server = await serveDirectory(source.path);
  using repo = initRepo(join(makeTempDir(), 'repo'), { mode: 'bare' });
  const full = (): never => {
    throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC', errno: 28, syscall: call });
  };
  const options = { remote: makeRemote(server.url), refs: [source.ref], timings: quickTimings };
  {
    using _ = interceptSyscalls((name, original) => (name === call ? full : original));
    await expect(pull(repo, options, createJob())).rejects.toMatchObject({
      code: 'NoSpace',
      hint: expect.stringContaining('Free some space') as string,
    });
  }
  expect(listObjectPaths(repo.path)).toEqual([]);
  expect(listRefs(repo).size).toBe(0);
  await pull(repo, options, createJob());
  expect(await fsckRepo(repo, {}, createJob())).toMatchObject({ corrupt: [], missing: [] });
});

/** Adds a commit of `count` directories, each an object of more than a megabyte, to an archive repo; returns it. */
function putWideCommit(repo: Repo, count: number): Checksum {
  const put = (type: 'dirtree' | 'dirmeta' | 'commit', bytes: Uint8Array): Checksum => {
    const checksum = metadataChecksum(bytes);
    repo.objects.ensureDir(checksum.slice(0, 2));
    repo.objects.writeFile(objectPath(checksum, type, true), bytes);
    return checksum;
  };
  const meta = put('dirmeta', encodeDirMeta({ uid: 0, gid: 0, mode: 0o40755, xattrs: [] }));
  const header = { uid: 0, gid: 0, mode: 0o120777, symlinkTarget: 'x', xattrs: [] };
  const checksum = fileChecksum(header);
  repo.objects.ensureDir(checksum.slice(0, 2));
  repo.objects.writeFile(objectPath(checksum, 'file', true), encodeFilezHeader(header, 0));
  const directories = Array.from({ length: count }, (_, index) => {
    const files = Array.from({ length: 12_000 }, (__, at) => ({ name: `${index}-${at}-${'n'.repeat(80)}`, checksum }));
    return { name: `d${index}`, tree: put('dirtree', encodeDirTree({ files, directories: [] })), meta };
  });
  const rootTree = put('dirtree', encodeDirTree({ files: [], directories }));
  const about = { metadata: new Map(), parent: undefined, subject: '', body: '', timestampSeconds: 0 };
  return put('commit', encodeCommit({ ...about, rootTree, rootMeta: meta }));
}

it('holds one large directory object in memory at a time, however many a server has', async () => {
  const path = join(makeTempDir(), 'source');
  using source = initRepo(path, { mode: 'archive' });
  const commit = putWideCommit(source, 5);
  await using server = await serveDirectory(path);
  using repo = initRepo(join(makeTempDir(), 'repo'), { mode: 'bare' });
  const seen = { inHand: 0, most: 0, all: 0 };
  const isLarge = (buffer: unknown): boolean => buffer instanceof Uint8Array && buffer.length > smallBodyBytes;
  // Read back from the file it arrived in; later written to the staging in one piece.
  const watch =
    (name: string, original: NativeCall): NativeCall =>
    (...args) => {
      const large = isLarge(args[1]);
      if (name === 'pread' && large) seen.all += 1;
      if (name === 'pread' && large) seen.inHand += 1;
      if (name === 'write' && large) seen.inHand -= 1;
      seen.most = Math.max(seen.most, seen.inHand);
      return original(...args);
    };
  {
    using _ = interceptSyscalls((name, original) => watch(name, original));
    await pull(repo, { remote: makeRemote(server.url), refs: [commit], timings: quickTimings }, createJob());
  }
  expect(seen).toEqual({ inHand: 0, most: 1, all: 5 });
  expect(await fsckRepo(repo, {}, createJob())).toMatchObject({ corrupt: [], missing: [] });
});
