import { mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Checksum } from '../../../src/base/index.ts';
import {
  initRepo,
  listMirrorRefs,
  listRefs,
  readRef,
  writeMirrorRef,
  writeRef,
  writeRefAlias,
} from '../../../src/repo/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const one = '1'.repeat(64) as Checksum;
const two = '2'.repeat(64) as Checksum;

const newRepo = () => initRepo(join(makeTempDir(), 'repo'), { mode: 'bare' });

describe('refs', () => {
  it('writes 64 digits and a newline below heads and remotes', () => {
    using repo = newRepo();
    writeRef(repo, 'os/stable', one);
    writeRef(repo, 'origin:os/stable', two);
    expect(readFileSync(join(repo.path, 'refs/heads/os/stable'), 'utf8')).toBe(`${one}\n`);
    expect(readFileSync(join(repo.path, 'refs/remotes/origin/os/stable'), 'utf8')).toBe(`${two}\n`);
    expect([...listRefs(repo)]).toEqual([
      ['origin:os/stable', two],
      ['os/stable', one],
    ]);
  });

  it('lists only what is below a prefix, and the prefix itself', () => {
    using repo = newRepo();
    for (const ref of ['os/a', 'os/b', 'osx', 'os-c']) writeRef(repo, ref, one);
    expect([...listRefs(repo, 'os').keys()]).toEqual(['os/a', 'os/b']);
    expect([...listRefs(repo, 'osx').keys()]).toEqual(['osx']);
  });

  it('deletes a ref and does nothing about one that is absent', () => {
    using repo = newRepo();
    writeRef(repo, 'a/b', one);
    writeRef(repo, 'a/b', undefined);
    writeRef(repo, 'a/b', undefined);
    expect(readRef(repo, 'a/b')).toBeUndefined();
    expect(listRefs(repo).size).toBe(0);
  });

  it('takes the place of an empty directory but not of a directory with refs', () => {
    using repo = newRepo();
    writeRef(repo, 'a/b/c', one);
    expect(() => writeRef(repo, 'a', two)).toThrow(expect.objectContaining({ code: 'InvalidRefspec' }));
    expect(() => writeRef(repo, 'a/b/c/d', two)).toThrow(expect.objectContaining({ code: 'InvalidRefspec' }));
    writeRef(repo, 'a/b/c', undefined);
    writeRef(repo, 'a', two);
    expect([...listRefs(repo)]).toEqual([['a', two]]);
  });

  it.each(['', '/a', 'a/', 'a//b', '../x', 'a/../b', '.a', 'a b', 'a\nb', 'remote:', 'x:../y'])(
    'refuses %j as a name',
    (name) => {
      using repo = newRepo();
      expect(() => writeRef(repo, name, one)).toThrow(expect.objectContaining({ code: 'InvalidRefspec' }));
    },
  );

  it('follows aliases, also across directories', () => {
    using repo = newRepo();
    writeRef(repo, 'os/v1/stable', one);
    writeRefAlias(repo, 'newest/os', 'os/v1/stable');
    expect(readlinkSync(join(repo.path, 'refs/heads/newest/os'))).toBe('../os/v1/stable');
    expect(readRef(repo, 'newest/os')).toBe(one);
    writeRef(repo, 'os/v1/stable', two);
    expect(listRefs(repo).get('newest/os')).toBe(two);
    expect(() => writeRefAlias(repo, 'x', 'absent')).toThrow(expect.objectContaining({ code: 'RefNotFound' }));
  });

  it('never follows an alias out of the directory of its kind, nor in a circle', () => {
    using repo = newRepo();
    writeFileSync(join(repo.path, 'secret'), `${one}\n`);
    symlinkSync('../../secret', join(repo.path, 'refs/heads/out'));
    symlinkSync('/etc/passwd', join(repo.path, 'refs/heads/absolute'));
    symlinkSync('circle', join(repo.path, 'refs/heads/circle'));
    expect(listRefs(repo).size).toBe(0);
  });

  it('names the file of a damaged ref', () => {
    using repo = newRepo();
    writeFileSync(join(repo.path, 'refs/heads/broken'), 'half a check');
    const message = expect.stringContaining('refs/heads/broken') as unknown;
    expect(() => listRefs(repo)).toThrow(expect.objectContaining({ code: 'InvalidFormat', message }));
  });

  it('leaves names alone that no ref can have', () => {
    using repo = newRepo();
    writeFileSync(join(repo.path, 'refs/heads/.tmp-file'), 'x');
    expect(listRefs(repo).size).toBe(0);
  });

  it('touches the repo directory when a ref changes', () => {
    using repo = newRepo();
    const before = repo.dir.stat('.')?.mtimeNs ?? 0n;
    writeRef(repo, 'a', one);
    expect(repo.dir.stat('.')?.mtimeNs).toBeGreaterThan(before);
  });

  it('keeps refs of collections apart', () => {
    using repo = newRepo();
    writeMirrorRef(repo, { collection: 'org.example.Os', ref: 'os/stable' }, one);
    expect(listMirrorRefs(repo)).toEqual([{ collection: 'org.example.Os', ref: 'os/stable', checksum: one }]);
    expect(listRefs(repo).size).toBe(0);
    expect(() => writeMirrorRef(repo, { collection: '..', ref: 'x' }, one)).toThrow(
      expect.objectContaining({ code: 'InvalidRefspec' }),
    );
  });

  it('does not take a directory for a ref', () => {
    using repo = newRepo();
    mkdirSync(join(repo.path, 'refs/heads/a'));
    expect(readRef(repo, 'a')).toBeUndefined();
  });
});
