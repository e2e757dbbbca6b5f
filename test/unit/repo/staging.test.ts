import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJob, type Checksum } from '../../../src/base/index.ts';
import { encodeDirMeta, encodeDirTree } from '../../../src/format/index.ts';
import { interceptSyscalls, readBootId } from '../../../src/platform/index.ts';
import {
  beginStaging,
  hasObject,
  initRepo,
  isPartial,
  lockRepo,
  openRepo,
  readRef,
  updateRepoConfig,
  writeCommit,
  type Repo,
  type Staging,
} from '../../../src/repo/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const job = createJob();
const newRepo = () => initRepo(join(makeTempDir(), 'repo'), { mode: 'bare' });
const stagings = (repo: Repo) => readdirSync(join(repo.path, 'tmp')).filter((name) => name.startsWith('staging-'));

function stageCommit(staging: Staging, timestampSeconds = 0): Checksum {
  const tree = staging.writeMetadata('dirtree', encodeDirTree({ files: [], directories: [] }));
  const meta = staging.writeMetadata('dirmeta', encodeDirMeta({ uid: 0, gid: 0, mode: 0o040755, xattrs: [] }));
  return writeCommit(staging, { tree, meta }, { timestampSeconds, noBindings: true });
}

/** The calls that make a publish durable, in order. */
function recordCalls(): { calls: string[] } & Disposable {
  const calls: string[] = [];
  const watched = new Set(['syncFilesystem', 'fsync', 'publishStaging', 'renameat2', 'removeTrees']);
  const intercepted = interceptSyscalls((name, original) => (...args) => {
    if (watched.has(name)) calls.push(name);
    return original(...args);
  });
  return { calls, [Symbol.dispose]: () => intercepted[Symbol.dispose]() };
}

describe('a staging', () => {
  it('is a locked directory named after this boot, gone after publishing', async () => {
    using repo = newRepo();
    await using staging = await beginStaging(repo, job);
    const [name = '', lock] = stagings(repo);
    expect(name).toMatch(new RegExp(`^staging-${readBootId()}-[A-Za-z0-9]{6}$`));
    expect(lock).toBe(`${name}-lock`);
    const commit = stageCommit(staging);
    expect(hasObject(repo, 'commit', commit)).toBe(false);
    expect(staging.hasObject('commit', commit)).toBe(true);
    await staging.publish(new Map([['os', commit]]));
    expect(hasObject(repo, 'commit', commit)).toBe(true);
    expect(readRef(repo, 'os')).toBe(commit);
    expect(stagings(repo)).toEqual([]);
    await expect(staging.publish()).rejects.toThrow(/already been published/);
  });

  it('syncs the file system, then renames objects, then writes the ref', async () => {
    using repo = newRepo();
    await using staging = await beginStaging(repo, job);
    const commit = stageCommit(staging);
    using recorded = recordCalls();
    await staging.publish(new Map([['os', commit]]));
    expect(recorded.calls).toEqual(['syncFilesystem', 'publishStaging', 'removeTrees', 'fsync', 'renameat2', 'fsync']);
  });

  it('syncs also when no object is new: one that is there may be of a publish that was killed', async () => {
    using repo = newRepo();
    await using first = await beginStaging(repo, job);
    const commit = stageCommit(first);
    await first.publish();
    await using staging = await beginStaging(repo, job);
    expect(stageCommit(staging)).toBe(commit);
    using recorded = recordCalls();
    await staging.publish(new Map([['os', commit]]));
    expect(recorded.calls).toEqual(['syncFilesystem', 'removeTrees', 'fsync', 'renameat2', 'fsync']);
  });

  it('syncs nothing when there is nothing to publish', async () => {
    using repo = newRepo();
    await using staging = await beginStaging(repo, job);
    using recorded = recordCalls();
    await staging.publish();
    expect(recorded.calls).toEqual(['removeTrees']);
  });

  it('syncs nothing at all where core.fsync is false', async () => {
    using repo = newRepo();
    updateRepoConfig(repo, (config) => config.set('core', 'fsync', 'false'));
    using careless = openRepo(repo.path);
    await using staging = await beginStaging(careless, job);
    const commit = stageCommit(staging);
    using recorded = recordCalls();
    await staging.publish(new Map([['os', commit]]));
    expect(recorded.calls).not.toContain('syncFilesystem');
    expect(recorded.calls).not.toContain('fsync');
    expect(readRef(careless, 'os')).toBe(commit);
  });

  it('that was left is picked up by the next one of this boot', async () => {
    using repo = newRepo();
    const left = await beginStaging(repo, job);
    const commit = stageCommit(left);
    await left[Symbol.asyncDispose]();
    expect(stagings(repo)).toHaveLength(1);
    await using next = await beginStaging(repo, job);
    expect(next.hasObject('commit', commit)).toBe(true);
  });

  it('in use is not shared: a second one gets a directory of its own', async () => {
    using repo = newRepo();
    await using first = await beginStaging(repo, job);
    await using second = await beginStaging(repo, job);
    expect(first.dir.path).not.toBe(second.dir.path);
  });

  it('leaves nothing behind when it is aborted or nothing was staged', async () => {
    using repo = newRepo();
    const staging = await beginStaging(repo, job);
    stageCommit(staging);
    await staging.abort();
    await (await beginStaging(repo, job))[Symbol.asyncDispose]();
    expect(stagings(repo)).toEqual([]);
    using _lock = await lockRepo(repo, 'exclusive', job);
  });

  it('tidies tmp when it is published: other boots, what is old, but not the cache', async () => {
    using repo = newRepo();
    const tmp = join(repo.path, 'tmp');
    const otherBoot = 'staging-00000000-0000-0000-0000-000000000000-abcdef';
    mkdirSync(join(tmp, otherBoot, '00'), { recursive: true });
    for (const name of ['old-file', 'cache/old', 'new-file', `${otherBoot}-lock`]) {
      mkdirSync(join(tmp, name, '..'), { recursive: true });
      writeFileSync(join(tmp, name), '');
    }
    for (const name of ['old-file', 'cache/old', 'cache']) utimesSync(join(tmp, name), 1, 1);
    await using staging = await beginStaging(repo, job);
    await staging.publish();
    expect(readdirSync(tmp).toSorted()).toEqual(['cache', 'new-file']);
    expect(existsSync(join(tmp, 'cache/old'))).toBe(true);
  });

  it('marks commits as partial until it is published, or for good when told to', async () => {
    using repo = newRepo();
    await using staging = await beginStaging(repo, job);
    const whole = stageCommit(staging, 1);
    const part = stageCommit(staging, 2);
    staging.markPartial(whole);
    staging.markPartial(part, { keep: true });
    expect([isPartial(repo, whole), isPartial(repo, part)]).toEqual([true, true]);
    await staging.publish();
    expect([isPartial(repo, whole), isPartial(repo, part)]).toEqual([false, true]);
  });

  it('keeps an object that is there and replaces detached metadata', async () => {
    using repo = newRepo();
    for (const text of ['first', 'second']) {
      await using staging = await beginStaging(repo, job);
      const commit = stageCommit(staging);
      staging.writeCommitMeta(commit, Buffer.from(text));
      await staging.publish();
      const path = join(repo.path, 'objects', commit.slice(0, 2), `${commit.slice(2)}.commitmeta`);
      expect(readFileSync(path, 'utf8')).toBe(text);
    }
  });

  it('is not published by a job that was cancelled before', async () => {
    using repo = newRepo();
    const controller = new AbortController();
    await using staging = await beginStaging(repo, createJob({ signal: controller.signal }));
    const commit = stageCommit(staging);
    controller.abort();
    await expect(staging.publish(new Map([['os', commit]]))).rejects.toThrow(
      expect.objectContaining({ code: 'Cancelled' }) as Error,
    );
    expect(readRef(repo, 'os')).toBeUndefined();
  });
});
