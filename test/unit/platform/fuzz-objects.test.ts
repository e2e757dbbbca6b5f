import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { checksumFromBytes, isAtomicError, type Checksum } from '../../../src/base/index.ts';
import {
  decodeDirMeta,
  decodeDirTree,
  decodeFilezHeader,
  encodeDirMeta,
  encodeDirTree,
  encodeFileMeta,
  encodeFilezHeader,
  decodeFileMeta,
  encodeFileHeader,
  fileTypeMask,
  isSymlinkHeader,
  objectPath,
  symlinkType,
  type FileHeader,
} from '../../../src/format/index.ts';
import {
  checkoutTree,
  Dir,
  importObjects,
  ingestFilez,
  ingestFilezFd,
  ingestTree,
  listObjects,
  removeTrees,
  sys,
  verifyObjects,
} from '../../../src/platform/index.ts';

/** How many damaged objects of each kind are tried; more with FUZZ_RUNS. */
const runs = Number(process.env['FUZZ_RUNS'] ?? 400);
const seed = Number(process.env['FUZZ_SEED'] ?? 20_240_229);

/** A small reproducible generator of 32-bit numbers (xorshift), so that a failing run can be repeated. */
function makeRandom(start: number): (below: number) => number {
  let state = start | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

type Random = (below: number) => number;

/** Bytes that tend to break framing, lengths and names. */
const awkward = [0, 1, 2, 3, 4, 8, 0x2e, 0x2f, 0x7f, 0x80, 0xc0, 0xed, 0xfe, 0xff];

/** None to four edits: a bit flipped, a byte set, a stretch removed, doubled or taken from elsewhere, the end cut off. */
function damaged(source: Uint8Array, random: Random): Uint8Array {
  let bytes = Buffer.from(source);
  for (let edits = random(5); edits > 0; edits -= 1) {
    const at = random(bytes.length + 1);
    const length = 1 + random(16);
    const before = bytes.subarray(0, at);
    const after = bytes.subarray(at);
    const kind = random(7);
    if (kind === 0 && at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
    else if (kind === 1 && at < bytes.length) bytes[at] = awkward[random(awkward.length)] ?? 0;
    else if (kind === 2) bytes = Buffer.concat([before, after.subarray(length)]);
    else if (kind === 3) bytes = Buffer.concat([before, after.subarray(0, length), after]);
    else if (kind === 4) bytes = Buffer.concat([before, Buffer.from([awkward[random(awkward.length)] ?? 0]), after]);
    else if (kind === 5) bytes = Buffer.concat([before, bytes.subarray(random(bytes.length + 1))]);
    else bytes = Buffer.from(before);
  }
  return new Uint8Array(bytes);
}

const place = {} as { path: string; dir: Dir; objects: Dir; staging: Dir; checkouts: Dir };
const noXattrs = { uid: 0, gid: 0, xattrs: [] };
const xattrs = [
  { name: 'user.one', value: new Uint8Array([1, 2, 3]) },
  { name: 'user.two', value: new Uint8Array(300).fill(7) },
];

beforeAll(() => {
  place.path = mkdtempSync(join(tmpdir(), 'atomic-fuzz-'));
  for (const name of ['objects', 'staging', 'checkouts']) mkdirSync(join(place.path, name));
  place.dir = Dir.open(place.path);
  place.objects = place.dir.openDir('objects');
  place.staging = place.dir.openDir('staging');
  place.checkouts = place.dir.openDir('checkouts');
});

afterAll(() => {
  for (const dir of [place.objects, place.staging, place.checkouts, place.dir]) dir[Symbol.dispose]();
  rmSync(place.path, { recursive: true, force: true });
});

/** As `fileChecksum` of `format`, with Node's faster SHA-256. */
function fileChecksum(header: FileHeader, content: Uint8Array = new Uint8Array()): Checksum {
  const hash = createHash('sha256').update(encodeFileHeader(header));
  return checksumFromBytes((isSymlinkHeader(header) ? hash : hash.update(content)).digest());
}

const sha256 = (bytes: Uint8Array): Checksum => checksumFromBytes(createHash('sha256').update(bytes).digest());

function put(type: 'dirtree' | 'dirmeta' | 'file', bytes: Uint8Array, checksum: Checksum = sha256(bytes)): Checksum {
  place.objects.ensureDir(checksum.slice(0, 2));
  place.objects.writeFile(objectPath(checksum, type, true), bytes);
  return checksum;
}

/** The archive object of a file and its checksum. */
function filez(
  content: Uint8Array,
  more: { mode?: number; symlinkTarget?: string; xattrs?: typeof xattrs } = {},
): { checksum: Checksum; bytes: Uint8Array } {
  const header = { ...noXattrs, mode: 0o100644, symlinkTarget: '', ...more };
  const packed = header.symlinkTarget === '' ? deflateRawSync(content) : Buffer.alloc(0);
  const bytes = Buffer.concat([encodeFilezHeader(header, content.length), packed]);
  return { checksum: fileChecksum(header, content), bytes: new Uint8Array(bytes) };
}

const files = [
  filez(Buffer.from('hello\n')),
  filez(Buffer.alloc(0)),
  filez(Buffer.alloc(300_000, 'abc'), { xattrs, mode: 0o104755 }),
  filez(Buffer.alloc(1_300_000, 'large ')),
  filez(Buffer.alloc(0), { mode: 0o120777, symlinkTarget: '../../outside' }),
];

/** What a decoder of ours and the addon say about the same bytes is compared: `undefined` for a refusal. */
function accepted<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (isAtomicError(error, 'InvalidFormat', 'LimitExceeded')) return undefined;
    throw error;
  }
}

/** The checksum that the bytes of an archive object have, by the TypeScript decoder and Node's zlib. */
function checksumOf(bytes: Uint8Array): Checksum | undefined {
  return accepted(() => {
    const { header, sizeBytes, headerBytes } = decodeFilezHeader(bytes);
    const rest = bytes.subarray(headerBytes);
    if (header.symlinkTarget !== '') return rest.length === 0 ? fileChecksum(header) : undefined;
    try {
      const { buffer, engine } = inflateRawSync(rest, { info: true, maxOutputLength: 4 << 20 }) as unknown as {
        buffer: Buffer;
        engine: { bytesWritten: number };
      };
      const whole = buffer.length === sizeBytes && engine.bytesWritten === rest.length;
      return whole ? fileChecksum(header, new Uint8Array(buffer)) : undefined;
    } catch {
      return undefined;
    }
  });
}

/** How an asynchronous call ended: the code of its error, `ok` for none. Anything but an `AtomicError` is a defect. */
async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'ok';
  } catch (error) {
    if (isAtomicError(error)) return error.code;
    throw error;
  }
}

class Counts {
  readonly #counts = new Map<string, number>();

  add(key: string): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  keys(): readonly string[] {
    return [...this.#counts.keys()];
  }

  get(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  print(title: string): void {
    const told = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, count]) => `${key} ${count}`);
    process.stdout.write(`fuzz ${title} (seed ${seed}): ${told.join(', ')}\n`);
  }
}

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

async function checkOut(rootTree: Checksum, rootMeta: Checksum, signal?: AbortSignal): Promise<string> {
  const { objects, checkouts: destination } = place;
  const request = {
    objects,
    mode: 'archive' as const,
    destination,
    name: 'out',
    rootTree,
    rootMeta,
    how: 'copy' as const,
  };
  const outcome = await outcomeOf(checkoutTree(request, { signal, threads: 2 }));
  await destination.removeTree('out');
  return outcome;
}

type Item = { readonly checksum: Checksum; readonly data: Uint8Array };
type Target = Parameters<typeof ingestFilezFd>[1];

/** As `ingestFilez`, through files. */
async function ingestThroughFiles(dir: Dir, items: readonly Item[], target: Target) {
  const opened = items.map(({ checksum, data }) => {
    const fd = sys.tmpfile(dir.fd, 0o600);
    if (data.length > 0) sys.write(fd, data);
    return { checksum, fd };
  });
  try {
    return await ingestFilezFd(opened, target);
  } finally {
    for (const { fd } of opened) sys.close(fd);
  }
}

/** Puts a damaged file object into `objects`; `valid` says whether it is what its name says. */
function putDamaged(
  objects: Dir,
  mode: 'archive' | 'bare-user' | 'bare',
  random: Random,
): { checksum: Checksum; path: string; valid: boolean } {
  const content = new Uint8Array(Buffer.from('content '.repeat(1 + random(3))));
  const header = { uid: 0, gid: 0, mode: 0o100644, symlinkTarget: '', xattrs: [] };
  const right = fileChecksum(header, content);
  const object: { bytes: Uint8Array; meta: Uint8Array; checksum: Checksum; actual: Checksum | undefined } = {
    bytes: content,
    meta: encodeFileMeta(header),
    checksum: right,
    actual: right,
  };
  if (mode === 'archive') {
    object.bytes = damaged((files[random(3)] ?? filez(content)).bytes, random);
    object.actual = checksumOf(object.bytes);
  } else if (mode === 'bare-user' && random(2) === 0) {
    object.meta = damaged(encodeFileMeta({ ...header, xattrs: random(2) === 0 ? xattrs : [] }), random);
    const meta = accepted(() => decodeFileMeta(object.meta));
    // A symlink's content is its target.
    const symlinkTarget =
      meta !== undefined && (meta.mode & fileTypeMask) === symlinkType ? Buffer.from(content).toString() : '';
    object.actual = meta === undefined ? undefined : fileChecksum({ ...meta, symlinkTarget }, content);
  } else {
    object.bytes = damaged(content, random);
    object.actual = fileChecksum(header, object.bytes);
  }
  if (object.actual !== undefined && random(2) === 0) object.checksum = object.actual;
  const path = objectPath(object.checksum, 'file', mode === 'archive');
  objects.ensureDir(path.slice(0, 2));
  objects.writeFile(path, object.bytes, 0o644);
  if (mode === 'bare-user') sys.lsetxattr(objects.fd, path, 'user.ostreemeta', object.meta);
  return { checksum: object.checksum, path, valid: object.actual === object.checksum };
}

/** A source tree, and a tree of 4,096 directories made of twelve dirtrees. */
const scene = {} as { root: Checksum; meta: Checksum; names: readonly string[]; checksums: readonly Checksum[] };

function makeAbortScene(random: Random): void {
  const at = (name: string): string => join(place.path, 'source', name);
  mkdirSync(at(''));
  for (let index = 0; index < 200; index += 1) {
    const directory = at(`d${index % 7}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `f${index}`), Buffer.alloc(random(5000), index));
    if (index % 9 === 0) symlinkSync('/etc/passwd', join(directory, `l${index}`));
  }
  writeFileSync(at('large'), Buffer.alloc(5 << 20, 'large'));
  for (const { checksum, bytes } of files) put('file', bytes, checksum);
  scene.meta = put('dirmeta', encodeDirMeta({ ...noXattrs, mode: 0o40755 }));
  const entries = files.map(({ checksum }, index) => ({ name: `f${index}`, checksum }));
  scene.root = put('dirtree', encodeDirTree({ files: entries.slice(0, 2), directories: [] }));
  for (let depth = 0; depth < 12; depth += 1) {
    const directories = ['a', 'b'].map((name) => ({ name, tree: scene.root, meta: scene.meta }));
    scene.root = put('dirtree', encodeDirTree({ files: [], directories }));
  }
  scene.checksums = Array.from({ length: 300 }, (_, index) => files[index % files.length]?.checksum ?? scene.meta);
  scene.names = scene.checksums.map((checksum) => objectPath(checksum, 'file', true));
}

/** Starts one call, aborts it after a few milliseconds and counts how it ended. */
async function abortOne(name: string, { random, counts, source }: { random: Random; counts: Counts; source: Dir }) {
  const controller = new AbortController();
  const options = { signal: controller.signal, threads: 1 + random(4) };
  const { objects, dir } = place;
  dir.makeDir(`s-${name}`);
  using staging = dir.openDir(`s-${name}`);
  const mode = 'archive' as const;
  const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
    [
      'checkoutTree',
      () =>
        checkoutTree(
          { objects, mode, destination: staging, name: 'out', rootTree: scene.root, rootMeta: scene.meta, how: 'copy' },
          options,
        ),
    ],
    ['ingestTree', () => ingestTree({ source, objects: staging, staging, mode: 'bare' }, options)],
    [
      'ingestFilez',
      () =>
        ingestFilez(
          scene.checksums.map((checksum, index) => ({
            checksum,
            data: files[index % files.length]?.bytes ?? new Uint8Array(),
          })),
          { objects: staging, staging, mode: 'bare' },
          options,
        ),
    ],
    ['verifyObjects', () => verifyObjects({ objects, mode, checksums: scene.checksums }, options)],
    [
      'importObjects',
      () =>
        importObjects(
          { from: objects, objects: staging, staging, mode, names: scene.names, how: 'copy', verify: true },
          options,
        ),
    ],
    ['listObjects', () => listObjects(objects, options)],
  ];
  const [title, start] = calls[random(calls.length)] ?? ['none', () => Promise.resolve()];
  const running = outcomeOf(start());
  const timer = setTimeout(() => controller.abort(), random(12));
  counts.add(`${title} ${await running}`);
  clearTimeout(timer);
  await removeTrees(dir, [`s-${name}`], { threads: 1 + random(4) });
}

describe('hostile bytes given to the addon', () => {
  it('checks out a damaged dirtree or dirmeta as the decoder understands it, or refuses it', async () => {
    const random = makeRandom(seed);
    const counts = new Counts();
    for (const { checksum, bytes } of files) put('file', bytes, checksum);
    const metas = [
      encodeDirMeta({ ...noXattrs, mode: 0o40755 }),
      encodeDirMeta({ uid: 7, gid: 8, mode: 0o42770, xattrs }),
    ];
    const [meta] = metas.map((bytes) => put('dirmeta', bytes));
    const empty = put('dirtree', encodeDirTree({ files: [], directories: [] }));
    if (meta === undefined) throw new Error('unreachable');
    const named = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, index) => ({
        name: `${prefix}${index}`,
        checksum: files[index % 5]?.checksum ?? empty,
      }));
    const trees = [
      encodeDirTree({ files: named('f', 3), directories: [{ name: 'sub', tree: empty, meta }] }),
      encodeDirTree({ files: named('much-longer-name-', 9), directories: [] }),
    ];
    for (let run = 0; run < runs; run += 1) {
      const isTree = random(3) > 0;
      const bytes = damaged((isTree ? trees : metas)[random(2)] ?? new Uint8Array(), random);
      const checksum = put(isTree ? 'dirtree' : 'dirmeta', bytes);
      const outcome = await (isTree ? checkOut(checksum, meta) : checkOut(empty, checksum));
      const ours = accepted(() => (isTree ? decodeDirTree(bytes) : decodeDirMeta(bytes)));
      counts.add(`${isTree ? 'dirtree' : 'dirmeta'} ${ours === undefined ? 'invalid' : 'valid'}: ${outcome}`);
      expect([ours !== undefined, outcome], Buffer.from(bytes).toString('hex')).not.toEqual([false, 'ok']);
      place.objects.unlink(objectPath(checksum, isTree ? 'dirtree' : 'dirmeta', true));
      if (!isTree) put('dirmeta', metas[0] ?? bytes);
      else put('dirtree', encodeDirTree({ files: [], directories: [] }));
    }
    counts.print('checkoutTree');
    expect(counts.get('dirtree valid: ok')).toBeGreaterThan(0);
    expect(counts.get('dirtree invalid: CorruptObject')).toBeGreaterThan(0);
    expect(readdirSync(place.path).sort()).toEqual(['checkouts', 'objects', 'staging']);
    expect(readdirSync(join(place.path, 'checkouts'))).toEqual([]);
  });

  it('stores a damaged archive object only under the checksum it really has', async () => {
    const random = makeRandom(seed + 1);
    const counts = new Counts();
    using none = Dir.open(mkdtempSync(join(place.path, 'none-')));
    for (const mode of ['archive', 'bare', 'bare-user'] as const) {
      for (let run = 0; run < runs; run += 16) {
        const items = Array.from({ length: 16 }, () => {
          const source = files[random(4) === 0 ? random(5) : random(2)] ?? filez(Buffer.alloc(0));
          const data = damaged(source.bytes, random);
          const actual = checksumOf(data);
          return { data, actual, checksum: random(2) === 0 && actual !== undefined ? actual : source.checksum };
        });
        using staging = Dir.open(mkdtempSync(join(place.path, 'staging-')));
        const target = { objects: none, staging, mode };
        const results =
          random(2) === 0 ? await ingestFilez(items, target) : await ingestThroughFiles(staging, items, target);
        for (const [index, { status }] of results.entries()) {
          const item = items[index];
          const right = item?.actual === item?.checksum;
          counts.add(`${mode} ${right ? 'right' : 'wrong'}: ${status}`);
          expect([right, status], Buffer.from(item?.data ?? []).toString('hex')).not.toEqual([true, 'corrupt']);
          expect([right, status], Buffer.from(item?.data ?? []).toString('hex')).not.toEqual([false, 'stored']);
        }
        const stored = items.filter((_, index) => results[index]?.status === 'stored').map(({ checksum }) => checksum);
        const verdicts = await verifyObjects({ objects: staging, mode, checksums: stored });
        expect(new Set(verdicts.map(({ status }) => status))).toEqual(new Set(stored.length > 0 ? ['ok'] : []));
        rmSync(staging.path, { recursive: true });
      }
    }
    counts.print('ingestFilez');
    expect(counts.get('bare right: stored')).toBeGreaterThan(0);
    expect(counts.get('bare wrong: corrupt')).toBeGreaterThan(0);
    rmSync(none.path, { recursive: true });
  });

  it('verifies and imports damaged objects of every mode without being misled', async () => {
    const random = makeRandom(seed + 2);
    const counts = new Counts();
    for (const mode of ['archive', 'bare-user', 'bare'] as const) {
      using objects = Dir.open(mkdtempSync(join(place.path, 'verify-')));
      using staging = Dir.open(mkdtempSync(join(place.path, 'import-')));
      using none = Dir.open(mkdtempSync(join(place.path, 'none-')));
      for (let run = 0; run < runs; run += 1) {
        const { checksum, path, valid } = putDamaged(objects, mode, random);
        const [verdict] = await verifyObjects({ objects, mode, checksums: [checksum] });
        counts.add(`${mode} ${valid}: ${verdict?.status}`);
        expect(verdict?.status === 'ok', path).toBe(valid);
        const names = [path];
        const request = { from: objects, objects: none, staging, mode, names, how: 'copy' as const, verify: true };
        const imported = await outcomeOf(importObjects(request));
        expect([verdict?.status, imported], path).toContain(imported === 'ok' ? 'ok' : imported);
        expect(imported === 'ok').toBe(verdict?.status === 'ok');
        staging.unlink(path);
        objects.unlink(path);
      }
      for (const dir of [objects, staging, none]) rmSync(dir.path, { recursive: true });
    }
    counts.print('verifyObjects, importObjects');
    expect(counts.get('archive true: ok')).toBeGreaterThan(0);
  });

  it('lists only what is named like an object', async () => {
    const random = makeRandom(seed + 3);
    using objects = Dir.open(mkdtempSync(join(place.path, 'list-')));
    const name = `ab/${'c'.repeat(62)}.dirtree`;
    let objectsMade = 0;
    const wanted =
      /^[0-9a-f]{2}\/[0-9a-f]{62}\.(?:filez?|dirtree|dirmeta|commit|tombstone-commit|commitmeta|payload-link)$/;
    for (let run = 0; run < Math.min(runs, 500); run += 1) {
      const odd = Buffer.from(damaged(Buffer.from(name), random))
        .toString('latin1')
        .replaceAll('\0', '~');
      const [top = '', ...rest] = odd.split('/');
      if (rest.length !== 1 || [top, rest[0]].some((part) => part === '' || part === '.' || part === '..')) continue;
      objects.ensureDir(top);
      if (objects.exists(odd)) continue;
      objects.writeFile(odd, '');
      if (wanted.test(odd)) objectsMade += 1;
    }
    expect((await listObjects(objects)).length).toBe(objectsMade);
    rmSync(objects.path, { recursive: true });
  });

  it('ends aborted calls, leaves no descriptor open and nothing outside its place', async () => {
    const random = makeRandom(seed + 4);
    const counts = new Counts();
    makeAbortScene(random);
    using source = place.dir.openDir('source');
    const listed = await ingestTree({ source, objects: place.objects, staging: place.staging, mode: 'archive' });
    expect(listed.stats.files).toBeGreaterThan(100);
    const before = openDescriptors();
    for (let run = 0; run < Math.max(runs / 15, 50); run += 1) {
      await Promise.all([0, 1, 2].map((index) => abortOne(`${run}-${index}`, { random, counts, source })));
    }
    counts.print('aborts');
    expect(openDescriptors()).toBe(before);
    expect(counts.keys().filter((key) => !/(?:ok|Cancelled)$/.test(key))).toEqual([]);
  });
});
