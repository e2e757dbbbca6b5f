import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { checksumFromBytes, isAtomicError, type Checksum } from '../../../src/base/index.ts';
import {
  encodeDirMeta,
  encodeDirTree,
  encodeFileHeader,
  encodeFileMeta,
  encodeFilezHeader,
  objectPath,
} from '../../../src/format/index.ts';
import {
  checkoutTree,
  Dir,
  hashFiles,
  hashJoined,
  importObjects,
  ingestFilez,
  sys,
  verifyObjects,
  type StoreMode,
} from '../../../src/platform/index.ts';

const place = {} as { path: string; dir: Dir; objects: Dir; staging: Dir };

beforeEach(() => {
  place.path = mkdtempSync(join(tmpdir(), 'atomic-limits-'));
  for (const name of ['objects', 'staging']) mkdirSync(join(place.path, name));
  place.dir = Dir.open(place.path);
  place.objects = place.dir.openDir('objects');
  place.staging = place.dir.openDir('staging');
});

afterEach(() => {
  for (const dir of [place.objects, place.staging, place.dir]) dir[Symbol.dispose]();
  rmSync(place.path, { recursive: true, force: true });
});

const owner = { uid: 0, gid: 0, xattrs: [] };
const regular = { ...owner, mode: 0o100644, symlinkTarget: '' };
const sha256 = (...parts: readonly Uint8Array[]): Checksum =>
  checksumFromBytes(createHash('sha256').update(Buffer.concat(parts)).digest());

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'ok';
  } catch (error) {
    return isAtomicError(error) ? error.code : String(error);
  }
}

function put(type: 'dirtree' | 'dirmeta', bytes: Uint8Array): Checksum {
  const checksum = sha256(bytes);
  place.objects.ensureDir(checksum.slice(0, 2));
  place.objects.writeFile(objectPath(checksum, type, true), bytes);
  return checksum;
}

/** Where the file of that object lies, its directory made. */
function pathOf(objects: Dir, checksum: Checksum, mode: StoreMode): string {
  objects.ensureDir(checksum.slice(0, 2));
  return join(objects.path, objectPath(checksum, 'file', mode === 'archive'));
}

describe('a tree of astronomical size', () => {
  /** Checks out `depth` directories inside one another, each with `width` entries that are the same directory. */
  async function checkOut({ depth, name }: { depth: number; name: string }): Promise<string> {
    const rootMeta = put('dirmeta', encodeDirMeta({ ...owner, mode: 0o40755 }));
    let rootTree = put('dirtree', encodeDirTree({ files: [], directories: [] }));
    for (let level = 0; level < depth; level += 1) {
      rootTree = put('dirtree', encodeDirTree({ files: [], directories: [{ name, tree: rootTree, meta: rootMeta }] }));
    }
    const { objects, dir: destination } = place;
    const request = { objects, mode: 'archive', destination, name: 'out', rootTree, rootMeta, how: 'copy' } as const;
    return await codeOf(checkoutTree(request));
  }

  it('is checked out as deep as a path can lead', async () => {
    expect(await checkOut({ depth: 15, name: 'n'.repeat(255) })).toBe('ok');
    await place.dir.removeTree('out');
    expect(await checkOut({ depth: 500, name: 'd' })).toBe('ok');
    await place.dir.removeTree('out');
    expect(readdirSync(place.path).sort()).toEqual(['objects', 'staging']);
  });

  it('is refused where no path leads', async () => {
    expect(await checkOut({ depth: 40, name: 'n'.repeat(255) })).toBe('LimitExceeded');
    await place.dir.removeTree('out');
    expect(await checkOut({ depth: 2100, name: 'd' })).toBe('LimitExceeded');
    await place.dir.removeTree('out');
    expect(readdirSync(place.path).sort()).toEqual(['objects', 'staging']);
  });
});

describe('an object that is not what a repo holds', () => {
  it('is reported by a check and hinders no other', async () => {
    const content = Buffer.from('content');
    const good = sha256(encodeFileHeader(regular), content);
    const [link, directory] = ['1', '2'].map((digit) => digit.repeat(64) as Checksum);
    for (const mode of ['archive', 'bare-user'] as const) {
      const objects = place[mode === 'archive' ? 'objects' : 'staging'];
      const packed = Buffer.concat([encodeFilezHeader(regular, content.length), deflateRawSync(content)]);
      writeFileSync(pathOf(objects, good, mode), mode === 'archive' ? packed : content);
      if (mode === 'bare-user') {
        sys.lsetxattr(objects.fd, objectPath(good, 'file', false), 'user.ostreemeta', encodeFileMeta(regular));
      }
      symlinkSync('/etc/passwd', pathOf(objects, link ?? good, mode));
      mkdirSync(pathOf(objects, directory ?? good, mode));
      const checksums = [link ?? good, directory ?? good, good];
      const verdicts = await verifyObjects({ objects, mode, checksums });
      expect(verdicts.map(({ status }) => status)).toEqual(['corrupt', 'corrupt', 'ok']);
    }
  });

  it('is not taken over from another repo, link or device', async () => {
    using from = place.dir.openDir('objects');
    const checksum = '3'.repeat(64) as Checksum;
    const names = [objectPath(checksum, 'file', true)];
    symlinkSync('/etc/passwd', pathOf(from, checksum, 'archive'));
    const { staging } = place;
    const request = { from, objects: staging, staging, mode: 'archive', names, how: 'copy' } as const;
    expect(await codeOf(importObjects(request))).toBe('CorruptObject');
    expect(await codeOf(importObjects({ ...request, verify: true }))).toBe('CorruptObject');
    expect(staging.exists(names[0] ?? '')).toBe(false);
  });

  it('never gets in by changing between the check and the copy', async () => {
    const contents = ['good', 'evil'].map((word) => Buffer.alloc(2 << 20, word));
    const checksum = sha256(encodeFileHeader(regular), contents[0] ?? Buffer.alloc(0));
    const path = pathOf(place.objects, checksum, 'bare');
    const names = [objectPath(checksum, 'file', false)];
    const { staging, objects: from } = place;
    const endings = new Set<string>();
    for (let round = 0; round < 40; round += 1) {
      contents.forEach((content, index) => writeFileSync(`${path}-${index}`, content));
      renameSync(`${path}-0`, path);
      const ended = { code: '' };
      const request = { from, objects: staging, staging, mode: 'bare', names, how: 'copy', verify: true } as const;
      const running = codeOf(importObjects(request)).then((code) => (ended.code = code));
      // The repo's owner exchanges the file at some moment of the import, another one each time.
      await new Promise((resolve) => setTimeout(resolve, round % 14));
      renameSync(`${path}-1`, path);
      await running;
      endings.add(ended.code);
      const verdicts = await verifyObjects({ objects: staging, mode: 'bare', checksums: [checksum] });
      expect([ended.code, verdicts[0]?.status]).toEqual(
        ended.code === 'ok' ? ['ok', 'ok'] : ['CorruptObject', 'missing'],
      );
      staging.unlink(names[0] ?? '');
    }
    expect([...endings]).toContain('ok');
  });
});

describe('received objects', () => {
  it('that a bare-user-only repo cannot keep are refused, small or large', async () => {
    const header = { ...regular, mode: 0o104755 };
    const items = [100, 2 << 20].map((size) => {
      const content = Buffer.alloc(size, 'x');
      const data = Buffer.concat([encodeFilezHeader(header, size), deflateRawSync(content)]);
      return { checksum: sha256(encodeFileHeader(header), content), data };
    });
    const { objects, staging } = place;
    const results = await ingestFilez(items, { objects, staging, mode: 'bare-user-only' });
    expect(results.map(({ status }) => status)).toEqual(['corrupt', 'corrupt']);
  });

  it('that swell a thousandfold can be cancelled in between', async () => {
    const sizeBytes = 512 << 20;
    const zeros = deflateRawSync(Buffer.alloc(sizeBytes), { level: 9 });
    const data = Buffer.concat([encodeFilezHeader(regular, sizeBytes), zeros]);
    expect(data.length).toBeLessThan(1 << 20);
    const { objects, staging } = place;
    const controller = new AbortController();
    const written: number[] = [];
    const options = {
      signal: controller.signal,
      onProgress: (_: number, bytes: number) => {
        written.push(bytes);
        controller.abort();
      },
    };
    const item = { checksum: sha256(zeros), data };
    expect(await codeOf(ingestFilez([item], { objects, staging, mode: 'bare' }, options))).toBe('Cancelled');
    expect(written.at(-1)).toBeLessThan(sizeBytes);
    expect(readdirSync(staging.path).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('hashing', () => {
  it('refuses what has no end', async () => {
    expect(await codeOf(hashFiles(['/dev/zero']))).toBe('InvalidFormat');
    expect(await codeOf(hashJoined(['/dev/zero']))).toBe('InvalidFormat');
  });
});
