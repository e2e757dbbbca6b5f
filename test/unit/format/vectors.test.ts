import { describe, expect, it } from 'vitest';
import type { Checksum } from '../../../src/base/index.ts';
import {
  decodeCommit,
  decodeDirMeta,
  decodeDirTree,
  decodeFilezHeader,
  encodeCommit,
  encodeDirMeta,
  encodeDirTree,
  encodeFileHeader,
  encodeFilezHeader,
  fileChecksum,
  sha256Checksum,
  type DirTree,
  type FileHeader,
} from '../../../src/format/index.ts';

/** Checksums that the real tool gave these objects; they can never change. */
const hello = '44f778e59f0a4748d6b0c90a47347212a231c4ad1e8f7ea5c5dffc7749153a6b' as Checksum;
const link = 'a6b40a5400ed082fbe067d2c8397aab54046a089768651c392a36db46d24c1cd' as Checksum;
const meta = '446a0ef11b7cc167f3b603e585c7eeeeb675faa412d5ec73f62988eb0b6c5488' as Checksum;
const sub = '0de987dc74759551d3e58abf0b0b6feec4cddb9f2ad770a19a42471383bb6915' as Checksum;
const root = '51e04702858fc98528618eb0a5eb708bedd70c47473b786dd5d83f7785a25207' as Checksum;

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');
const text = (value: string) => new TextEncoder().encode(value);

const regular: FileHeader = { uid: 0, gid: 0, mode: 0o100644, symlinkTarget: '', xattrs: [] };
const symlink: FileHeader = { ...regular, mode: 0o120777, symlinkTarget: 'target' };
const attributed: FileHeader = {
  ...regular,
  mode: 0o100755,
  xattrs: [
    { name: 'user.a', value: text('one') },
    { name: 'user.b', value: text('2') },
  ],
};

describe('file objects', () => {
  it.each([
    {
      what: 'a regular file',
      header: regular,
      content: text('hello\n'),
      wire: '00000012 00000000 00000000 00000000 000081a4 00000000 00 11',
      checksum: hello,
    },
    {
      what: 'a symlink',
      header: symlink,
      content: undefined,
      wire: '00000018 00000000 00000000 00000000 0000a1ff 00000000 74617267657400 17',
      checksum: link,
    },
    {
      what: 'a file with extended attributes',
      header: attributed,
      content: text('hello\n'),
      wire: `00000028 00000000 00000000 00000000 000081ed 00000000 00 757365722e6100 6f6e65 07
             757365722e6200 32 07 0b14 11`,
      checksum: 'c77ffb754a246842bc696c4c7082ca027790e61119c3b434fd5502227c9f3b2c',
    },
  ])('$what has the header and checksum it always had', ({ header, content, wire, checksum }) => {
    expect(hex(encodeFileHeader(header))).toBe(hex(bytes(wire)));
    expect(fileChecksum(header, content)).toBe(checksum);
  });

  it('sorts extended attributes before hashing', () => {
    const shuffled = { ...attributed, xattrs: attributed.xattrs.toReversed() };
    expect(hex(encodeFileHeader(shuffled))).toBe(hex(encodeFileHeader(attributed)));
  });

  it('has the filez header the real tool writes, and reads it back', () => {
    const wire = bytes('0000001a 00000000 0000000000000006 00000000 00000000 000081a4 00000000 00 19');
    expect(hex(encodeFilezHeader(regular, 6))).toBe(hex(wire));
    const withBody = new Uint8Array([...wire, ...bytes('cb48cdc9c9e70200')]);
    expect(decodeFilezHeader(withBody)).toEqual({ header: regular, sizeBytes: 6, headerBytes: wire.length });
  });
});

describe('tree objects', () => {
  it('names a directory 040755 of root as it always did', () => {
    const directory = { uid: 0, gid: 0, mode: 0o040755, xattrs: [] };
    const wire = encodeDirMeta(directory);
    expect(hex(wire)).toBe('0000000000000000000041ed');
    expect(sha256Checksum(wire)).toBe(meta);
    expect(decodeDirMeta(wire)).toEqual(directory);
  });

  it('names a known tree as it always did', () => {
    const inner: DirTree = { files: [{ name: 'f', checksum: hello }], directories: [] };
    const wire = encodeDirTree(inner);
    expect(hex(wire)).toBe(`6600${hello}022324`);
    expect(sha256Checksum(wire)).toBe(sub);

    const outer: DirTree = {
      files: [
        { name: 'link', checksum: link },
        { name: 'hello.txt', checksum: hello },
      ],
      directories: [{ name: 'sub', tree: sub, meta }],
    };
    expect(sha256Checksum(encodeDirTree(outer))).toBe(root);
    expect(decodeDirTree(encodeDirTree(outer))).toEqual({ ...outer, files: outer.files.toReversed() });
  });

  it('names a known commit as it always did', () => {
    const commit = {
      metadata: new Map(),
      parent: undefined,
      subject: 'subj',
      body: 'body',
      timestampSeconds: 0,
      rootTree: root,
      rootMeta: meta,
    };
    const wire = encodeCommit(commit);
    expect(wire.length).toBe(94);
    expect(hex(wire).endsWith('380a05000000')).toBe(true);
    expect(sha256Checksum(wire)).toBe('9d240f444ee8497d6cb487efa8b9d0114582c25542792784c63108c2ab151b77');
    expect(decodeCommit(wire)).toEqual(commit);
  });
});
