import { describe, expect, it } from 'vitest';
import type { Checksum } from '../../../src/base/index.ts';
import {
  commitVersion,
  decodeCommit,
  decodeDirMeta,
  decodeDirTree,
  decodeFileMeta,
  decodeFilezHeader,
  decodeSummary,
  encodeCommit,
  encodeDirMeta,
  encodeDirTree,
  encodeFileHeader,
  encodeFileMeta,
  encodeFilezHeader,
  encodeSummary,
  encodeVariant,
  filezHeaderLength,
  isTreeName,
  metadataString,
  metadataStrings,
  objectPath,
  parseObjectPath,
  swap32,
  variant,
  type Commit,
  type FileHeader,
  type VariantValue,
} from '../../../src/format/index.ts';

const a = 'a'.repeat(64) as Checksum;
const b = 'b'.repeat(64) as Checksum;
const raw = new Uint8Array(32);
const invalid: unknown = expect.objectContaining({ code: 'InvalidFormat' });
const tooMuch: unknown = expect.objectContaining({ code: 'LimitExceeded' });
const text = (value: string) => new TextEncoder().encode(value);
const regular: FileHeader = { uid: 0, gid: 0, mode: 0o100644, symlinkTarget: '', xattrs: [] };

describe('file headers', () => {
  it.each<[what: string, header: FileHeader]>([
    ['a directory', { ...regular, mode: 0o040755 }],
    ['a device', { ...regular, mode: 0o020600 }],
    ['a mode without a type', { ...regular, mode: 0o644 }],
    ['unknown mode bits', { ...regular, mode: 0o1100644 }],
    ['a negative mode', { ...regular, mode: -1 }],
    ['an owner that is no number of 32 bits', { ...regular, uid: 2 ** 32 }],
    ['a negative group', { ...regular, gid: -1 }],
    ['a symlink without a target', { ...regular, mode: 0o120777 }],
    ['a regular file with a target', { ...regular, symlinkTarget: 'x' }],
    ['a nameless attribute', { ...regular, xattrs: [{ name: '', value: raw }] }],
    ['an attribute twice', { ...regular, xattrs: ['x', 'x'].map((name) => ({ name, value: raw })) }],
  ])('refuse %s', (_what, header) => {
    expect(() => encodeFileHeader(header)).toThrow(invalid);
  });

  it('refuse a symlink target no kernel takes', () => {
    const header = { ...regular, mode: 0o120777, symlinkTarget: 'x'.repeat(4096) };
    expect(() => encodeFileHeader(header)).toThrow(tooMuch);
  });
});

describe('filez headers', () => {
  const good = encodeFilezHeader({ ...regular, xattrs: [{ name: 'user.a', value: text('one') }] }, 2 ** 40);

  it('read back, attributes and large sizes included', () => {
    const { header, sizeBytes, headerBytes } = decodeFilezHeader(Buffer.from(good));
    expect(header.xattrs).toEqual([{ name: 'user.a', value: text('one') }]);
    expect([sizeBytes, headerBytes]).toEqual([2 ** 40, good.length]);
    expect(filezHeaderLength(good.subarray(0, 8))).toBe(good.length);
  });

  it('are refused when cut short anywhere', () => {
    for (let length = 0; length < good.length; length++) {
      expect(() => decodeFilezHeader(good.subarray(0, length))).toThrow(invalid);
    }
  });

  it('are refused when they claim to be huge, before anything is read', () => {
    expect(() => filezHeaderLength(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0))).toThrow(tooMuch);
    expect(() => filezHeaderLength(Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 1))).toThrow(invalid);
    expect(() => encodeFilezHeader(regular, 2 ** 60)).toThrow(tooMuch);
    expect(() => encodeFilezHeader({ ...regular, mode: 0o120777, symlinkTarget: 'x' }, 1)).toThrow(invalid);
  });

  it.each<[what: string, value: readonly VariantValue[]]>([
    ['a device number', [0n, 0, 0, swap32(0o100644), 1, '', []]],
    ['a directory', [0n, 0, 0, swap32(0o040755), 0, '', []]],
    ['attributes out of order', [0n, 0, 0, swap32(0o100644), 0, '', ['b', 'a'].map((n) => [text(`${n}\0`), raw])]],
    ['an attribute twice', [0n, 0, 0, swap32(0o100644), 0, '', ['a', 'a'].map((n) => [text(`${n}\0`), raw])]],
    ['an unterminated attribute name', [0n, 0, 0, swap32(0o100644), 0, '', [[text('a'), raw]]]],
    ['an attribute name with a zero byte', [0n, 0, 0, swap32(0o100644), 0, '', [[text('a\0b\0'), raw]]]],
    ['an attribute name that is not UTF-8', [0n, 0, 0, swap32(0o100644), 0, '', [[Uint8Array.of(255, 0), raw]]]],
  ])('with %s are refused', (_what, value) => {
    const body = encodeVariant('(tuuuusa(ayay))', value);
    const bytes = new Uint8Array([0, 0, 0, body.length, 0, 0, 0, 0, ...body]);
    expect(() => decodeFilezHeader(bytes)).toThrow(invalid);
  });
});

describe('bare-user metadata and dirmeta', () => {
  it('read back what was written', () => {
    const meta = { uid: 1, gid: 2, mode: 0o104755, xattrs: [{ name: 'user.x', value: raw }] };
    expect(decodeFileMeta(encodeFileMeta(meta))).toEqual(meta);
    const directory = { ...meta, mode: 0o041777 };
    expect(decodeDirMeta(encodeDirMeta(directory))).toEqual(directory);
  });

  it('each refuse the other', () => {
    expect(() => decodeFileMeta(encodeDirMeta({ uid: 0, gid: 0, mode: 0o040755, xattrs: [] }))).toThrow(invalid);
    expect(() => decodeDirMeta(encodeFileMeta({ uid: 0, gid: 0, mode: 0o100644, xattrs: [] }))).toThrow(invalid);
    expect(() => decodeDirMeta(new Uint8Array())).toThrow(invalid);
  });
});

describe('dirtrees', () => {
  const tree = (files: readonly string[], directories: readonly string[]) =>
    encodeVariant('(a(say)a(sayay))', [files.map((name) => [name, raw]), directories.map((name) => [name, raw, raw])]);

  it('sort names by their UTF-8 bytes', () => {
    const names = ['😀', '\uFFEE', 'z', 'B', 'a'];
    const bytes = encodeDirTree({ files: names.map((name) => ({ name, checksum: a })), directories: [] });
    expect(decodeDirTree(bytes).files.map(({ name }) => name)).toEqual(['B', 'a', 'z', '\uFFEE', '😀']);
  });

  it.each(['', '.', '..', 'a/b', '/', 'x'.repeat(256), 'ä'.repeat(128)])('refuse the name %j', (name) => {
    expect(isTreeName(name)).toBe(false);
    expect(() => decodeDirTree(tree([name], []))).toThrow(invalid);
    expect(() => decodeDirTree(tree([], [name]))).toThrow(invalid);
    expect(() => encodeDirTree({ files: [{ name, checksum: a }], directories: [] })).toThrow(invalid);
  });

  it.each(['...', '..a', ' ', 'x'.repeat(255), 'ä'.repeat(127), '\n'])('take the name %j', (name) => {
    expect(decodeDirTree(tree([name], [])).files).toHaveLength(1);
  });

  it('refuse names out of order, twice, or both file and directory', () => {
    expect(() => decodeDirTree(tree(['b', 'a'], []))).toThrow(invalid);
    expect(() => decodeDirTree(tree(['a', 'a'], []))).toThrow(invalid);
    expect(() => decodeDirTree(tree([], ['b', 'a']))).toThrow(invalid);
    expect(() => decodeDirTree(tree(['a', 'b', 'c'], ['B', 'c']))).toThrow(/both a file and a directory/);
    expect(() =>
      encodeDirTree({ files: [], directories: ['x', 'x'].map((name) => ({ name, tree: a, meta: b })) }),
    ).toThrow(invalid);
    expect(decodeDirTree(tree(['a', 'c'], ['b', 'd'])).directories).toHaveLength(2);
  });

  it('refuse a checksum of another length', () => {
    const bytes = encodeVariant('(a(say)a(sayay))', [[['a', new Uint8Array(31)]], []]);
    expect(() => decodeDirTree(bytes)).toThrow(invalid);
  });
});

describe('commits', () => {
  const commit: Commit = {
    metadata: new Map([
      ['version', variant('s', '1.2')],
      ['ostree.ref-binding', variant('as', ['a', 'b'])],
      ['n', variant('u', 1)],
    ]),
    parent: b,
    subject: 's',
    body: '',
    timestampSeconds: 2 ** 40,
    rootTree: a,
    rootMeta: b,
  };

  it('read back what was written', () => {
    expect(decodeCommit(encodeCommit(commit))).toEqual(commit);
  });

  it('give metadata of the asked type only', () => {
    expect(commitVersion(commit)).toBe('1.2');
    expect(metadataString(commit, 'n')).toBeUndefined();
    expect(metadataString(commit, 'none')).toBeUndefined();
    expect(metadataStrings(commit, 'ostree.ref-binding')).toEqual(['a', 'b']);
    expect(metadataStrings(commit, 'version')).toBeUndefined();
  });

  const type = '(a{sv}aya(say)sstayay)';
  it.each<[what: string, value: readonly VariantValue[]]>([
    ['a short parent', [new Map(), new Uint8Array(3), [], '', '', 0n, raw, raw]],
    ['a short root', [new Map(), new Uint8Array(), [], '', '', 0n, new Uint8Array(), raw]],
    ['a root without dirmeta', [new Map(), new Uint8Array(), [], '', '', 0n, raw, new Uint8Array()]],
    ['related objects', [new Map(), new Uint8Array(), [['x', raw]], '', '', 0n, raw, raw]],
    ['a timestamp beyond counting', [new Map(), new Uint8Array(), [], '', '', 2n ** 64n - 1n, raw, raw]],
  ])('with %s are refused', (_what, value) => {
    expect(() => decodeCommit(encodeVariant(type, value))).toThrow(invalid);
  });

  it('refuse to be written with a time that is none', () => {
    expect(() => encodeCommit({ ...commit, timestampSeconds: -1 })).toThrow(invalid);
    expect(() => encodeCommit({ ...commit, timestampSeconds: 0.5 })).toThrow(invalid);
  });
});

describe('summaries', () => {
  const ref = { checksum: a, commitSizeBytes: 94, metadata: new Map([['x', variant('s', 'y')]]) };
  const type = '(a(s(taya{sv}))a{sv})';
  const refs = (...names: readonly string[]) => [names.map((name) => [name, [94n, raw, new Map()]]), new Map()];

  it('sort their refs and read back', () => {
    const metadata = new Map([['ostree.summary.mode', variant('s', 'archive-z2')]]);
    const summary = { refs: new Map(['b', 'a', 'c'].map((name) => [name, ref])), metadata };
    const read = decodeSummary(encodeSummary(summary));
    expect([...read.refs.keys()]).toEqual(['a', 'b', 'c']);
    expect(read).toEqual(summary);
  });

  it.each(['../x', '/etc/passwd', 'a//b', '.hidden', 'a/..', '', 'a b', a])('refuse the ref name %j', (name) => {
    expect(() => decodeSummary(encodeVariant(type, refs(name)))).toThrow(invalid);
    expect(() => encodeSummary({ refs: new Map([[name, ref]]), metadata: new Map() })).toThrow(invalid);
  });

  it('refuse refs out of order or twice, and commits larger than any', () => {
    expect(() => decodeSummary(encodeVariant(type, refs('b', 'a')))).toThrow(invalid);
    expect(() => decodeSummary(encodeVariant(type, refs('a', 'a')))).toThrow(invalid);
    const huge = [[['a', [2n ** 63n, raw, new Map()]]], new Map()];
    expect(() => decodeSummary(encodeVariant(type, huge))).toThrow(invalid);
  });
});

describe('object names', () => {
  it.each([
    ['file', false, 'file'],
    ['file', true, 'filez'],
    ['dirtree', true, 'dirtree'],
    ['dirmeta', false, 'dirmeta'],
    ['commit', false, 'commit'],
    ['commitmeta', false, 'commitmeta'],
    ['tombstone-commit', false, 'tombstone-commit'],
    ['payload-link', false, 'payload-link'],
  ] as const)('of a %s (archive: %s) end in .%s and read back', (type, archive, suffix) => {
    const path = objectPath(a, type, archive);
    expect(path).toBe(`aa/${'a'.repeat(62)}.${suffix}`);
    expect(parseObjectPath(path)).toEqual({ checksum: a, type, compressed: suffix === 'filez' });
  });

  it.each([
    '',
    'aa',
    `aa/${'a'.repeat(62)}`,
    `aa/${'a'.repeat(62)}.txt`,
    `aa/${'A'.repeat(62)}.file`,
    `aa/${'a'.repeat(61)}.file`,
  ])('are not found in %j', (path) => {
    expect(parseObjectPath(path)).toBeUndefined();
  });
});
