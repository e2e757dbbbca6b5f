import handshake from 'dbus-next/lib/handshake.js';
import { connect, type Socket } from 'node:net';
import { AtomicError, isAtomicError, messageOf } from '../base/index.ts';
import { socketPathOf } from './address.ts';
import { Connection } from './connection.ts';

/** How long opening may take as a whole, in milliseconds; {@link openTimeoutMs} unless told. */
export interface OpenOptions {
  readonly timeoutMs?: number;
}

/** A server on the same machine answers in milliseconds; one that has not after this time is stuck. */
export const openTimeoutMs = 25_000;

/**
 * Connects to a D-Bus server and authenticates as the user we are; `AgentUnavailable` naming the address otherwise, also
 * when it accepts and then says nothing.
 */
export async function openConnection(address: string, options: OpenOptions = {}): Promise<Connection> {
  const { timeoutMs = openTimeoutMs } = options;
  const socket = connect({ path: socketPathOf(address) });
  try {
    await authenticate(socket, () => noAnswer(address, timeoutMs), timeoutMs);
  } catch (error) {
    socket.destroy();
    socket.on('error', () => undefined);
    if (isAtomicError(error)) throw error;
    throw new AtomicError('AgentUnavailable', `Could not connect to ${address}: ${messageOf(error)}`, { cause: error });
  }
  return new Connection(socket);
}

/** The error for a server that was there and stayed silent for the whole time. */
export function noAnswer(address: string, timeoutMs: number): AtomicError {
  return new AtomicError(
    'AgentUnavailable',
    `Could not connect to ${address}: no answer within ${timeoutMs / 1000} s`,
    {
      hint: 'Whatever listens there is stuck; see what it says with: systemctl status dbus rpm-ostreed',
    },
  );
}

/** dbus-next speaks the client's half; deadline and disconnection are ours, because it knows neither. */
async function authenticate(socket: Socket, late: () => AtomicError, timeoutMs: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => settle(late()), timeoutMs);
    const settle = (error?: unknown): void => {
      clearTimeout(timer);
      socket.removeAllListeners('error').removeAllListeners('close').removeAllListeners('readable');
      if (error === undefined) resolve();
      else reject(error instanceof Error ? error : new Error(messageOf(error)));
    };
    socket.once('error', settle);
    socket.once('close', () => settle(new Error('the other side closed the connection')));
    socket.once('connect', () => {
      handshake(socket, { authMethods: ['EXTERNAL'] }, (error) => {
        settle(error === null ? undefined : new Error(`authentication was refused (${messageOf(error).trim()})`));
      });
    });
  });
  // Between here and the Connection's own listener an error must not be without one.
  socket.once('error', () => undefined);
}
