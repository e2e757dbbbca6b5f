/** Servers that accept a connection and then stay silent, wholly or from some point on: opening ends, and says why. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isAtomicError } from '../../../src/base/index.ts';
import {
  addressOf,
  AgentClient,
  BusConnection,
  decodeMessage,
  encodeMessage,
  openConnection,
  TransactionClient,
} from '../../../src/ipc/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const timeoutMs = 300;
const accepted = `OK ${'0'.repeat(32)}\r\n`;

/** What a server does with one client. */
type Script = (socket: Socket) => void;

/** Reads and never says a word. */
const mute: Script = (socket) => void socket.resume();

/** Authenticates whoever comes, then hands over what else arrives. */
const authenticating =
  (then: (socket: Socket, bytes: Buffer) => void, delayMs = 0): Script =>
  (socket) => {
    let begun = false;
    socket.on('data', (bytes) => {
      const text = bytes.toString('latin1');
      if (text.includes('AUTH EXTERNAL')) setTimeout(() => socket.write(accepted), delayMs);
      const begin = text.indexOf('BEGIN\r\n');
      const rest = begun ? bytes : bytes.subarray(begin + 7);
      begun ||= begin >= 0;
      if (begun && rest.length > 0) then(socket, rest);
    });
  };

/** Listens with the script; the address, and when its first client has gone. */
async function listen(script: Script): Promise<{ address: string; left: Promise<unknown> }> {
  const path = join(makeTempDir(), 'socket');
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    script(socket);
  });
  const left = new Promise((resolve) => {
    server.once('connection', (socket) => socket.once('close', resolve));
  });
  server.listen(path);
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { address: addressOf(path), left };
}

/** How opening failed. */
async function failureOf(opening: Promise<unknown>): Promise<unknown> {
  return await opening.then(
    () => 'opened',
    (error: unknown) =>
      isAtomicError(error) ? { code: error.code, message: error.message, hint: error.hint } : String(error),
  );
}

const openers: readonly (readonly [string, (address: string) => Promise<unknown>])[] = [
  ['a connection', (address) => openConnection(address, { timeoutMs })],
  ['a bus', (address) => BusConnection.open(address, { timeoutMs })],
  ['the agent on a bus', (address) => AgentClient.open({ kind: 'bus', address }, { timeoutMs })],
  ['the agent at its own socket', (address) => AgentClient.open({ kind: 'peer', address }, { timeoutMs })],
  ['a transaction', (address) => TransactionClient.open(address, () => undefined, { timeoutMs })],
];

const silence = (address: string) => ({
  code: 'AgentUnavailable',
  message: `Could not connect to ${address}: no answer within 0.3 s`,
  hint: expect.stringContaining('systemctl status') as string,
});

describe('opening', () => {
  it.each(openers)('%s ends when the server never authenticates', async (_what, open) => {
    const { address, left } = await listen(mute);
    expect(await failureOf(open(address))).toEqual(silence(address));
    // A connection left open would keep the program from ending.
    await left;
  });

  it.each(openers)('%s ends when the server talks without ever finishing a line', async (_what, open) => {
    const { address, left } = await listen((socket) => {
      const timer = setInterval(() => socket.write('OK 0000'), 20);
      socket.once('close', () => clearInterval(timer)).resume();
    });
    expect(await failureOf(open(address))).toEqual(silence(address));
    await left;
  });

  it.each(openers.slice(1, 3))('%s ends when nobody answers Hello', async (_what, open) => {
    const { address, left } = await listen(authenticating(() => undefined));
    expect(await failureOf(open(address))).toEqual(silence(address));
    await left;
  });

  it('has one deadline for all of it', async () => {
    const slow = authenticating(() => undefined, timeoutMs * 0.8);
    const { address } = await listen(slow);
    const late = sleep(timeoutMs * 1.6, 'still waiting');
    const opening = failureOf(BusConnection.open(address, { timeoutMs }));
    expect(await Promise.race([opening, late])).toEqual(silence(address));
  });

  it('a bus that refuses Hello says what the bus said, and leaves', async () => {
    const { address, left } = await listen(
      authenticating((socket, bytes) => {
        const { serial } = decodeMessage(bytes);
        const refusal = { kind: 'error', errorName: 'org.freedesktop.DBus.Error.LimitsExceeded' } as const;
        const message = { ...refusal, serial: 1, replySerial: serial, signature: 's', body: ['too many connections'] };
        socket.write(encodeMessage(message));
      }),
    );
    expect(await failureOf(BusConnection.open(address, { timeoutMs: 60_000 }))).toEqual({
      code: 'AgentUnavailable',
      message: `Could not connect to ${address}: too many connections`,
      hint: undefined,
    });
    await left;
  });

  it.each([
    ['at once', (socket: Socket) => void socket.end()],
    ['after Hello', authenticating((socket) => void socket.destroy())],
  ])('a bus that hangs up %s is unavailable', async (_when, script) => {
    const { address } = await listen(script);
    const failure = await failureOf(BusConnection.open(address, { timeoutMs: 60_000 }));
    expect(failure).toMatchObject({ code: 'AgentUnavailable' });
    expect(failure).toHaveProperty('message', expect.stringMatching(/^Could not connect to unix:path=.*closed/));
  });
});
