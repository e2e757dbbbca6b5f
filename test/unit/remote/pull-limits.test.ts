import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createJob } from '../../../src/base/index.ts';
import { interceptSyscalls, type NativeCall } from '../../../src/platform/index.ts';
import { maxBufferedBytes, smallBodyBytes } from '../../../src/remote/limits.ts';
import { pull } from '../../../src/remote/index.ts';
import { fsckRepo, initRepo, listRefs } from '../../../src/repo/index.ts';
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
  let asked = -1;
  while (asked !== server.log.length) {
    asked = server.log.length;
    await sleep(300);
  }
  const large = server.log.filter(({ path }) => path.endsWith('.filez')).length;
  expect(large).toBeGreaterThan(32);
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
