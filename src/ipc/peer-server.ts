import { createServer, type Server, type Socket } from 'node:net';
import { AtomicError } from '../base/index.ts';
import { flags, sys } from '../platform/index.ts';
import { addressOf } from './address.ts';
import { Connection, maxQueuedForPeerBytes, maxRequestBytes } from './connection.ts';
import { SaslServer } from './sasl.ts';

/** A client authenticates in milliseconds; one that does not may not hold a connection. */
const handshakeTimeoutMs = 30_000;
/** More watchers of one transaction than a fleet of consoles opens, and few enough to cost nothing. */
const maxPeers = 256;
/** Of one user other than root, so that no user can keep the others out. */
const maxPeersPerUser = 32;

/** A client of a peer socket: its connection, and who the kernel says it is. */
export interface Peer {
  readonly connection: Connection;
  readonly uid: number;
  readonly pid: number;
}

/** Where to listen, which users may connect, and who takes the peers. */
export interface PeerServerOptions {
  readonly path: string;
  /** Everybody on the machine, or only the user who listens. */
  readonly access: 'everybody' | 'owner';
  readonly onPeer: (peer: Peer) => void;
}

/** A listening D-Bus peer server: no bus, no names, any number of clients. */
export class PeerServer {
  /** What a client connects to. */
  readonly address: string;
  readonly #server: Server;
  /** Everybody connected, with the user the kernel names. */
  readonly #sockets = new Map<Socket, number>();
  readonly #options: PeerServerOptions;
  readonly #guid: string;
  #listening = true;

  private constructor(options: PeerServerOptions) {
    this.#options = options;
    this.address = addressOf(options.path);
    this.#guid = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('hex');
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#accept(socket));
  }

  /** Listens at `options.path`, replacing a socket left there; `Io` naming the path if that is impossible. */
  static async listen(options: PeerServerOptions): Promise<PeerServer> {
    const server = new PeerServer(options);
    removeSocket(options.path);
    const open = options.access === 'everybody';
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', (error) => {
        reject(new AtomicError('Io', `Could not listen on ${options.path}: ${error.message}`, { cause: error }));
      });
      server.#server.listen({ path: options.path, readableAll: open, writableAll: open }, resolve);
    });
    server.#server.on('error', () => undefined);
    return server;
  }

  /** How many clients are connected, those still authenticating included. */
  get peerCount(): number {
    return this.#sockets.size;
  }

  /** Takes no more clients afterwards, and the socket is gone; those connected stay. */
  stopListening(): void {
    // Only once: the path may by then be another server's.
    if (!this.#listening) return;
    this.#listening = false;
    this.#server.close();
    removeSocket(this.#options.path);
  }

  /** Cuts every client. */
  cut(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  /** True if the user may have one more connection; root always, for it is root who updates. */
  #hasRoom(uid: number): boolean {
    if (uid === 0) return true;
    const own = [...this.#sockets.values()].filter((other) => other === uid).length;
    return this.#sockets.size < maxPeers && own < maxPeersPerUser;
  }

  /** Authenticates a client; the kernel's word on who it is is taken first, while it is surely there. */
  #accept(socket: Socket): void {
    socket.on('error', () => undefined);
    const credentials = peerCredentials(socket);
    if (credentials === undefined || !this.#hasRoom(credentials.uid)) {
      socket.destroy();
      return;
    }
    this.#sockets.set(socket, credentials.uid);
    socket.once('close', () => this.#sockets.delete(socket));
    const sasl = new SaslServer(credentials.uid, this.#guid);
    const timer = setTimeout(() => socket.destroy(), handshakeTimeoutMs);
    socket.once('close', () => clearTimeout(timer));
    const feed = (bytes: Buffer): void => {
      const step = sasl.feed(bytes);
      if (step.reply !== '') socket.write(step.reply);
      if (step.state === 'more') return;
      // Whatever else a refused client sends is neither kept nor answered.
      socket.off('data', feed);
      socket.pause();
      if (step.state === 'failed') {
        socket.destroySoon();
        return;
      }
      clearTimeout(timer);
      const connection = new Connection(socket, {
        firstBytes: step.rest,
        limitBytes: maxRequestBytes,
        queueBytes: maxQueuedForPeerBytes,
      });
      this.#options.onPeer({ connection, ...credentials });
    };
    socket.on('data', feed);
    socket.resume();
  }
}

/** Who the kernel says is at the other end; undefined if it is already gone. */
function peerCredentials(socket: Socket): { readonly uid: number; readonly pid: number } | undefined {
  const handle = (socket as unknown as { readonly _handle?: { readonly fd?: number } })._handle;
  if (handle?.fd === undefined || handle.fd < 0) return undefined;
  try {
    const { uid, pid } = sys.peerCredentials(handle.fd);
    return { uid, pid };
  } catch {
    return undefined;
  }
}

/** What an earlier server left; a missing file is fine. */
function removeSocket(path: string): void {
  try {
    sys.unlinkat(flags.AT_FDCWD, path, 0);
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'ENOENT') throw error;
  }
}
