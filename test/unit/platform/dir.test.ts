import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { Dir, isSystemError, syncDir, writeFileDurably, replaceSymlinkDurably } from '../../../src/platform/index.ts';

interface Place {
  path: string;
  dir: Dir;
}

const place = {} as Place;

beforeEach(() => {
  place.path = mkdtempSync(join(tmpdir(), 'atomic-dir-'));
  place.dir = Dir.open(place.path);
});

afterEach(() => {
  place.dir[Symbol.dispose]();
  rmSync(place.path, { recursive: true, force: true });
});

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return isSystemError(error) ? error.code : String(error);
  }
}

describe('a directory', () => {
  test('gives back what was written, as bytes and as text', () => {
    place.dir.ensureDir('a/b');
    place.dir.writeFile('a/b/c', 'hello\n', 0o640);
    expect(place.dir.readText('a/b/c')).toBe('hello\n');
    expect(place.dir.readFile('a/b/c')).toEqual(new Uint8Array(Buffer.from('hello\n')));
    expect((place.dir.stat('a/b/c')?.mode ?? 0) & 0o7777).toBe(0o640);
    expect(place.dir.list('a/b')).toEqual([{ name: 'c', type: 'file' }]);
  });

  test('answers undefined or false for what is absent', () => {
    expect(place.dir.stat('x/y')).toBeUndefined();
    expect(place.dir.exists('x/y')).toBe(false);
    expect(place.dir.readFile('x')).toBeUndefined();
    expect(place.dir.readlink('x')).toBeUndefined();
    expect(place.dir.tryOpenDir('x')).toBeUndefined();
    expect(place.dir.unlink('x')).toBe(false);
  });

  test('refuses names that lead out of it', () => {
    symlinkSync('/etc', join(place.path, 'out'));
    symlinkSync('../..', join(place.path, 'up'));
    expect(codeOf(() => place.dir.readFile('out/passwd'))).toBe('EXDEV');
    expect(codeOf(() => place.dir.openDir('up'))).toBe('EXDEV');
    expect(codeOf(() => place.dir.writeFile('out/x', 'no'))).toBe('EXDEV');
    expect(() => place.dir.stat('../x')).toThrow('Invalid path');
    expect(() => place.dir.readFile('/etc/passwd')).toThrow('Invalid path');
  });

  test('follows symlinks that stay below it', () => {
    place.dir.ensureDir('real/entries');
    place.dir.writeFile('real/entries/x', 'text');
    place.dir.symlink('real', 'link');
    expect(place.dir.readText('link/entries/x')).toBe('text');
    expect(place.dir.stat('link')?.isSymlink()).toBe(true);
    expect(place.dir.readlink('link')).toBe('real');
  });

  test('limits what it reads into memory', () => {
    place.dir.writeFile('big', new Uint8Array(1001));
    expect(() => place.dir.readFile('big', 1000)).toThrow('larger than 1000 bytes');
    expect(place.dir.readFile('big', 1001)?.length).toBe(1001);
  });

  test('exchanges two names and refuses to replace when told so', () => {
    place.dir.writeFile('a', 'A');
    place.dir.writeFile('b', 'B');
    place.dir.rename('a', place.dir, 'b', { exchange: true });
    expect(place.dir.readText('a')).toBe('B');
    expect(codeOf(() => place.dir.rename('a', place.dir, 'b', { noReplace: true }))).toBe('EEXIST');
    place.dir.rename('a', place.dir, 'b');
    expect(place.dir.exists('a')).toBe(false);
    expect(place.dir.readText('b')).toBe('B');
  });

  test('copies a file with mode and modification time, and never as a link', () => {
    place.dir.writeFile('a', 'A', 0o751);
    place.dir.copyFile('a', place.dir, 'b');
    const [a, b] = [place.dir.stat('a'), place.dir.stat('b')];
    expect(b?.mode).toBe(a?.mode);
    expect(b?.mtimeNs).toBe(a?.mtimeNs);
    expect(b?.ino).not.toBe(a?.ino);
    expect(codeOf(() => place.dir.copyFile('a', place.dir, 'b'))).toBe('EEXIST');
  });

  test('writes durably: the same content, no temporary file left', () => {
    writeFileDurably(place.dir, 'f', 'one');
    writeFileDurably(place.dir, 'f', 'two');
    replaceSymlinkDurably(place.dir, 'l', 'f');
    replaceSymlinkDurably(place.dir, 'l', 'g');
    syncDir(place.dir);
    expect(place.dir.readText('f')).toBe('two');
    expect(place.dir.readlink('l')).toBe('g');
    expect(place.dir.list().map((entry) => entry.name)).toEqual(['f', 'l']);
  });
});
