import { mkdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJob } from '../../../src/base/index.ts';
import { Dir, interceptSyscalls } from '../../../src/platform/index.ts';
import { readEtcListings } from '../../../src/sysroot/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

function makeEtc(files: Readonly<Record<string, string>>): string {
  const path = makeTempDir();
  mkdirSync(join(path, 'd'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

describe('readEtcListings', () => {
  it('gives equal content exactly to files of equal content', async () => {
    using old = Dir.open(makeEtc({ same: 'abc', changed: 'abc', longer: 'abc', 'd/x': '1' }));
    using current = Dir.open(makeEtc({ same: 'abc', changed: 'abd', longer: 'abcd', 'd/x': '1' }));
    const [a, b] = await readEtcListings([old, current], createJob());
    const equal = (path: string) => a?.get(path)?.content === b?.get(path)?.content;
    expect({ same: equal('same'), changed: equal('changed'), longer: equal('longer'), deep: equal('d/x') }).toEqual({
      same: true,
      changed: false,
      longer: false,
      deep: true,
    });
  });

  it('lists links by target and directories without content, and follows no link', async () => {
    const path = makeEtc({ file: 'x' });
    symlinkSync('/proc', join(path, 'link'));
    using etc = Dir.open(path);
    const [listing] = await readEtcListings([etc], createJob());
    expect([...(listing?.keys() ?? [])].sort()).toEqual(['d', 'file', 'link']);
    expect(listing?.get('link')).toMatchObject({ kind: 'symlink', content: '/proc' });
    expect(listing?.get('d')).toMatchObject({ kind: 'directory', content: '' });
  });

  it('begins again when a file vanished between being listed and being read', async () => {
    const path = makeEtc({ stays: 'abc', goes: 'abc' });
    using old = Dir.open(makeEtc({ stays: 'abc', goes: 'abc' }));
    using current = Dir.open(path);
    const gone: string[] = [];
    using _interception = interceptSyscalls((name, original) => (...args) => {
      if (name === 'hashFiles' && gone.length === 0) {
        unlinkSync(join(path, 'goes'));
        gone.push('goes');
      }
      return original(...args);
    });
    const [, listing] = await readEtcListings([old, current], createJob());
    expect(gone).toEqual(['goes']);
    expect([...(listing?.keys() ?? [])].sort()).toEqual(['d', 'stays']);
  });
});
