import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { checksumFromBytes, isAtomicError, parseChecksum, type Checksum } from '../../../src/base/index.ts';
import {
  checkoutTree,
  copyTree,
  Dir,
  hashFiles,
  hashJoined,
  importObjects,
  ingestFilez,
  ingestTree,
  listObjects,
  publishStaging,
  removeTrees,
  sys,
  unlinkMany,
  verifyObjects,
} from '../../../src/platform/index.ts';

interface Place {
  path: string;
  dir: Dir;
  source: Dir;
  objects: Dir;
  staging: Dir;
}
const place = {} as Place;

// Known for ever: a regular 0644 root:root file "hello\n" without attributes, a symlink to "target", a directory 0755.
const helloChecksum = parseChecksum('44f778e59f0a4748d6b0c90a47347212a231c4ad1e8f7ea5c5dffc7749153a6b');
const linkChecksum = parseChecksum('a6b40a5400ed082fbe067d2c8397aab54046a089768651c392a36db46d24c1cd');
const xattrChecksum = parseChecksum('c77ffb754a246842bc696c4c7082ca027790e61119c3b434fd5502227c9f3b2c');
const helloFilez = Buffer.from(
  '0000001a0000000000000000000000060000000000000000000081a4000000000019cb48cdc9c9e70200',
  'hex',
);
const dirMeta = Buffer.from('0000000000000000000041ed', 'hex');

beforeEach(() => {
  place.path = mkdtempSync(join(tmpdir(), 'atomic-bulk-'));
  for (const name of ['source', 'objects', 'staging']) mkdirSync(join(place.path, name), 0o755);
  place.dir = Dir.open(place.path);
  place.source = place.dir.openDir('source');
  place.objects = place.dir.openDir('objects');
  place.staging = place.dir.openDir('staging');
});

afterEach(() => {
  for (const dir of [place.source, place.objects, place.staging, place.dir]) dir[Symbol.dispose]();
  rmSync(place.path, { recursive: true, force: true });
});

async function codeOf(action: Promise<unknown>): Promise<string> {
  try {
    await action;
    return 'none';
  } catch (error) {
    return isAtomicError(error) ? error.code : String(error);
  }
}

async function ingest(mode: 'bare' | 'archive' | 'bare-user' = 'bare') {
  return await ingestTree({ source: place.source, objects: place.objects, staging: place.staging, mode });
}

function objectPath(checksum: Checksum, suffix = 'file'): string {
  return `${checksum.slice(0, 2)}/${checksum.slice(2)}.${suffix}`;
}

function storeMetadata(bytes: Uint8Array, type: 'dirtree' | 'dirmeta'): Checksum {
  const checksum = checksumFromBytes(createHash('sha256').update(bytes).digest());
  place.objects.ensureDir(checksum.slice(0, 2));
  place.objects.writeFile(objectPath(checksum, type), bytes);
  return checksum;
}

/** A dirtree with one file or directory entry, small enough for one-byte offsets. */
function treeWithFile(name: string, checksum: Checksum): Uint8Array {
  const element = Buffer.concat([
    Buffer.from(`${name}\0`),
    Buffer.from(checksum, 'hex'),
    Buffer.from([name.length + 1]),
  ]);
  const files = Buffer.concat([element, Buffer.from([element.length])]);
  return Buffer.concat([files, Buffer.from([files.length])]);
}

function makeSource(): void {
  const at = (name: string): string => join(place.path, 'source', name);
  writeFileSync(at('hello.txt'), 'hello\n', { mode: 0o644 });
  symlinkSync('target', at('link'));
  mkdirSync(at('sub'), 0o755);
  writeFileSync(at('sub/hello again'), 'hello\n', { mode: 0o644 });
  writeFileSync(at('sub/empty'), '', { mode: 0o644 });
  writeFileSync(at('sub/large'), Buffer.alloc(3 * 1024 * 1024, 'large '), { mode: 0o4755 });
}

describe('hashing files', () => {
  test('gives the SHA-256 of each content in the order of the paths', async () => {
    const contents = ['', 'a', 'x'.repeat(1024 * 1024), 'y'.repeat(2_500_000)];
    const paths = contents.map((_, index) => join(place.path, `f${index}`));
    contents.forEach((content, index) => writeFileSync(paths[index] ?? '', content));
    const expected = contents.map((content) => createHash('sha256').update(content).digest('hex')).join('');
    expect(Buffer.from(await hashFiles(paths)).toString('hex')).toBe(expected);
  });

  test('gives one SHA-256 of several contents, one after the other', async () => {
    const contents = ['first', '', 'y'.repeat(2_500_000)];
    const paths = contents.map((_, index) => join(place.path, `j${index}`));
    contents.forEach((content, index) => writeFileSync(paths[index] ?? '', content));
    const expected = createHash('sha256').update(contents.join('')).digest('hex');
    expect(Buffer.from(await hashJoined(paths)).toString('hex')).toBe(expected);
  });

  test('names the file that is not there', async () => {
    await expect(hashFiles([join(place.path, 'nowhere')])).rejects.toThrow(/nowhere/);
    expect(await codeOf(hashFiles([join(place.path, 'nowhere')]))).toBe('Io');
  });

  test('stops when it is told to', async () => {
    const controller = new AbortController();
    const file = join(place.path, 'big');
    writeFileSync(file, Buffer.alloc(32 * 1024 * 1024));
    const running = hashFiles(
      Array.from({ length: 2000 }, () => file),
      { signal: controller.signal },
    );
    setTimeout(() => controller.abort(), 20);
    expect(await codeOf(running)).toBe('Cancelled');
    expect(await codeOf(hashFiles([file], { signal: controller.signal }))).toBe('Cancelled');
  });
});

describe('ingesting a tree', () => {
  test('gives the checksums that a known tree has for ever', async () => {
    makeSource();
    writeFileSync(join(place.path, 'source', 'xattr'), 'hello\n', { mode: 0o755 });
    sys.lsetxattr(place.source.fd, 'xattr', 'user.b', Buffer.from('2'));
    sys.lsetxattr(place.source.fd, 'xattr', 'user.a', Buffer.from('one'));
    const listing = await ingest();
    const [root, sub] = listing.directories;
    expect(root?.files.map((file) => [file.name, file.checksum])).toEqual([
      ['hello.txt', helloChecksum],
      ['link', linkChecksum],
      ['xattr', xattrChecksum],
    ]);
    expect(root?.directories).toEqual([{ name: 'sub', index: 1 }]);
    expect(sub?.files.map((file) => file.name)).toEqual(['empty', 'hello again', 'large']);
    expect(sub).toMatchObject({ uid: 0, gid: 0, mode: 0o40755, xattrs: [] });
    expect(listing.stats).toMatchObject({ files: 5, symlinks: 1, directories: 2, newObjects: 5 });
  });

  test('stores files with owner, mode, attributes and time zero in a bare repo', async () => {
    makeSource();
    const listing = await ingest();
    const large = listing.directories[1]?.files[2]?.checksum as Checksum;
    const stat = lstatSync(join(place.path, 'staging', objectPath(large)));
    expect([stat.mode & 0o7777, stat.size, stat.mtimeMs]).toEqual([0o4755, 3 * 1024 * 1024, 0]);
    expect(readFileSync(join(place.path, 'staging', objectPath(helloChecksum)), 'utf8')).toBe('hello\n');
    expect(place.staging.readlink(objectPath(linkChecksum))).toBe('target');
  });

  test('writes nothing that the repo or the staging has', async () => {
    makeSource();
    const first = await ingest();
    expect(first.stats.newObjects).toBe(4);
    expect((await ingest()).stats).toMatchObject({ newObjects: 0, newBytes: 0 });
    await publishStaging({ staging: place.staging, objects: place.objects });
    expect((await ingest()).stats).toMatchObject({ newObjects: 0, newBytes: 0 });
    expect(place.staging.list()).toEqual([]);
  });

  test('adds to a staging in which another ingest left objects of the same directories', async () => {
    makeSource();
    await ingest();
    for (let i = 0; i < 600; i++) writeFileSync(join(place.path, 'source', `new${i}`), `content ${i}`);
    expect((await ingest()).stats.newObjects).toBe(600);
    expect((await listObjects(place.staging)).length).toBe(604);
    expect(place.staging.list().filter((entry) => entry.name.length !== 2)).toEqual([]);
  });

  test('stores a filez that inflates to the content in an archive repo', async () => {
    makeSource();
    const listing = await ingest('archive');
    const stored = readFileSync(join(place.path, 'staging', objectPath(helloChecksum, 'filez')));
    expect(stored.toString('hex')).toBe(helloFilez.toString('hex'));
    const checksums = listing.directories.flatMap((directory) => directory.files.map((file) => file.checksum));
    const verified = await verifyObjects({ objects: place.staging, mode: 'archive', checksums });
    expect(verified.map((result) => result.status)).toEqual(checksums.map(() => 'ok'));
  });

  test('keeps owner and mode in an attribute in a bare-user repo, and symlinks as files', async () => {
    makeSource();
    const listing = await ingest('bare-user');
    const link = join(place.path, 'staging', objectPath(linkChecksum));
    expect(readFileSync(link, 'latin1')).toBe('target\0');
    const meta = sys.lgetxattr(place.staging.fd, objectPath(linkChecksum), 'user.ostreemeta');
    expect(Buffer.from(meta ?? []).toString('hex')).toBe('00000000000000000000a1ff');
    const checksums = listing.directories.flatMap((directory) => directory.files.map((file) => file.checksum));
    const verified = await verifyObjects({ objects: place.staging, mode: 'bare-user', checksums });
    expect(verified.map((result) => result.status)).toEqual(checksums.map(() => 'ok'));
  });

  test('applies canonical permissions and owners', async () => {
    makeSource();
    const listing = await ingestTree({
      source: place.source,
      objects: place.objects,
      staging: place.staging,
      mode: 'bare',
      owner: { uid: 7, gid: 8 },
    });
    expect(listing.directories[0]).toMatchObject({ uid: 7, gid: 8 });
    const canonical = await ingestTree({
      source: place.source,
      objects: place.objects,
      staging: place.staging,
      mode: 'archive',
      canonicalPermissions: true,
    });
    expect(canonical.directories[0]?.files[0]?.checksum).toBe(helloChecksum);
  });

  test('refuses what a commit cannot hold by name, and leaves nothing in the staging', async () => {
    makeSource();
    execFileSync('mkfifo', [join(place.path, 'source', 'sub', 'pipe')]);
    await expect(ingest()).rejects.toThrow(/sub\/pipe is a fifo/);
    expect(await codeOf(ingest())).toBe('InvalidFormat');
    expect(place.staging.list()).toEqual([]);
    rmSync(join(place.path, 'source', 'sub', 'pipe'));
    writeFileSync(Buffer.concat([Buffer.from(`${place.path}/source/bad`), Buffer.from([0xff])]), '');
    await expect(ingest()).rejects.toThrow(/bad\\\\xff|bad\\xff/);
  });
});

describe('publishing a staging', () => {
  test('moves each object once and keeps what is there', async () => {
    makeSource();
    await ingest();
    expect(await publishStaging({ staging: place.staging, objects: place.objects })).toBe(4);
    const before = place.objects.stat(objectPath(helloChecksum))?.ino;
    place.staging.ensureDir('44');
    place.staging.writeFile(objectPath(helloChecksum), 'an impostor');
    place.staging.writeFile(`44/${helloChecksum.slice(2)}.commitmeta`, 'one');
    expect(await publishStaging({ staging: place.staging, objects: place.objects })).toBe(1);
    expect(place.objects.stat(objectPath(helloChecksum))?.ino).toBe(before);
    place.staging.ensureDir('44');
    place.staging.writeFile(`44/${helloChecksum.slice(2)}.commitmeta`, 'two');
    expect(await publishStaging({ staging: place.staging, objects: place.objects })).toBe(1);
    expect(place.objects.readText(`44/${helloChecksum.slice(2)}.commitmeta`)).toBe('two');
    expect(
      [...(await listObjects(place.objects))]
        .filter((object) => object.checksum === helloChecksum)
        .map((o) => o.type)
        .sort(),
    ).toEqual(['commitmeta', 'file']);
  });

  test('leaves names that are no objects where they are', async () => {
    place.staging.ensureDir('44');
    place.staging.writeFile('44/stranger', 'x');
    place.staging.writeFile('.new-1', 'x');
    expect(await publishStaging({ staging: place.staging, objects: place.objects })).toBe(0);
    expect(place.objects.list()).toEqual([]);
  });
});

describe('storing received objects', () => {
  const items = (data: Uint8Array) => [{ checksum: helloChecksum, data }];
  const target = (mode: 'bare' | 'archive' | 'bare-user') => ({ objects: place.objects, staging: place.staging, mode });

  test('writes the content in the form of the repo', async () => {
    expect(await ingestFilez(items(helloFilez), target('bare'))).toEqual([{ status: 'stored', bytes: 6 }]);
    expect(place.staging.readText(objectPath(helloChecksum))).toBe('hello\n');
    expect(place.staging.stat(objectPath(helloChecksum))?.mtimeNs).toBe(0n);
    expect(await ingestFilez(items(helloFilez), target('bare'))).toEqual([{ status: 'present', bytes: 0 }]);
    expect(await ingestFilez(items(helloFilez), target('archive'))).toEqual([{ status: 'stored', bytes: 6 }]);
    expect(Buffer.from(place.staging.readFile(objectPath(helloChecksum, 'filez')) ?? [])).toEqual(helloFilez);
  });

  test('tells what a wrong object really is, stores nothing of it, and goes on with the others', async () => {
    const wrong = Buffer.from(helloFilez);
    wrong[19] = 0x01;
    const other = checksumFromBytes(createHash('sha256').update('x').digest());
    const results = await ingestFilez(
      [{ checksum: other, data: helloFilez }, { checksum: other, data: wrong.subarray(0, 20) }, ...items(helloFilez)],
      target('bare'),
    );
    expect(results.map((result) => result.status)).toEqual(['corrupt', 'corrupt', 'stored']);
    expect(results[0]?.actual).toBe(helloChecksum);
    expect(results[1]?.actual).toBeUndefined();
    expect((await listObjects(place.staging)).length).toBe(1);
  });

  test('survives every truncation and every flipped byte', async () => {
    const mutants: Buffer[] = [];
    for (let i = 0; i < helloFilez.length; i++) {
      mutants.push(helloFilez.subarray(0, i));
      for (const bit of [1, 0x80, 0xff]) {
        const flipped = Buffer.from(helloFilez);
        flipped[i] = (flipped[i] ?? 0) ^ bit;
        mutants.push(flipped);
      }
    }
    const results = await ingestFilez(
      mutants.map((data) => ({ checksum: helloChecksum, data })),
      target('bare'),
    );
    // Bits after the end of the deflate stream's last block mean nothing; nothing else may get through.
    for (const result of results) expect(['corrupt', 'stored', 'present']).toContain(result.status);
    expect(results.filter((result) => result.status !== 'corrupt').length).toBeLessThan(6);
  });

  test('does not inflate beyond the size that the header names', async () => {
    const bomb = Buffer.concat([helloFilez.subarray(0, 34), deflateRawSync(Buffer.alloc(64 * 1024 * 1024))]);
    expect((await ingestFilez(items(bomb), target('bare')))[0]?.status).toBe('corrupt');
    expect((await ingestFilez(items(Buffer.concat([helloFilez, Buffer.from('x')])), target('bare')))[0]?.status).toBe(
      'corrupt',
    );
  });
});

describe('verifying objects', () => {
  test('tells good, missing and damaged objects apart', async () => {
    makeSource();
    await ingest();
    const missing = checksumFromBytes(Buffer.alloc(32));
    const path = join(place.path, 'staging', objectPath(helloChecksum));
    const checksums = [helloChecksum, linkChecksum, missing];
    const status = async () =>
      (await verifyObjects({ objects: place.staging, mode: 'bare', checksums })).map((result) => result.status);
    expect(await status()).toEqual(['ok', 'ok', 'missing']);
    writeFileSync(path, 'hellO\n');
    expect(await status()).toEqual(['corrupt', 'ok', 'missing']);
  });
});

describe('checking out', () => {
  async function prepare(): Promise<{ rootTree: Checksum; rootMeta: Checksum }> {
    makeSource();
    await ingest();
    await publishStaging({ staging: place.staging, objects: place.objects });
    const sub = storeMetadata(treeWithFile('f', helloChecksum), 'dirtree');
    expect(sub).toBe('0de987dc74759551d3e58abf0b0b6feec4cddb9f2ad770a19a42471383bb6915');
    return { rootTree: sub, rootMeta: storeMetadata(dirMeta, 'dirmeta') };
  }
  const request = (root: { rootTree: Checksum; rootMeta: Checksum }, how: 'link' | 'copy') =>
    ({ objects: place.objects, mode: 'bare', destination: place.dir, name: 'out', how, ...root }) as const;

  test('links files and sets the attributes of directories', async () => {
    const root = await prepare();
    expect(root.rootMeta).toBe('446a0ef11b7cc167f3b603e585c7eeeeb675faa412d5ec73f62988eb0b6c5488');
    const stats = await checkoutTree(request(root, 'link'));
    expect(stats).toEqual({ files: 1, symlinks: 0, directories: 1, bytes: 0, linked: 1, copied: 0 });
    expect(place.dir.stat('out/f')?.ino).toBe(place.objects.stat(objectPath(helloChecksum))?.ino);
    expect(place.dir.stat('out')).toMatchObject({ mode: 0o40755, mtimeNs: 0n });
  });

  test('copies when told so, and refuses a name that is taken', async () => {
    const root = await prepare();
    const stats = await checkoutTree(request(root, 'copy'));
    expect(stats).toMatchObject({ linked: 0, copied: 1, bytes: 6 });
    expect(place.dir.stat('out/f')?.nlink).toBe(1);
    expect(await codeOf(checkoutTree(request(root, 'copy')))).toBe('Io');
    place.dir.writeFile('out/f', 'old');
    place.dir.writeFile('out/mine', 'kept');
    await checkoutTree({ ...request(root, 'link'), existing: 'union' });
    await checkoutTree({ ...request(root, 'link'), existing: 'union' });
    expect(place.dir.readText('out/f')).toBe('hello\n');
    expect(place.dir.list('out').map((entry) => entry.name)).toEqual(['f', 'mine']);
  });

  test('names a missing and a damaged object', async () => {
    const root = await prepare();
    place.objects.unlink(objectPath(helloChecksum));
    await expect(checkoutTree(request(root, 'link'))).rejects.toThrow(`missing file object ${helloChecksum}`);
    place.objects.writeFile(objectPath(root.rootTree, 'dirtree'), 'nonsense');
    expect(await codeOf(checkoutTree({ ...request(root, 'link'), name: 'out2' }))).toBe('CorruptObject');
  });

  test.each([
    ['a name with a slash', treeWithFile('a/b', helloChecksum)],
    ['the name ..', treeWithFile('..', helloChecksum)],
    ['the name .', treeWithFile('.', helloChecksum)],
    ['an empty name', treeWithFile('', helloChecksum)],
    ['no bytes', new Uint8Array()],
    ['offsets out of bounds', Buffer.from('00ffff', 'hex')],
  ])('refuses a dirtree with %s', async (_, bytes) => {
    const root = await prepare();
    const rootTree = storeMetadata(bytes, 'dirtree');
    expect(await codeOf(checkoutTree(request({ ...root, rootTree }, 'link')))).toBe('CorruptObject');
    expect(place.dir.exists('b')).toBe(false);
  });

  test('survives every flipped byte of a dirtree', async () => {
    const root = await prepare();
    const good = treeWithFile('f', helloChecksum);
    const codes = new Set<string>();
    for (let i = 0; i < good.length; i++) {
      const bytes = Buffer.from(good);
      bytes[i] = (bytes[i] ?? 0) ^ 0xff;
      const rootTree = storeMetadata(bytes, 'dirtree');
      codes.add(await codeOf(checkoutTree({ ...request({ ...root, rootTree }, 'link'), name: `out${i}` })));
    }
    expect([...codes].sort()).toEqual(['CorruptObject', 'MissingObject']);
  });
});

describe('importing objects', () => {
  test('links or copies what the repo lacks', async () => {
    makeSource();
    const listing = await ingest();
    place.dir.ensureDir('other');
    using other = place.dir.openDir('other');
    const names = [...(await listObjects(place.staging))].map((object) => objectPath(object.checksum, object.type));
    const request = {
      from: place.staging,
      objects: place.objects,
      staging: other,
      mode: 'bare',
      names,
      verify: true,
    } as const;
    expect(await importObjects({ ...request, how: 'link' })).toMatchObject({ linked: 4, copied: 0, present: 0 });
    expect(await importObjects({ ...request, how: 'copy' })).toMatchObject({ linked: 0, copied: 0, present: 4 });
    await removeTrees(
      other,
      other.list().map((entry) => entry.name),
    );
    expect(await importObjects({ ...request, how: 'copy' })).toMatchObject({ linked: 0, copied: 4, present: 0 });
    const checksums = listing.directories.flatMap((directory) => directory.files.map((file) => file.checksum));
    const verified = await verifyObjects({ objects: other, mode: 'bare', checksums });
    expect(verified.every((result) => result.status === 'ok')).toBe(true);
  });

  test('refuses an object that is not what its name says, and names that are none', async () => {
    makeSource();
    await ingest();
    writeFileSync(join(place.path, 'staging', objectPath(helloChecksum)), 'hellO\n');
    place.dir.ensureDir('other');
    using other = place.dir.openDir('other');
    const request = {
      from: place.staging,
      objects: place.objects,
      staging: other,
      mode: 'bare',
      how: 'link',
      verify: true,
    } as const;
    expect(await codeOf(importObjects({ ...request, names: [objectPath(helloChecksum)] }))).toBe('CorruptObject');
    expect(await codeOf(importObjects({ ...request, names: ['../../etc/passwd'] }))).toBe('InvalidArgument');
    const absent = objectPath(checksumFromBytes(Buffer.alloc(32)));
    expect(await codeOf(importObjects({ ...request, names: [absent] }))).toBe('MissingObject');
  });
});

describe('removing and copying trees', () => {
  test('removes files and counts what they freed', async () => {
    makeSource();
    linkSync(join(place.path, 'source', 'hello.txt'), join(place.path, 'keep'));
    const names = ['hello.txt', 'sub/large', 'absent'];
    expect(await unlinkMany(place.source, names)).toEqual({ removed: 2, bytes: 3 * 1024 * 1024 });
    expect(place.source.list('sub').map((entry) => entry.name)).toEqual(['empty', 'hello again']);
  });

  test('removes whole trees, immutable ones too, and does not follow symlinks', async () => {
    makeSource();
    for (let i = 0; i < 300; i++) place.source.ensureDir(`deep/${i % 7}/${i}`);
    place.dir.ensureDir('outside');
    place.dir.writeFile('outside/precious', 'x');
    symlinkSync('../../outside', join(place.path, 'source', 'deep', 'escape'));
    using sub = place.source.openDir('sub');
    expect(sys.setImmutable(sub.fd, true)).toBe(true);
    await removeTrees(place.source, ['deep', 'sub', 'hello.txt', 'absent', 'absent/below']);
    expect(place.source.list().map((entry) => entry.name)).toEqual(['link']);
    expect(place.dir.exists('outside/precious')).toBe(true);
  });

  test('copies a tree with its attributes and never links', async () => {
    makeSource();
    sys.lsetxattr(place.source.fd, 'hello.txt', 'user.a', Buffer.from('one'));
    utimesSync(join(place.path, 'source', 'sub'), 1000, 2000);
    sys.fchownat(place.source.fd, 'sub/large', 7, 8, 0);
    const stats = await copyTree({ from: place.dir, fromName: 'source', to: place.dir, toName: 'copy' });
    expect(stats).toMatchObject({ files: 4, symlinks: 1, directories: 2 });
    using copy = place.dir.openDir('copy');
    for (const name of ['hello.txt', 'sub', 'sub/large', 'link']) {
      const [a, b] = [place.source.stat(name), copy.stat(name)];
      expect([b?.mode, b?.uid, b?.gid, b?.mtimeNs]).toEqual([a?.mode, a?.uid, a?.gid, a?.mtimeNs]);
      expect(b?.ino).not.toBe(a?.ino);
    }
    expect(sys.lgetxattr(copy.fd, 'hello.txt', 'user.a')).toEqual(Buffer.from('one'));
    expect(await codeOf(copyTree({ from: place.dir, fromName: 'source', to: place.dir, toName: 'copy' }))).toBe('Io');
  });
});
