import handshake from 'dbus-next/lib/handshake.js';
import { connect, type Socket } from 'node:net';
import { AtomicError, isAtomicError, messageOf } from '../base/index.ts';
import { socketPathOf } from './address.ts';
import { Connection } from './connection.ts';

/** A server on the same machine answers in milliseconds; one that does not is stuck. */
const handshakeTimeoutMs = 20_000;

/** Connects to a D-Bus server and authenticates as the user we are; `AgentUnavailable` naming the address otherwise. */
export async function openConnection(address: string): Promise<Connection> {
  const socket = connect({ path: socketPathOf(address) });
  try {
    await authenticate(socket);
  } catch (error) {
    socket.destroy();
    socket.on('error', () => undefined);
    if (isAtomicError(error)) throw error;
    throw new AtomicError('AgentUnavailable', `Could not connect to ${address}: ${messageOf(error)}`, { cause: error });
  }
  return new Connection(socket);
}

/** dbus-next speaks the client's half; deadline and disconnection are ours, because it knows neither. */
async function authenticate(socket: Socket): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer within 20 s')), handshakeTimeoutMs);
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
