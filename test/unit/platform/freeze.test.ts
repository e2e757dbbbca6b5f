import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Dir, findAddon, freezeAndThaw, sys } from '../../../src/platform/index.ts';
import { mountLoopImage } from '../../support/loop-image.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

/** Starts a process that freezes the file system and does `inside` to itself or waits before it thaws. */
function startFreezer(mount: string, call: string): ChildProcess {
  const script = `const n = require(${JSON.stringify(findAddon())});
    const fd = n.openat(-100, ${JSON.stringify(mount)}, 65536, 0);
    ${call}`;
  return spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Starts a writer; its exit means that the file system took a write. */
function startWriter(mount: string): Promise<'wrote'> {
  const child = spawn('touch', [`${mount}/probe`], { stdio: 'ignore' });
  return once(child, 'exit').then(() => 'wrote' as const);
}

/** Resolves when a writer is blocked: the file system is frozen now. */
async function waitUntilFrozen(mount: string): Promise<{ readonly writer: Promise<'wrote'> }> {
  for (;;) {
    const writer = startWriter(mount);
    const first = await Promise.race([writer, delay(300, 'blocked' as const)]);
    if (first === 'blocked') return { writer };
    await delay(20);
  }
}

/** Runs `body` and thaws whatever it left frozen, for the unmount would wait for ever. */
async function onImage(body: (mount: string) => Promise<void>): Promise<void> {
  const mount = mountLoopImage();
  try {
    await body(mount);
  } finally {
    spawnSync('fsfreeze', ['-u', mount], { stdio: 'ignore' });
  }
}

describe('freezing and thawing', () => {
  test('works on a file system of its own and leaves it writable', async () => {
    await onImage(async (mount) => {
      using dir = Dir.open(mount);
      dir.writeFile('f', 'x');
      expect(freezeAndThaw(dir)).toBe('frozen');
      dir.writeFile('f', 'y');
      expect(dir.readText('f')).toBe('y');
    });
  });

  test('does not touch the file system that this process lives on, nor one that cannot freeze', () => {
    using root = Dir.open('/');
    using temporary = Dir.open(makeTempDir());
    using proc = Dir.open('/proc');
    for (const dir of [root, temporary, proc]) expect(freezeAndThaw(dir)).toBe('unsupported');
  });

  test('is thawed by the watchdog when the process is killed in between', async () => {
    await onImage(async (mount) => {
      const freezer = startFreezer(mount, 'n.freezeThaw(fd, 600000);');
      const ended = once(freezer, 'exit');
      const { writer } = await waitUntilFrozen(mount);
      freezer.kill('SIGKILL');
      await ended;
      expect(await writer).toBe('wrote');
    });
  });

  test('is thawed by the watchdog when the crash comes just before the thaw', async () => {
    await onImage(async (mount) => {
      const freezer = startFreezer(mount, 'n.armCrash(2); n.freezeThaw(fd);');
      const [, signal] = (await once(freezer, 'exit')) as [number | null, string | null];
      expect(signal).toBe('SIGKILL');
      expect(await startWriter(mount)).toBe('wrote');
    });
  });

  test('is thawed by the watchdog when the process stalls', async () => {
    await onImage(async (mount) => {
      const freezer = startFreezer(mount, 'console.log(n.freezeThaw(fd, 4000, 1000));');
      const ended = once(freezer, 'exit').then(() => 'ended' as const);
      const output: string[] = [];
      freezer.stdout?.on('data', (chunk: Buffer) => output.push(chunk.toString()));
      const { writer } = await waitUntilFrozen(mount);
      expect(await Promise.race([writer, ended])).toBe('wrote');
      await ended;
      expect(output.join('').trim()).toBe('frozen');
    });
  });

  test('leaves no child behind', async () => {
    await onImage(async (mount) => {
      using dir = Dir.open(mount);
      freezeAndThaw(dir);
      const children = spawnSync('ps', ['--ppid', String(process.pid), '-o', 'stat=,comm='], {
        encoding: 'utf8',
      }).stdout;
      expect(children).not.toMatch(/^Z/m);
      expect(sys.exists(dir.fd, 'lost+found')).toBe(true);
    });
  });
});
