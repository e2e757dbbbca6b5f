import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isAtomicError } from '../../../src/base/index.ts';
import { Dir, isMountPoint, notifyServiceManager, readBootId, run, systemClock } from '../../../src/platform/index.ts';
import { mountLoopImage } from '../../support/loop-image.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

async function codeOf(action: Promise<unknown>): Promise<string> {
  return await action.then(
    () => 'done',
    (error: unknown) => (isAtomicError(error) ? error.code : String(error)),
  );
}

describe('running a program', () => {
  test('gives status and both outputs, and feeds the input', async () => {
    const result = await run('sh', ['-c', 'cat; echo problem >&2; exit 3'], { input: 'hello' });
    expect(result).toEqual({ status: 3, stdout: 'hello', stderr: 'problem\n' });
    expect((await run('sh', ['-c', 'kill -TERM $$'])).status).toBe(143);
  });

  test('tells a missing program, a timeout and a cancellation apart', async () => {
    expect(await codeOf(run('/nowhere/program', []))).toBe('NotFound');
    expect(await codeOf(run('sleep', ['600'], { timeoutMs: 20 }))).toBe('Timeout');
    const controller = new AbortController();
    const running = run('sleep', ['600'], { signal: controller.signal });
    controller.abort();
    expect(await codeOf(running)).toBe('Cancelled');
    expect(await codeOf(systemClock.sleep(600_000, controller.signal))).toBe('Cancelled');
  });
});

describe('facts of the host', () => {
  test('include the id of this boot', () => {
    expect(readBootId()).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  test('tell a mount point from a directory', () => {
    const path = makeTempDir();
    using dir = Dir.open(path);
    dir.makeDir('plain');
    mountLoopImage({ mountPoint: join(path, 'boot') });
    expect([isMountPoint(dir, 'boot'), isMountPoint(dir, 'plain'), isMountPoint(dir, 'absent')]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe('telling the service manager', () => {
  test('is nothing where there is none, and no error where nobody listens', () => {
    expect(notifyServiceManager(undefined, 'READY=1')).toBe(false);
    expect(notifyServiceManager(join(makeTempDir(), 'absent'), 'READY=1')).toBe(false);
  });

  test('needs a datagram socket: a stream socket refuses', async () => {
    const path = join(makeTempDir(), 'stream');
    const server = createServer().listen(path);
    await new Promise((resolve) => server.once('listening', resolve));
    expect(notifyServiceManager(path, 'READY=1')).toBe(false);
    server.close();
  });

  test('sends one datagram to the socket', async () => {
    const path = join(makeTempDir(), 'notify');
    const listener = `import socket,sys
s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.bind(sys.argv[1]); print('bound',flush=True); print(s.recv(100).decode())`;
    const received = run('/usr/bin/python3', ['-c', listener, path], { timeoutMs: 60_000 });
    while (!notifyServiceManager(path, 'READY=1')) await systemClock.sleep(20);
    expect((await received).stdout).toBe('bound\nREADY=1\n');
  });
});
