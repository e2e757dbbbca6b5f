import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isAtomicError, parseChecksum, type Checksum } from '../../../src/base/index.ts';
import {
  encodeDeltaPayload,
  encodeDirMeta,
  encodeDirTree,
  fileChecksum,
  sha256Checksum,
  type DeltaPayload,
  type FileHeader,
} from '../../../src/format/index.ts';
import {
  applyDeltaPart,
  decodeXz,
  Dir,
  ingestFilez,
  mutationCount,
  verifyObjects,
} from '../../../src/platform/index.ts';
import { createRandom } from '../../support/random-tree.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

// "hello\n", mode 0644, root, no attributes; as a server sends it.
const hello = parseChecksum('44f778e59f0a4748d6b0c90a47347212a231c4ad1e8f7ea5c5dffc7749153a6b');
const helloFilez = Buffer.from(
  '0000001a0000000000000000000000060000000000000000000081a4000000000019cb48cdc9c9e70200',
  'hex',
);

const types = { file: 1, dirtree: 2, dirmeta: 3, commit: 4 } as const;
type Mode = 'bare' | 'bare-user';

interface Place extends Disposable {
  readonly path: string;
  readonly objects: Dir;
  readonly staging: Dir;
  readonly mode: Mode;
}

/** A repo's two directories, with "hello\n" among the objects. */
async function makePlace(mode: Mode = 'bare'): Promise<Place> {
  const path = makeTempDir();
  for (const name of ['objects', 'staging']) mkdirSync(join(path, name));
  const objects = Dir.open(join(path, 'objects'));
  const staging = Dir.open(join(path, 'staging'));
  await ingestFilez([{ checksum: hello, data: helloFilez }], { objects: staging, staging: objects, mode });
  return {
    path,
    objects,
    staging,
    mode,
    [Symbol.dispose]: () => {
      objects[Symbol.dispose]();
      staging[Symbol.dispose]();
    },
  };
}

type Item = number | string;
interface Made {
  readonly type: keyof typeof types;
  readonly checksum: Checksum;
}

/** Operations from letters and numbers. */
function operations(...items: readonly Item[]): Uint8Array {
  const bytes = items.flatMap((item) => {
    if (typeof item === 'string') return [item.charCodeAt(0)];
    const digits: number[] = [];
    let rest = item;
    do {
      digits.push((rest % 128) + (rest >= 128 ? 128 : 0));
      rest = Math.floor(rest / 128);
    } while (rest > 0);
    return digits;
  });
  return new Uint8Array(bytes);
}

function recordsOf(objects: readonly Made[]): Uint8Array {
  return new Uint8Array(
    Buffer.concat(objects.map(({ type, checksum }) => Buffer.from(`0${types[type]}${checksum}`, 'hex'))),
  );
}

const uncompressed = (payload: Uint8Array): Uint8Array => new Uint8Array(Buffer.concat([Buffer.from([0]), payload]));

interface Part {
  readonly payload: DeltaPayload;
  readonly makes: readonly Made[];
  readonly contentBytes: number;
}

function apply(place: Place, { payload, makes, contentBytes }: Part, part?: Uint8Array) {
  return applyDeltaPart({
    part: { data: part ?? uncompressed(encodeDeltaPayload(payload)) },
    checksum: undefined,
    records: recordsOf(makes),
    maxContentBytes: contentBytes,
    maxPayloadBytes: 1 << 20,
    objects: place.objects,
    staging: place.staging,
    mode: place.mode,
  });
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return isAtomicError(error) ? error.code : String(error);
  }
  return 'accepted';
}

/** The names of the objects in a staging. */
const staged = (place: Place): string[] => {
  const root = join(place.path, 'staging');
  return readdirSync(root)
    .flatMap((prefix) => readdirSync(join(root, prefix)).map((name) => `${prefix}/${name}`))
    .toSorted();
};

const header = (over: Partial<FileHeader> = {}): FileHeader => ({
  uid: 0,
  gid: 0,
  mode: 0o100644,
  symlinkTarget: '',
  xattrs: [],
  ...over,
});

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value < 0 ? (1n << 63n) | BigInt(-value) : BigInt(value));
  return bytes;
};

/** One step of a patch. */
const step = (diff: Uint8Array, extra: Uint8Array, seek: number): Buffer =>
  Buffer.concat([word(diff.length), word(extra.length), word(seek), diff, extra]);

const attributes = [{ name: 'user.note', value: new Uint8Array(Buffer.from('kept')) }];
const dirMeta = encodeDirMeta({ uid: 0, gid: 0, mode: 0o40755, xattrs: [] });
const dirTree = encodeDirTree({ files: [{ name: 'a', checksum: hello }], directories: [] });
const hello2 = fileChecksum(header(), Buffer.from('hello2\n'));
const spliced = fileChecksum(header({ mode: 0o104755, uid: 3, xattrs: attributes }), Buffer.from('whole'));
const pieced = fileChecksum(header(), Buffer.from('ello!hello\n'));
const link = fileChecksum(header({ mode: 0o120777, symlinkTarget: 'whole' }));
// 'hello' unchanged, '\n' and what lies behind the old file become '2\n'.
const patch = step(new Uint8Array([0, 0, 0, 0, 0, 0x32 - 0x0a]), Buffer.from('\n'), 0);

/** A part with one object of each kind, made in each way there is. */
function samplePart(): Part {
  const pieces = [dirTree, dirMeta, Buffer.from('whole'), Buffer.from(hello, 'hex'), patch, Buffer.from('!')];
  const at = pieces.map((_, index) => pieces.slice(0, index).reduce((sum, { length }) => sum + length, 0));
  const [tree = 0, meta = 0, whole = 0, old = 0, change = 0, mark = 0] = at;
  const wholes = ['S', dirTree.length, tree, 'S', dirMeta.length, meta, 'S', 1, 1, 5, whole, 'S', 2, 0, 5, whole];
  const patched = ['r', old, 'o', 0, 0, 7, 'B', change, patch.length, 'c', 'R'];
  const joined = ['o', 0, 0, 11, 'r', old, 'w', 4, 1, 'R', 'w', 1, mark, 'r', old, 'w', 6, 0, 'c'];
  return {
    payload: {
      modes: [
        { uid: 0, gid: 0, mode: 0o100644 },
        { uid: 3, gid: 0, mode: 0o104755 },
        { uid: 0, gid: 0, mode: 0o120777 },
      ],
      xattrs: [[], attributes],
      data: new Uint8Array(Buffer.concat(pieces)),
      operations: operations(...wholes, ...patched, ...joined),
    },
    makes: [
      { type: 'dirtree', checksum: sha256Checksum(dirTree) },
      { type: 'dirmeta', checksum: sha256Checksum(dirMeta) },
      { type: 'file', checksum: spliced },
      { type: 'file', checksum: link },
      { type: 'file', checksum: hello2 },
      { type: 'file', checksum: pieced },
    ],
    contentBytes: dirTree.length + dirMeta.length + 5 + 7 + 11,
  };
}

describe.each(['bare', 'bare-user'] as const)('a part in a repo of mode %s', (mode) => {
  it('makes its objects whole, in every way there is', async () => {
    using place = await makePlace(mode);
    const before = mutationCount();
    expect(await apply(place, samplePart())).toEqual({ written: 6, present: 0, bytes: 5 + samplePart().contentBytes });
    expect(mutationCount()).toBeGreaterThan(before);
    expect(staged(place)).toHaveLength(6);
    const checksums = [spliced, link, hello2, pieced];
    expect(await verifyObjects({ objects: place.staging, mode, checksums })).toEqual(
      checksums.map(() => ({ status: 'ok' })),
    );
    const file = join(place.path, 'staging', `${hello2.slice(0, 2)}/${hello2.slice(2)}.file`);
    expect(readFileSync(file, 'utf8')).toBe('hello2\n');
    const whole = join(place.path, 'staging', `${spliced.slice(0, 2)}/${spliced.slice(2)}.file`);
    expect(statSync(whole).mode & 0o7777).toBe(mode === 'bare' ? 0o4755 : 0o755);
  });

  it('makes nothing a second time', async () => {
    using place = await makePlace(mode);
    await apply(place, samplePart());
    expect(await apply(place, samplePart())).toEqual({ written: 0, present: 6, bytes: 0 });
  });
});

/** A part that makes one file with these operations; its payload is "abcdef", the checksum of hello, and a patch. */
function filePart(ops: Uint8Array, over: Partial<Part> & { data?: Uint8Array } = {}): Part {
  const data = over.data ?? Buffer.concat([Buffer.from('abcdef'), Buffer.from(hello, 'hex'), patch]);
  return {
    payload: { ...samplePart().payload, data: new Uint8Array(data), operations: ops },
    makes: over.makes ?? [{ type: 'file', checksum: hello2 }],
    contentBytes: over.contentBytes ?? 1000,
  };
}

const huge = 2 ** 52;
const absent = Buffer.from('ee'.repeat(32), 'hex');
const treeOnly: readonly Made[] = [{ type: 'dirtree', checksum: sha256Checksum(dirTree) }];
const withPatch = (bytes: Buffer, newSize = 7): Part =>
  filePart(operations('r', 0, 'o', 0, 0, newSize, 'B', 32, bytes.length, 'c'), {
    data: Buffer.concat([Buffer.from(hello, 'hex'), bytes]),
  });

const hostile: readonly (readonly [what: string, part: Part, code: string])[] = [
  ['without operations', filePart(operations()), 'InvalidFormat'],
  ['with an unknown operation', filePart(operations('x')), 'InvalidFormat'],
  ['with a number that does not end', filePart(new Uint8Array([0x53, 0x80])), 'InvalidFormat'],
  ['with a number of 70 bits', filePart(new Uint8Array([0x72, ...Array<number>(10).fill(0xff)])), 'InvalidFormat'],
  ['that splices past the payload', filePart(operations('S', 0, 0, 1, 1000)), 'InvalidFormat'],
  ['that splices an end past the payload', filePart(operations('S', 0, 0, 900, 6)), 'InvalidFormat'],
  ['that splices with an offset that would wrap', filePart(operations('S', 0, 0, 9, huge)), 'InvalidFormat'],
  ['with a mode number past the table', filePart(operations('S', 3, 0, 1, 0)), 'InvalidFormat'],
  ['with an attribute number past the table', filePart(operations('S', 0, 2, 1, 0)), 'InvalidFormat'],
  ['that makes something else', filePart(operations('S', 0, 0, 6, 0)), 'CorruptObject'],
  [
    'that makes more than it lists',
    filePart(operations('S', 0, 0, 1, 0, 'S', 0, 0, 1, 0), { makes: [] }),
    'InvalidFormat',
  ],
  [
    'that makes a commit',
    filePart(operations('S', 1, 0), { makes: [{ type: 'commit', checksum: hello2 }] }),
    'InvalidFormat',
  ],
  ['with a symlink without target', filePart(operations('S', 2, 0, 0, 0)), 'InvalidFormat'],
  ['that opens a symlink', filePart(operations('o', 2, 0, 7)), 'InvalidFormat'],
  ['that opens a dirtree', filePart(operations('o', 0, 0, 7), { makes: treeOnly }), 'InvalidFormat'],
  ['that opens twice', filePart(operations('o', 0, 0, 7, 'o', 0, 0, 7)), 'InvalidFormat'],
  ['that splices into an open object', filePart(operations('o', 0, 0, 7, 'S', 0, 0, 1, 0)), 'InvalidFormat'],
  ['that leaves an object open', filePart(operations('o', 0, 0, 7)), 'InvalidFormat'],
  ['that closes nothing', filePart(operations('c')), 'InvalidFormat'],
  ['that writes nowhere', filePart(operations('w', 1, 0)), 'InvalidFormat'],
  ['that writes past the payload', filePart(operations('o', 0, 0, 7, 'w', 7, huge)), 'InvalidFormat'],
  ['that writes more than it opened', filePart(operations('o', 0, 0, 3, 'w', 4, 0)), 'InvalidFormat'],
  ['that writes less than it opened', filePart(operations('o', 0, 0, 9, 'w', 4, 0, 'c')), 'InvalidFormat'],
  ['that opens more than its superblock says', filePart(operations('o', 0, 0, 1001)), 'LimitExceeded'],
  ['that opens an impossible size', filePart(operations('o', 0, 0, huge)), 'LimitExceeded'],
  ['that reads a source outside the payload', filePart(operations('r', 1000)), 'InvalidFormat'],
  ['that reads past its source', filePart(operations('o', 0, 0, 9, 'r', 6, 'w', 7, 0)), 'InvalidFormat'],
  ['that reads past its source from afar', filePart(operations('o', 0, 0, 9, 'r', 6, 'w', 1, huge)), 'InvalidFormat'],
  [
    'that builds on what is not here',
    filePart(operations('o', 0, 0, 9, 'r', 0, 'w', 7, 0), { data: absent }),
    'MissingObject',
  ],
  ['that patches nothing', filePart(operations('o', 0, 0, 7, 'B', 38, patch.length)), 'InvalidFormat'],
  ['with a patch outside the payload', filePart(operations('r', 6, 'o', 0, 0, 7, 'B', 38, 900)), 'InvalidFormat'],
  ['with a patch that is cut off', filePart(operations('r', 6, 'o', 0, 0, 7, 'B', 38, 23, 'c')), 'InvalidFormat'],
  [
    'with a patch after content',
    filePart(operations('r', 6, 'o', 0, 0, 7, 'w', 1, 0, 'B', 38, 31, 'c')),
    'InvalidFormat',
  ],
  ['with a patch of negative length', withPatch(Buffer.concat([word(-1), word(9), word(0)])), 'InvalidFormat'],
  ['with a patch that makes too much', withPatch(step(new Uint8Array(9), new Uint8Array(), 0)), 'InvalidFormat'],
  [
    'with a patch that jumps out of the world',
    withPatch(
      Buffer.concat([step(new Uint8Array(1), new Uint8Array(), 2 ** 62), Buffer.from(`${'ff'.repeat(7)}7f`, 'hex')]),
    ),
    'InvalidFormat',
  ],
  [
    'with a patch that reads before and behind the old file',
    withPatch(
      Buffer.concat([step(new Uint8Array(2), new Uint8Array(), -100), step(new Uint8Array(5), new Uint8Array(), 0)]),
    ),
    'CorruptObject',
  ],
  [
    'with a dirtree that cannot be read',
    filePart(operations('S', 6, 0), { makes: [{ type: 'dirtree', checksum: sha256Checksum(Buffer.from('abcdef')) }] }),
    'InvalidFormat',
  ],
  ['with a dirtree under another name', filePart(operations('S', 6, 0), { makes: treeOnly }), 'CorruptObject'],
];

it.each(hostile)('a part %s is refused and leaves nothing', async (_, part, code) => {
  using place = await makePlace();
  expect(await codeOf(apply(place, part))).toBe(code);
  expect(staged(place)).toEqual([]);
});

it('a part is refused when its file is another one, empty, or compressed in an unknown way', async () => {
  using place = await makePlace();
  const part = samplePart();
  const wrong = applyDeltaPart({
    part: { data: uncompressed(encodeDeltaPayload(part.payload)) },
    checksum: hello,
    records: recordsOf(part.makes),
    maxContentBytes: part.contentBytes,
    maxPayloadBytes: 1 << 20,
    objects: place.objects,
    staging: place.staging,
    mode: 'bare',
  });
  expect(await codeOf(wrong)).toBe('CorruptObject');
  expect(await codeOf(apply(place, part, new Uint8Array()))).toBe('InvalidFormat');
  expect(await codeOf(apply(place, part, new Uint8Array([0x67, 1, 2])))).toBe('InvalidFormat');
  expect(await codeOf(apply(place, part, new Uint8Array([0x78, 1, 2])))).toBe('InvalidFormat');
  expect(await codeOf(apply(place, part, new Uint8Array((1 << 20) + 2)))).toBe('LimitExceeded');
  expect(staged(place)).toEqual([]);
});

// "hello\n" by xz with CRC64, as `printf 'hello\n' | xz` writes it.
const helloXz = Buffer.from(
  'fd377a585a000004e6d6b4460200210116000000742fe5a301000568656c6c6f0a000000a56097f194f6' +
    'fde000011e06c12fa41d1fb6f37d010000000004595a',
  'hex',
);

it('damages of a part end in a named error or in objects that have their checksums', { timeout: 120_000 }, async () => {
  const random = createRandom(20_260_101);
  const part = samplePart();
  const whole = uncompressed(encodeDeltaPayload(part.payload));
  const outcomes = new Map<string, number>();
  using place = await makePlace();
  for (let round = 0; round < 3000; round += 1) {
    const damaged = mutate(random, whole);
    const code = await codeOf(apply(place, part, damaged));
    expect(['accepted', 'InvalidFormat', 'LimitExceeded', 'CorruptObject', 'MissingObject']).toContain(code);
    outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
    await clear(place);
  }
  console.log(`3000 damaged parts: ${[...outcomes].map(([code, count]) => `${code} ${count}`).join(', ')}`);
  expect(outcomes.get('InvalidFormat')).toBeGreaterThan(500);
});

/** Checks what got in, then takes it out again. */
async function clear(place: Place): Promise<void> {
  const names = staged(place);
  const checksums = names
    .filter((name) => name.endsWith('.file'))
    .map((name) => parseChecksum(name.slice(0, 2) + name.slice(3, 65)));
  for (const result of await verifyObjects({ objects: place.staging, mode: 'bare', checksums })) {
    expect(result.status).toBe('ok');
  }
  for (const name of names) place.staging.unlink(name);
}

/** Changes, cuts, doubles or inserts a few bytes. */
function mutate(random: ReturnType<typeof createRandom>, bytes: Uint8Array): Uint8Array {
  let result = Buffer.from(bytes);
  for (let change = 0; change <= random.int(3); change += 1) {
    // The operations, at the end, are the most interesting.
    const at = random.chance(0.5) ? random.int(result.length) : Math.max(0, result.length - 1 - random.int(80));
    const kind = random.int(5);
    if (kind < 2) result[at] = random.int(256);
    else if (kind === 2) result[at] = (result[at] ?? 0) ^ (1 << random.int(8));
    else if (kind === 3)
      result = Buffer.concat([result.subarray(0, at), random.bytes(random.int(4)), result.subarray(at)]);
    else result = Buffer.concat([result.subarray(0, at), result.subarray(at + random.int(4))]);
  }
  return new Uint8Array(result);
}

describe('xz data', () => {
  const limits = { maxBytes: 100 };
  const text = async (data: Uint8Array): Promise<string> => Buffer.from(await decodeXz(data, limits)).toString();

  it('is decoded, several streams in a row too', async () => {
    expect(await text(helloXz)).toBe('hello\n');
    expect(await text(Buffer.concat([helloXz, helloXz]))).toBe('hello\nhello\n');
  });

  it('is refused when cut anywhere, damaged anywhere, too long, or too large in memory', async () => {
    for (let length = 0; length < helloXz.length; length += 1) {
      expect(await codeOf(decodeXz(helloXz.subarray(0, length), limits))).toBe('InvalidFormat');
    }
    for (let at = 0; at < helloXz.length; at += 1) {
      const damaged = Buffer.from(helloXz);
      damaged[at] = (damaged[at] ?? 0) ^ 0x11;
      expect(await codeOf(decodeXz(damaged, limits))).not.toBe('accepted');
    }
    expect(await codeOf(decodeXz(helloXz, { maxBytes: 5 }))).toBe('LimitExceeded');
    expect(await codeOf(decodeXz(helloXz, { ...limits, memoryLimitBytes: 1 << 16 }))).toBe('LimitExceeded');
    expect(await codeOf(decodeXz(Buffer.concat([helloXz, Buffer.from('more')]), limits))).toBe('InvalidFormat');
  });
});
