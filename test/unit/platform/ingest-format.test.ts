import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fileChecksum, type FileHeader } from '../../../src/format/index.ts';
import { Dir, flags, ingestTree, sys, type TreeListing } from '../../../src/platform/index.ts';
import { makeRandomTree } from '../../support/random-tree.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

/** The checksum by the second implementation, which shares no code with the addon. */
function checksumOf(path: string): string {
  const stat = lstatSync(path);
  const xattrs = sys
    .llistxattr(flags.AT_FDCWD, path)
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map((name) => ({ name, value: new Uint8Array(sys.lgetxattr(flags.AT_FDCWD, path, name) ?? []) }))
    .filter((xattr) => xattr.value.length > 0);
  const symlinkTarget = stat.isSymbolicLink() ? readlinkSync(path) : '';
  const header: FileHeader = { uid: stat.uid, gid: stat.gid, mode: stat.mode, symlinkTarget, xattrs };
  return fileChecksum(header, stat.isSymbolicLink() ? undefined : readFileSync(path));
}

/** Every file of the listing with its path and checksum. */
function* filesOf(listing: TreeListing, root: string, index = 0): Generator<readonly [path: string, checksum: string]> {
  const directory = listing.directories[index];
  for (const file of directory?.files ?? []) yield [join(root, file.name), file.checksum];
  for (const child of directory?.directories ?? []) yield* filesOf(listing, join(root, child.name), child.index);
}

describe('ingested trees', () => {
  test.each([1, 2, 3, 4, 5, 6])('have the checksums that the format room computes (seed %i)', async (seed) => {
    const path = makeTempDir();
    makeRandomTree(join(path, 'source'), { seed, entries: 60 });
    using dir = Dir.open(path);
    for (const name of ['objects', 'staging']) dir.makeDir(name);
    using source = dir.openDir('source');
    using objects = dir.openDir('objects');
    using staging = dir.openDir('staging');
    const listing = await ingestTree({ source, objects, staging, mode: 'archive', zlibLevel: 1 });
    const files = [...filesOf(listing, join(path, 'source'))];
    expect(files.length).toBe(listing.stats.files + listing.stats.symlinks);
    expect(files.length).toBeGreaterThan(20);
    for (const [file, checksum] of files) expect([file, checksumOf(file)]).toEqual([file, checksum]);
  });
});
