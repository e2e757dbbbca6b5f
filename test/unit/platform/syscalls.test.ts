import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isAtomicError } from '../../../src/base/index.ts';
import {
  armError,
  Dir,
  explainSystemErrors,
  findAddon,
  flags,
  hashFiles,
  ingestTree,
  interceptSyscalls,
  isSystemError,
  mutationCount,
  sys,
  type SystemError,
} from '../../../src/platform/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const noSpace = 28;
const readOnly = 30;

function errorOf(action: () => unknown): SystemError {
  try {
    action();
  } catch (error) {
    if (isSystemError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Counts the mutations of one action. */
function mutationsOf(action: () => unknown): number {
  const before = mutationCount();
  action();
  return mutationCount() - before;
}

describe('the table of system calls', () => {
  test('says which call failed, on what and why', () => {
    using dir = Dir.open(makeTempDir());
    const error = errorOf(() => sys.unlinkat(dir.fd, 'absent', 0));
    expect(error).toMatchObject({ code: 'ENOENT', errno: 2, syscall: 'unlinkat', path: 'absent' });
    expect(isSystemError(error, 'EEXIST')).toBe(false);
  });

  test('refuses a NUL in a name instead of stopping at it', () => {
    using dir = Dir.open(makeTempDir());
    expect(() => sys.mkdirat(dir.fd, 'a\0b', 0o755)).toThrow(TypeError);
    expect(dir.list()).toEqual([]);
  });

  test('counts what changes something and nothing else', () => {
    using dir = Dir.open(makeTempDir());
    expect(mutationsOf(() => sys.mkdirat(dir.fd, 'd', 0o755))).toBe(1);
    expect(mutationsOf(() => dir.list())).toBe(0);
    expect(mutationsOf(() => dir.readFile('x'))).toBe(0);
    expect(mutationsOf(() => sys.fsync(dir.fd))).toBe(1);
    // Creation, write, mode and rename.
    expect(mutationsOf(() => dir.writeFile('f', 'x'))).toBe(4);
    expect(mutationsOf(() => errorOf(() => sys.mkdirat(dir.fd, 'd', 0o755)))).toBe(1);
  });

  test('fails the armed call, and only that one', () => {
    using dir = Dir.open(makeTempDir());
    armError(2, noSpace);
    sys.mkdirat(dir.fd, 'one', 0o755);
    expect(errorOf(() => sys.mkdirat(dir.fd, 'two', 0o755)).code).toBe('ENOSPC');
    sys.mkdirat(dir.fd, 'two', 0o755);
    expect(dir.list().map((entry) => entry.name)).toEqual(['one', 'two']);
  });

  test('knows the names of what file systems answer, a full quota among them', () => {
    using dir = Dir.open(makeTempDir());
    const named = [5, 28, 30, 74, 116, 117, 122].map((errno) => {
      armError(1, errno);
      return errorOf(() => sys.mkdirat(dir.fd, 'd', 0o755));
    });
    expect(named.map(({ code }) => code)).toEqual(['EIO', 'ENOSPC', 'EROFS', 'EBADMSG', 'ESTALE', 'EUCLEAN', 'EDQUOT']);
    for (const { code, message } of named) expect(message).toMatch(new RegExp(`^${code}: [A-Za-z][^:]+, mkdirat 'd'$`));
  });

  test('becomes the sentence of the innermost step that names itself', async () => {
    using dir = Dir.open(makeTempDir());
    const failing = async (): Promise<void> =>
      await explainSystemErrors('bake bread', async () => {
        await explainSystemErrors('light the oven', () => sys.mkdirat(dir.fd, 'd', 0o755));
      });
    for (const [errno, code] of [
      [122, 'NoSpace'],
      [readOnly, 'ReadOnly'],
      [24, 'Io'],
    ] as const) {
      armError(1, errno);
      const failure: unknown = await failing().catch((error: unknown) => error);
      expect(failure).toMatchObject({ name: 'AtomicError', code, facts: { syscall: 'mkdirat', path: 'd' } });
      expect(String(failure)).toMatch(/: Cannot light the oven: E[A-Z]+: .*, mkdirat 'd'$/);
    }
    const bug = new TypeError('x is not a function');
    await expect(explainSystemErrors('count', () => Promise.reject(bug))).rejects.toBe(bug);
  });

  test.each([
    [noSpace, 'NoSpace'],
    [122, 'NoSpace'],
    [readOnly, 'ReadOnly'],
    [5, 'Io'],
  ])('tells errno %i inside a bulk call as %s, and leaves no staged object', async (errno, code) => {
    using dir = Dir.open(makeTempDir());
    for (const name of ['source', 'objects', 'staging']) dir.makeDir(name);
    for (let i = 0; i < 20; i++) dir.writeFile(`source/f${i}`, `content ${i}`);
    using source = dir.openDir('source');
    using objects = dir.openDir('objects');
    using staging = dir.openDir('staging');
    armError(30, errno);
    const failure: unknown = await ingestTree({ source, objects, staging, mode: 'bare' }).catch(
      (error: unknown) => error,
    );
    expect(isAtomicError(failure) ? failure.code : failure).toBe(code);
    expect(staging.list()).toEqual([]);
  });

  test('dies just before the armed call', () => {
    const path = makeTempDir();
    const script = `const n = require(${JSON.stringify(findAddon())});
      const fd = n.openat(-100, ${JSON.stringify(path)}, 65536, 0);
      n.armCrash(3);
      for (let i = 0; i < 9; i++) n.mkdirat(fd, 'd' + i, 493);`;
    const child = spawnSync(process.execPath, ['-e', script]);
    expect(child.signal).toBe('SIGKILL');
    expect(readdirSync(path).sort()).toEqual(['d0', 'd1']);
  });

  test('is seen by an interceptor, bulk calls by their names, until it is disposed', async () => {
    const path = makeTempDir();
    writeFileSync(join(path, 'f'), 'x');
    using dir = Dir.open(path);
    const seen: string[] = [];
    {
      using _watch = interceptSyscalls((name, original) => (...args) => {
        seen.push(name);
        return original(...args);
      });
      dir.makeDir('d');
      await hashFiles([join(path, 'f')]);
    }
    dir.makeDir('e');
    expect(seen).toEqual(['mkdirat', 'hashFiles']);
  });

  test('lets an interceptor answer in place of a call', () => {
    using dir = Dir.open(makeTempDir());
    using _fake = interceptSyscalls((name, original) => (name === 'exists' ? () => true : original));
    expect(dir.exists('nothing')).toBe(true);
  });
});

describe('attributes', () => {
  test('come back as they were set, on files and symlinks', () => {
    using dir = Dir.open(makeTempDir());
    dir.writeFile('f', 'x');
    dir.symlink('f', 'l');
    const value = new Uint8Array(3000).map((_, index) => index % 256);
    sys.lsetxattr(dir.fd, 'f', 'user.large', value);
    sys.lsetxattr(dir.fd, 'l', 'trusted.note', value.subarray(0, 3));
    expect(new Uint8Array(sys.lgetxattr(dir.fd, 'f', 'user.large') ?? [])).toEqual(value);
    expect(sys.llistxattr(dir.fd, 'l')).toEqual(['trusted.note']);
    expect(sys.lgetxattr(dir.fd, 'f', 'user.none')).toBeUndefined();
    sys.lremovexattr(dir.fd, 'l', 'trusted.note');
    expect(sys.llistxattr(dir.fd, 'l')).toEqual([]);
  });

  test('hold times before 1970 and the largest owner', () => {
    using dir = Dir.open(makeTempDir());
    dir.writeFile('f', 'x');
    sys.utimensat(dir.fd, 'f', -1_500_000_001n, 0);
    sys.fchownat(dir.fd, 'f', 4294967294, 4294967294, 0);
    expect(dir.stat('f')).toMatchObject({ mtimeNs: -1_500_000_001n, uid: 4294967294, gid: 4294967294 });
  });

  test('make a directory immutable and changeable again', () => {
    using dir = Dir.open(makeTempDir());
    dir.makeDir('d');
    using inner = dir.openDir('d');
    expect(sys.setImmutable(inner.fd, true)).toBe(true);
    expect(errorOf(() => inner.makeDir('x')).code).toBe('EPERM');
    expect(sys.setImmutable(inner.fd, false)).toBe(true);
    inner.makeDir('x');
  });
});

describe('a file without a name', () => {
  test('gets one when it is complete, and never replaces another', () => {
    using dir = Dir.open(makeTempDir());
    const fd = sys.tmpfile(dir.fd, 0o600);
    try {
      sys.write(fd, Buffer.from('whole'));
      expect(dir.list()).toEqual([]);
      sys.linkFd(fd, dir.fd, 'named');
      expect(dir.readText('named')).toBe('whole');
      expect(errorOf(() => sys.linkFd(fd, dir.fd, 'named')).code).toBe('EEXIST');
    } finally {
      sys.close(fd);
    }
  });

  test('is not opened through a symlink where none may be followed', () => {
    using dir = Dir.open(makeTempDir());
    dir.makeDir('real');
    dir.symlink('real', 'link');
    const open = (): number => sys.openat2(dir.fd, 'link', flags.O_DIRECTORY, 0, flags.RESOLVE_NO_SYMLINKS);
    expect(errorOf(open).code).toBe('ELOOP');
  });
});
