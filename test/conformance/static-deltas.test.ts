import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJob, isAtomicError, parseChecksum, type Checksum, type JobEvent } from '../../src/base/index.ts';
import { decodeDeltaSuperblock, deltaPath, type DeltaEnds } from '../../src/format/index.ts';
import { decodeXz } from '../../src/platform/index.ts';
import { addRemote, pull, requireRemote, type PullOptions } from '../../src/remote/index.ts';
import { applyOfflineDelta, initRepo, openDeltaFile, openRepo, type Repo } from '../../src/repo/index.ts';
import { type FileServer, type Mischief, serveDirectory } from '../support/http-server.ts';
import { listObjectPaths } from '../support/make-source.ts';
import { createRandom, makeRandomTree } from '../support/random-tree.ts';
import { ostree } from '../support/real-ostree.ts';
import { ourOstree, tryOurOstree } from '../support/run-ostree.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const ref = 'os/stable';
type Mode = 'bare' | 'bare-user';

/** An archive repo of the real tool with two versions and a delta between them. */
interface Source {
  readonly path: string;
  readonly v1: Checksum;
  readonly v2: Checksum;
  readonly ends: DeltaEnds;
  /** The delta's directory. */
  readonly delta: string;
}

/** Text of many different lines, so that pieces of it can be found again elsewhere. */
function manyLines(count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, (_, line) => `line ${line}: ${(line * 7919) % 104_729}\n`).join(''));
}

/** Bytes that do not compress; the same for the same seed. */
function noiseOf(seed: number, length: number): Buffer {
  return createHash('shake256', { outputLength: length }).update(`${seed}`).digest();
}

function writeVersion(tree: string, version: 1 | 2): void {
  const binary = noiseOf(5, 200_000);
  const noise = noiseOf(6, 1_500_000);
  if (version === 2) {
    for (const at of [1000, 50_000, 150_000]) binary.fill(version, at, at + 9);
    noise.fill(7, 700_000, 700_050);
  }
  const lines = manyLines(30_000);
  const inserted = Buffer.concat([lines.subarray(0, 400_000), Buffer.from('inserted\n'), lines.subarray(400_000)]);
  writeFileSync(join(tree, 'program'), binary, { mode: 0o755 });
  writeFileSync(join(tree, 'text'), version === 1 ? lines : inserted);
  writeFileSync(join(tree, 'noise'), noise);
  writeFileSync(join(tree, 'new-noise'), noiseOf(20 + version, 1_200_000));
  writeFileSync(join(tree, 'hello'), version === 1 ? 'hello\n' : 'hello2\n', { mode: 0o4755 });
  if (version === 1) return;
  mkdirSync(join(tree, 'added'));
  makeRandomTree(join(tree, 'added/odd'), { seed: 32, entries: 30 });
}

function makeSource(args: readonly string[]): Source {
  const path = join(makeTempDir(), 'source');
  const tree = join(makeTempDir(), 'tree');
  makeRandomTree(tree, { seed: 31, entries: 40 });
  const repo = `--repo=${path}`;
  ostree(repo, 'init', '--mode=archive');
  const commit = (version: 1 | 2): Checksum => {
    writeVersion(tree, version);
    const detached = `--add-detached-metadata-string=test.version=${version}`;
    return parseChecksum(ostree(repo, 'commit', `--branch=${ref}`, `--tree=dir=${tree}`, detached).trim());
  };
  const v1 = commit(1);
  const v2 = commit(2);
  ostree(repo, 'static-delta', 'generate', ...args, ref);
  ostree(repo, 'summary', '-u');
  const ends = { from: args.includes('--empty') ? undefined : v1, to: v2 };
  return { path, v1, v2, ends, delta: join(path, deltaPath(ends)) };
}

function makeTarget(mode: Mode, url = 'http://127.0.0.1:1'): Repo {
  const path = join(makeTempDir(), 'repo');
  if (mode === 'bare-user') ostree(`--repo=${path}`, 'init', '--mode=bare-user');
  else initRepo(path, { mode })[Symbol.dispose]();
  const repo = openRepo(path);
  addRemote(repo, { name: 'origin', url, settings: new Map([['gpg-verify', 'false']]) });
  return repo;
}

/** Pulls and returns the notes that were reported. */
async function pullRef(repo: Repo, options: Partial<PullOptions> = {}): Promise<readonly string[]> {
  const notes: string[] = [];
  const report = (event: JobEvent): void => {
    if (event.kind === 'note') notes.push(event.text);
  };
  const remote = requireRemote(repo, 'origin');
  await pull(repo, { remote, refs: [ref], ...options }, createJob({ report }));
  return notes;
}

/** Brings the first version, without a delta. */
async function pullFirst(repo: Repo, source: Source): Promise<void> {
  await pullRef(repo, { staticDeltas: 'disable', overrideCommits: new Map([[ref, source.v1]]) });
}

/** What an object pull of both versions leaves in a repo. */
async function objectsOfPull(source: Source, url: string, mode: Mode, versions: 'both' | 'second'): Promise<string[]> {
  using repo = makeTarget(mode, url);
  if (versions === 'both') await pullFirst(repo, source);
  await pullRef(repo, { staticDeltas: 'disable' });
  return listObjectPaths(repo.path);
}

function judged(path: string, rev: string): string {
  const fsck = ostree(`--repo=${path}`, 'fsck');
  if (!fsck.includes('no errors found')) throw new Error(fsck);
  return ostree(`--repo=${path}`, 'ls', '-R', '-X', '-C', rev);
}

const askedOf = (server: FileServer, prefix: string): string[] =>
  server.log.map(({ path }) => path).filter((path) => path.startsWith(prefix) && !path.endsWith('.commitmeta'));

const partNames = (source: Source): string[] => readdirSync(source.delta).filter((name) => name !== 'superblock');

/** How the real tool is asked to make the delta, and whether that is one which needs nothing beside it. */
const kinds: readonly (readonly [what: string, args: readonly string[], whole: boolean])[] = [
  ['with bsdiff and rollsums', [], true],
  ['without bsdiff', ['--disable-bsdiff'], true],
  ['with its parts inline', ['--inline'], true],
  ['in the other byte order', ['--swap-endianness'], true],
  ['in many parts', ['--max-chunk-size=1', '--disable-bsdiff', '--min-fallback-size=0'], true],
  ['with fallback objects', ['--min-fallback-size=1', '--disable-bsdiff'], false],
  ['from nothing', ['--empty'], true],
  ['from nothing, inline, in the other byte order', ['--empty', '--inline', '--swap-endianness'], true],
];

describe.each(kinds)('a delta of the real tool %s', (_, args, whole) => {
  it('brings what objects would, over the network and from a file, in every mode that takes deltas', async () => {
    expect.hasAssertions();
    const source = makeSource(args);
    await using server = await serveDirectory(source.path);
    for (const mode of ['bare', 'bare-user'] as const) {
      await checkPull(source, server, { mode, args, whole });
      if (whole) await checkOffline(source, mode);
    }
  });
});

interface Kind {
  readonly mode: Mode;
  readonly args?: readonly string[];
  readonly whole: boolean;
}

/** Pulled from a server: the parts and the fallback objects are asked for, and nothing else. */
async function checkPull(source: Source, server: FileServer, { mode, args = [], whole }: Kind): Promise<void> {
  const versions = source.ends.from === undefined ? 'second' : 'both';
  using repo = makeTarget(mode, server.url);
  if (versions === 'both') await pullFirst(repo, source);
  server.log.length = 0;
  expect(await pullRef(repo, { staticDeltas: 'require' })).toEqual([]);
  const superblock = decodeDeltaSuperblock(readFileSync(join(source.delta, 'superblock')));
  const delta = `/${deltaPath(source.ends)}`;
  const parts = args.includes('--inline') ? [] : partNames(source).map((name) => `${delta}/${name}`);
  expect(askedOf(server, '/deltas/').toSorted()).toEqual([...parts, `${delta}/superblock`].toSorted());
  expect(askedOf(server, '/objects/')).toHaveLength(superblock.fallbacks.length);
  expect(superblock.fallbacks.length > 0).toBe(!whole);
  expect(parts.length > 2 || !args.includes('--max-chunk-size=1')).toBe(true);
  expect(judged(repo.path, `origin:${ref}`)).toBe(judged(source.path, ref));
  expect(listObjectPaths(repo.path)).toEqual(await objectsOfPull(source, server.url, mode, versions));
  const key = ostree(`--repo=${repo.path}`, 'show', '--print-detached-metadata-key=test.version', source.v2);
  expect(key.trim()).toBe("'2'");
}

it('a delta with fallback objects is refused offline, and leaves the repo as it was', async () => {
  const source = makeSource(['--min-fallback-size=1', '--disable-bsdiff']);
  using repo = makeTarget('bare');
  ostree(`--repo=${repo.path}`, 'pull-local', source.path, source.v1);
  const before = listObjectPaths(repo.path);
  using delta = openDeltaFile(source.delta);
  await expect(applyOfflineDelta(repo, delta, createJob())).rejects.toMatchObject({ code: 'MissingObject' });
  expect(listObjectPaths(repo.path)).toEqual(before);
});

it('a delta whose source is not here is refused offline', async () => {
  const source = makeSource([]);
  using repo = makeTarget('bare');
  using delta = openDeltaFile(source.delta);
  await expect(applyOfflineDelta(repo, delta, createJob())).rejects.toMatchObject({ code: 'MissingObject' });
  expect(listObjectPaths(repo.path)).toEqual([]);
});

/** Applied from its directory, with nothing from a network. */
async function checkOffline(source: Source, mode: Mode): Promise<void> {
  using repo = makeTarget(mode);
  if (source.ends.from !== undefined) ostree(`--repo=${repo.path}`, 'pull-local', source.path, source.v1);
  using delta = openDeltaFile(source.delta);
  const applied = applyOfflineDelta(repo, delta, createJob());
  expect((await applied).checksum).toBe(source.v2);
  ostree(`--repo=${repo.path}`, 'refs', `--create=${ref}`, source.v2);
  expect(judged(repo.path, ref)).toBe(judged(source.path, ref));
  expect(ostree(`--repo=${repo.path}`, 'show', '--print-detached-metadata-key=test.version', ref).trim()).toBe("'2'");
  // Once more changes nothing.
  expect(await applyOfflineDelta(repo, delta, createJob())).toMatchObject({ parts: 0, writtenObjects: 0 });
}

describe('a delta that is at fault', () => {
  const faults: readonly (readonly [what: string, mischief: (delta: string) => Mischief])[] = [
    ['lacks a part', (delta) => (path) => (path === `${delta}/0` ? { kind: 'status', status: 404 } : undefined)],
    ['has a damaged part', (delta) => (path) => (path === `${delta}/0` ? { kind: 'lie' } : undefined)],
    [
      'has a part that is cut',
      (delta) => (path) => (path === `${delta}/0` ? { kind: 'truncate-silently' } : undefined),
    ],
    ['has an endless part', (delta) => (path) => (path === `${delta}/0` ? { kind: 'endless' } : undefined)],
    [
      'lacks its superblock',
      (delta) => (path) => (path === `${delta}/superblock` ? { kind: 'status', status: 404 } : undefined),
    ],
    ['has another superblock', (delta) => (path) => (path === `${delta}/superblock` ? { kind: 'lie' } : undefined)],
  ];

  it('gives way to objects with a note, or fails where it is required', async () => {
    const source = makeSource([]);
    await using server = await serveDirectory(source.path);
    for (const [what, mischief] of faults) {
      server.mischief = () => undefined;
      using repo = makeTarget('bare', server.url);
      await pullFirst(repo, source);
      const before = listObjectPaths(repo.path);
      server.mischief = mischief(`/${deltaPath(source.ends)}`);
      const failed: unknown = await pullRef(repo, { staticDeltas: 'require' }).catch((error: unknown) => error);
      expect(isAtomicError(failed), what).toBe(true);
      expect(listObjectPaths(repo.path), what).toEqual(before);
      expect(ostree(`--repo=${repo.path}`, 'rev-parse', `origin:${ref}`).trim(), what).toBe(source.v1);
      const notes = await pullRef(repo);
      expect(notes, what).toHaveLength(1);
      expect(notes[0], what).toContain('cannot be used, objects are fetched instead');
      expect(judged(repo.path, `origin:${ref}`), what).toBe(judged(source.path, ref));
    }
  });

  it('offline leaves the repo as it was, whatever byte of it is damaged', { timeout: 240_000 }, async () => {
    const source = makeSource([]);
    using repo = makeTarget('bare');
    ostree(`--repo=${repo.path}`, 'pull-local', source.path, source.v1);
    const before = listObjectPaths(repo.path);
    const random = createRandom(77);
    const outcomes = new Map<string, number>();
    const rounds = 150;
    for (let round = 0; round < rounds; round += 1) {
      const name = round % 4 === 0 ? '0' : 'superblock';
      const path = join(source.delta, name);
      const whole = readFileSync(path);
      const damaged = Buffer.from(whole);
      const at = random.int(damaged.length);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << random.int(8));
      writeFileSync(path, damaged);
      if (random.chance(0.2)) truncateSync(path, at);
      const code = await outcomeOf(repo, source.delta);
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
      writeFileSync(path, whole);
      expect(code === 'applied' ? before : listObjectPaths(repo.path)).toEqual(before);
      undo(repo, before);
      expect(readdirSync(join(repo.path, 'tmp')).filter((entry) => entry.startsWith('staging'))).toEqual([]);
    }
    console.log(`${rounds} damaged deltas: ${[...outcomes].map(([code, count]) => `${code} ${count}`).join(', ')}`);
    expect([...outcomes.keys()].toSorted()).not.toContain('unknown');
    // Only what nothing depends on may change: the time, the sizes that are shown, the detached metadata.
    expect(outcomes.get('applied') ?? 0).toBeLessThan(rounds / 3);
    expect(ostree(`--repo=${repo.path}`, 'fsck')).toContain('no errors found');
  });

  it('in its xz data is found by the decoder, whatever byte of it', { timeout: 120_000 }, async () => {
    const source = makeSource([]);
    const whole = readFileSync(join(source.delta, '0')).subarray(1);
    const random = createRandom(78);
    for (let round = 0; round < 200; round += 1) {
      const damaged = Buffer.from(whole);
      const at = random.int(damaged.length);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << random.int(8));
      const given = random.chance(0.5) ? damaged : damaged.subarray(0, at);
      await expect(decodeXz(given, { maxBytes: 1 << 26 })).rejects.toMatchObject({ name: 'AtomicError' });
    }
  });
});

/** The code of the error, `applied` without one. */
async function outcomeOf(repo: Repo, path: string): Promise<string> {
  try {
    using delta = openDeltaFile(path);
    await applyOfflineDelta(repo, delta, createJob());
    return 'applied';
  } catch (error) {
    return isAtomicError(error) ? error.code : 'unknown';
  }
}

/** Takes the objects out again that were not there before. */
function undo(repo: Repo, before: readonly string[]): void {
  const known = new Set(before);
  for (const path of listObjectPaths(repo.path)) if (!known.has(path)) repo.objects.unlink(path);
}

describe('choosing', () => {
  it('takes no delta from nothing for a ref that is here', async () => {
    const source = makeSource(['--empty']);
    await using server = await serveDirectory(source.path);
    using repo = makeTarget('bare', server.url);
    await pullFirst(repo, source);
    server.log.length = 0;
    await pullRef(repo);
    expect(askedOf(server, '/deltas/')).toEqual([]);
  });

  it('refuses where a delta is required and there is none, or the repo is an archive', async () => {
    const source = makeSource([]);
    await using server = await serveDirectory(source.path);
    using repo = makeTarget('bare', server.url);
    await expect(pullRef(repo, { staticDeltas: 'require' })).rejects.toMatchObject({ code: 'NotFound' });
    const path = join(makeTempDir(), 'repo');
    initRepo(path, { mode: 'archive' })[Symbol.dispose]();
    using archive = openRepo(path);
    addRemote(archive, { name: 'origin', url: server.url, settings: new Map([['gpg-verify', 'false']]) });
    await expect(pullRef(archive, { staticDeltas: 'require' })).rejects.toMatchObject({ code: 'NotSupported' });
    await pullRef(archive);
    expect(judged(path, `origin:${ref}`)).toBe(judged(source.path, ref));
    expect(askedOf(server, '/deltas/')).toEqual([]);
    using delta = openDeltaFile(source.delta);
    await expect(applyOfflineDelta(archive, delta, createJob())).rejects.toMatchObject({ code: 'NotSupported' });
  });

  it('finds deltas in the index where the summary names none or is not needed', async () => {
    const source = makeSource([]);
    ostree(`--repo=${source.path}`, 'config', 'set', 'core.no-deltas-in-summary', 'true');
    ostree(`--repo=${source.path}`, 'summary', '-u');
    await using server = await serveDirectory(source.path);
    for (const options of [{}, { overrideCommits: new Map([[ref, source.v2]]) }]) {
      using repo = makeTarget('bare', server.url);
      await pullFirst(repo, source);
      await pullRef(repo, { ...options, staticDeltas: 'require' });
      expect(judged(repo.path, `origin:${ref}`)).toBe(judged(source.path, ref));
    }
    expect(askedOf(server, '/delta-indexes/').length).toBe(2);
  });
});

describe('ostree static-delta', () => {
  it('lists and shows what the real one does', async () => {
    const source = makeSource(['--min-fallback-size=1', '--swap-endianness']);
    ostree(`--repo=${source.path}`, 'static-delta', 'generate', '--empty', ref);
    const names = ostree(`--repo=${source.path}`, 'static-delta', 'list');
    const lines = (text: string): string[] => text.split('\n').toSorted();
    expect(lines(await ourOstree(`--repo=${source.path}`, 'static-delta', 'list'))).toEqual(lines(names));
    for (const name of names.trim().split('\n')) {
      const show = [`--repo=${source.path}`, 'static-delta', 'show', name];
      expect(await ourOstree(...show)).toBe(ostree(...show));
    }
  });

  it('applies the single file that the real one writes', async () => {
    const source = makeSource([]);
    const file = join(makeTempDir(), 'delta');
    ostree(`--repo=${source.path}`, 'static-delta', 'generate', '--inline', `--filename=${file}`, ref);
    using repo = makeTarget('bare');
    ostree(`--repo=${repo.path}`, 'pull-local', source.path, source.v1);
    await ourOstree(`--repo=${repo.path}`, 'static-delta', 'apply-offline', file);
    ostree(`--repo=${repo.path}`, 'refs', `--create=${ref}`, source.v2);
    expect(judged(repo.path, ref)).toBe(judged(source.path, ref));
  });

  it('refuses by name what is not built, and never takes a delta whose signature it was asked to check', async () => {
    const source = makeSource([]);
    using repo = makeTarget('bare');
    const apply = [`--repo=${repo.path}`, 'static-delta', 'apply-offline'];
    const signed = await tryOurOstree([...apply, '--sign-type=ed25519', source.delta]);
    expect(signed.stderr).toContain('signature of a static delta is not built yet');
    ostree(`--repo=${repo.path}`, 'config', 'set', 'core.sign-verify-deltas', 'true');
    expect((await tryOurOstree([...apply, source.delta])).status).toBe(1);
    expect((await tryOurOstree([`--repo=${repo.path}`, 'static-delta', 'generate', ref])).stderr).toContain(
      'not built yet',
    );
    expect(listObjectPaths(repo.path)).toEqual([]);
  });
});
