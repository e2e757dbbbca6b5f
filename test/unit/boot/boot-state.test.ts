import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readBootState } from '../../../src/boot/index.ts';
import { Dir } from '../../../src/platform/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const checksum = 'a'.repeat(64);

/** A sysroot with one entry that boots; returns its path and that of its entries. */
function makeBoot(): { path: string; entries: string } {
  const path = makeTempDir();
  const entries = join(path, 'boot/loader.0/entries');
  const links = join(path, 'ostree/boot.0/os', checksum);
  for (const directory of [entries, links]) mkdirSync(directory, { recursive: true });
  symlinkSync('loader.0', join(path, 'boot/loader'));
  symlinkSync(`../../../deploy/os/deploy/${checksum}.0`, join(links, '0'));
  writeFileSync(
    join(entries, 'ostree-1-os.conf'),
    `title os\nversion 1\noptions ostree=/ostree/boot.0/os/${checksum}/0\n`,
  );
  return { path, entries };
}

describe('a boot entry that cannot be read', () => {
  it('never hides the others, whatever is wrong with it', () => {
    const { path, entries } = makeBoot();
    writeFileSync(join(entries, 'ostree-2-os.conf'), Buffer.alloc(2 << 20, 'title too large\n'));
    writeFileSync(join(entries, 'ostree-3-os.conf'), Buffer.from([0xff, 0xfe, 0]));
    writeFileSync(join(entries, 'ostree-4-os.conf'), '');
    using sysroot = Dir.open(path);
    const { current } = readBootState(sysroot);
    expect(current.entries.map(({ name }) => name)).toEqual([`${checksum}.0`]);
    expect(current.broken.map((text) => text.slice(0, 29))).toEqual([
      'Boot entry ostree-2-os.conf: ',
      'Boot entry ostree-3-os.conf: ',
      'Boot entry ostree-4-os.conf: ',
    ]);
  });
});
