import { AtomicError } from '../base/index.ts';
import {
  PeerServer,
  transactionInterface,
  transactionPath,
  ObjectTree,
  type Caller,
  type Connection,
  type Invocation,
  type OutgoingMessage,
  type Peer,
  type WireValue,
} from '../ipc/index.ts';

/** How a transaction ended, as `Finished` tells it. */
export interface TransactionResult {
  readonly success: boolean;
  readonly error: string;
}

/** What a served transaction is, and what its clients may make it do. */
export interface TransactionActions {
  readonly title: string;
  readonly initiator: string;
  /** The user who began it: beside root the only one who may start or cancel it. */
  readonly uid: number;
  /** Begins the work; false if it had begun. */
  readonly start: () => boolean;
  readonly cancel: () => void;
  readonly onPeersChanged: () => void;
}

/** A client that reads nothing holds up the end for others no longer than this. */
const flushTimeoutMs = 2000;

/**
 * One transaction on its private socket: object `/` with the Transaction interface, for any number of clients. It is only
 * the socket's side: what runs, and when it ends, is told to it.
 */
export class ServedTransaction {
  readonly address: string;
  readonly #server: PeerServer;
  readonly #actions: TransactionActions;
  readonly #peers: Set<Peer>;
  #result: TransactionResult | undefined;

  private constructor(server: PeerServer, actions: TransactionActions, peers: Set<Peer>) {
    this.#server = server;
    this.address = server.address;
    this.#actions = actions;
    this.#peers = peers;
  }

  /** Listens at `socketPath`, for every user of the machine. */
  static async open(socketPath: string, actions: TransactionActions): Promise<ServedTransaction> {
    const peers = new Set<Peer>();
    const tree = new ObjectTree();
    const server = await PeerServer.listen({
      path: socketPath,
      access: 'everybody',
      onPeer: (peer) => {
        peers.add(peer);
        actions.onPeersChanged();
        void peer.connection.closed.then(() => {
          peers.delete(peer);
          actions.onPeersChanged();
        });
        const uid = async (): Promise<number> => await Promise.resolve(peer.uid);
        tree.serve(peer.connection, () => ({ connection: peer.connection, sender: undefined, uid }));
      },
    });
    const served = new ServedTransaction(server, actions, peers);
    tree.set(transactionPath, [
      {
        contract: transactionInterface,
        properties: () =>
          new Map<string, WireValue>([
            ['Title', actions.title],
            ['InitiatingClientDescription', actions.initiator],
          ]),
        invoke: async (invocation) => await served.#invoke(invocation),
      },
    ]);
    return served;
  }

  /** How many clients are connected. */
  get peerCount(): number {
    return this.#server.peerCount;
  }

  /** Sends a signal of the Transaction interface to everybody connected. */
  emit(member: string, signature: string, body: readonly WireValue[]): void {
    for (const peer of this.#peers) peer.connection.send(signal(member, signature, body));
  }

  /** Tells everybody how it ended; resolves when that has left (or its reader had its time). */
  async finish(result: TransactionResult): Promise<void> {
    this.#result = result;
    const peers = [...this.#peers];
    for (const peer of peers) peer.connection.send(finished(result));
    const late = new Promise<void>((resolve) => setTimeout(resolve, flushTimeoutMs).unref());
    await Promise.race([Promise.all(peers.map(async (peer) => await peer.connection.flush())), late]);
  }

  /** Takes no more clients; makes room for the next transaction's socket. */
  stopListening(): void {
    this.#server.stopListening();
  }

  /** Cuts whoever is still connected. */
  close(): void {
    this.#server.stopListening();
    this.#server.cut();
  }

  /** `Start` and `Cancel`. Whoever may not act is answered as a watcher, not turned away: the signals are for everybody. */
  async #invoke({ method, caller }: Invocation): Promise<readonly WireValue[]> {
    const mayAct = await this.#mayAct(caller);
    if (method.name === 'Start') {
      if (this.#result !== undefined) resend(caller.connection, this.#result);
      // A stranger may watch; that is what a Start that answers false is.
      return [this.#result === undefined && mayAct && this.#actions.start()];
    }
    if (!mayAct) {
      throw new AtomicError('NotAuthorized', 'Only root and the user who started a transaction may cancel it', {
        hint: 'Run the command as root',
      });
    }
    this.#actions.cancel();
    return [];
  }

  /** The user comes from the kernel, not from what the client says. */
  async #mayAct(caller: Caller): Promise<boolean> {
    const uid = await caller.uid();
    return uid === 0 || uid === this.#actions.uid;
  }
}

/** Sends the end again to one connection, behind the reply that is about to be sent. */
function resend(connection: Connection, result: TransactionResult): void {
  setImmediate(() => connection.send(finished(result)));
}

/** The last signal of a transaction. */
function finished(result: TransactionResult): OutgoingMessage {
  return signal('Finished', 'bs', [result.success, result.error]);
}

/** A signal of the object at `/`; on a peer connection nothing has a destination. */
function signal(member: string, signature: string, body: readonly WireValue[]): OutgoingMessage {
  return { kind: 'signal', path: transactionPath, interface: transactionInterface.name, member, signature, body };
}
