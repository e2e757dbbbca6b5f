import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { isAtomicError } from '../../../src/base/index.ts';
import { armError, copyFileDurably, Dir, syncFilesystem } from '../../../src/platform/index.ts';
import { mountLoopImage } from '../../support/loop-image.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const ioError = 5;

/** More than one step of a copy, and more than a file system keeps in its metadata. */
const content = Buffer.alloc(3 * 1024 * 1024, 'new');

/**
 * Runs `body` while the file system is frozen: whoever writes to it waits until `thaw`. Should this thread be the one that
 * waits, another process thaws in the end, so that the test fails instead of hanging.
 */
async function whileFrozen(mount: string, body: (thaw: () => Promise<void>) => Promise<void>): Promise<void> {
  expect(spawnSync('fsfreeze', ['-f', mount]).status).toBe(0);
  const rescue = spawn('sh', ['-c', 'sleep 10; fsfreeze -u "$1"', 'sh', mount], { stdio: 'ignore' });
  const thaw = async (): Promise<void> => {
    await once(spawn('fsfreeze', ['-u', mount], { stdio: 'ignore' }), 'exit');
  };
  try {
    await body(thaw);
  } finally {
    rescue.kill();
    spawnSync('fsfreeze', ['-u', mount], { stdio: 'ignore' });
  }
}

describe('syncing a file system', () => {
  it('waits for a slow disk on another thread: timers fire and processes are heard meanwhile', async () => {
    const disk = mountLoopImage();
    // What is written here reaches its disk only when the file system below thaws.
    const mount = mountLoopImage({ directory: disk, mountPoint: join(makeTempDir(), 'mount'), sizeBytes: 16 << 20 });
    using dir = Dir.open(mount);
    dir.writeFile('dirty', content);
    await whileFrozen(disk, async (thaw) => {
      const order: string[] = [];
      const synced = syncFilesystem(dir).then(() => order.push('synced'));
      await delay(50);
      order.push('timer');
      await once(spawn('true'), 'exit');
      order.push('process');
      await thaw();
      await synced;
      expect(order).toEqual(['timer', 'process', 'synced']);
    });
  });

  it('is one call that the failure tests can make fail', async () => {
    using dir = Dir.open(makeTempDir());
    armError(1, ioError);
    const error: unknown = await syncFilesystem(dir).catch((failure: unknown) => failure);
    armError(0, 0);
    expect(isAtomicError(error) && { code: error.code, ...error.facts }).toMatchObject({
      code: 'Io',
      syscall: 'syncfs',
    });
    expect((error as Error).message).toContain(dir.path);
  });
});

/** A directory with `source` and an older `target`. */
function makeFiles(path = makeTempDir()): {
  readonly path: string;
  readonly copy: (signal?: AbortSignal) => Promise<void>;
} {
  writeFileSync(join(path, 'source'), content, { mode: 0o640 });
  utimesSync(join(path, 'source'), 1000, 2000);
  writeFileSync(join(path, 'target'), 'old');
  const copy = async (signal?: AbortSignal): Promise<void> => {
    using dir = Dir.open(path);
    await copyFileDurably({ from: dir, fromName: 'source', to: dir, toName: 'target' }, { signal });
  };
  return { path, copy };
}

describe('copying a file durably', () => {
  it('replaces it with content, mode and time, and whatever a killed copy left', async () => {
    const { path, copy } = makeFiles();
    writeFileSync(join(path, '.tmp-target'), 'left');
    await copy();
    expect(readFileSync(join(path, 'target')).equals(content)).toBe(true);
    const { mode, mtimeMs } = statSync(join(path, 'target'));
    expect({ mode: mode & 0o7777, mtimeMs }).toEqual({ mode: 0o640, mtimeMs: 2_000_000 });
    expect(readdirSync(path).toSorted()).toEqual(['source', 'target']);
  });

  it('syncs the content before the name changes, and the name after that', async () => {
    const { path, copy } = makeFiles();
    const calls: string[] = [];
    const before: boolean[] = [];
    for (let call = 1; ; call += 1) {
      writeFileSync(join(path, 'target'), 'old');
      armError(call, ioError);
      const error: unknown = await copy().catch((failure: unknown) => failure);
      armError(0, 0);
      if (error === undefined) break;
      calls.push(isAtomicError(error) ? String(error.facts['syscall']) : 'another error');
      before.push(readFileSync(join(path, 'target'), 'utf8') === 'old');
      expect(readdirSync(path).toSorted()).toEqual(['source', 'target']);
    }
    expect(calls.slice(0, 2)).toEqual(['unlinkat', 'openat']);
    expect(calls.slice(-6)).toEqual(['fchown', 'fchmod', 'futimens', 'fsync', 'renameat2', 'fsync']);
    expect(calls.slice(2, -6).every((name) => ['ficlone', 'copy_file_range', 'write'].includes(name))).toBe(true);
    expect(before).toEqual(calls.map((_, index) => index < calls.length - 1));
  });

  it('can be cancelled while it waits for the disk, and leaves what was there', async () => {
    const disk = mountLoopImage();
    const { path, copy } = makeFiles(disk);
    await whileFrozen(disk, async (thaw) => {
      const controller = new AbortController();
      const copied = copy(controller.signal).catch((failure: unknown) => failure);
      controller.abort();
      await thaw();
      expect(await copied).toMatchObject({ code: 'Cancelled' });
    });
    expect(readFileSync(join(path, 'target'), 'utf8')).toBe('old');
    expect(readdirSync(path)).not.toContain('.tmp-target');
  });
});
