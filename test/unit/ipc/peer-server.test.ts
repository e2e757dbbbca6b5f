import { spawn } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openConnection, PeerServer } from '../../../src/ipc/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

/** A user without any rights, as Debian numbers it. */
const nobody = 65_534;

async function serve(): Promise<{ server: PeerServer; path: string }> {
  const path = join(makeTempDir(), 'socket');
  chmodSync(dirname(path), 0o755);
  const server = await PeerServer.listen({ path, access: 'everybody', onPeer: () => undefined });
  onTestFinished(() => {
    server.stopListening();
    server.cut();
  });
  return { server, path };
}

/** Another user's process that holds `count` connections until it is told to end; resolves with how many it was refused. */
async function occupy(path: string, { count, refused }: { count: number; refused: number }): Promise<void> {
  const script = `
    const { connect } = require('node:net');
    let closed = 0;
    for (let i = 0; i < ${count}; i += 1) {
      connect(${JSON.stringify(path)}).on('error', () => undefined).on('close', () => {
        closed += 1;
        if (closed === ${refused}) process.stdout.write('refused');
      });
    }`;
  const child = spawn(process.execPath, ['-e', script], {
    uid: nobody,
    gid: nobody,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()));
}

describe('a peer server', () => {
  it(
    'listens no longer to a client that failed to authenticate, however much it goes on to send',
    { timeout: 20_000 },
    async () => {
      // A client that says nothing more is cut after 30 s anyway; this one must be gone before.
      const { server, path } = await serve();
      const socket = connect({ path, allowHalfOpen: true });
      onTestFinished(() => void socket.destroy());
      const cut = new Promise<void>((resolve) => socket.on('error', () => resolve()).on('close', () => resolve()));
      const endless = Buffer.alloc(1 << 20, 'GET / HTTP/1.0 ');
      const send = (error?: Error | null): void => {
        if (!(error instanceof Error)) socket.write(endless, send);
      };
      send();
      await cut;
      await expect.poll(() => server.peerCount).toBe(0);
    },
  );

  it('lets no user take the connections of the others', async () => {
    const { server, path } = await serve();
    await occupy(path, { count: 300, refused: 268 });
    expect(server.peerCount).toBe(32);
    const connection = await openConnection(server.address);
    expect(server.peerCount).toBe(33);
    await connection.close();
  });
});
