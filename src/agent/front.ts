import {
  agentBusName,
  BusConnection,
  PeerServer,
  type Caller,
  type ObjectTree,
  type OutgoingMessage,
  type Peer,
} from '../ipc/index.ts';

/** Where the agent is to be reached: a bus it joins, or a socket of its own (embedded, no bus daemon). */
export type ListenAt =
  | { readonly kind: 'bus'; readonly address: string }
  | { readonly kind: 'peer'; readonly path: string };

/** How the agent meets its clients; the same for a bus and for peers. */
export interface Front {
  /** What a client connects to. */
  readonly address: string;
  /** Resolves when no client can come any more: the bus is gone, or {@link Front.close} was called. */
  readonly closed: Promise<void>;
  /** Clients that are connected to a socket of ours; a bus does not tell. */
  readonly peerCount: number;
  /** Sends a signal to everybody who wants it. */
  broadcast(signal: OutgoingMessage): void;
  /** Resolves when the signals sent so far are on their way to their receivers. */
  settle(): Promise<void>;
  /** Tells once when the caller's connection is gone, unless disposed before. */
  onVanish(caller: Caller, listener: () => void): Promise<AsyncDisposable>;
  /** Invites no more calls; those already sent still arrive. */
  retire(): Promise<void>;
  /** Undoes {@link Front.retire}. */
  resume(): Promise<void>;
  /** Ends every connection after what was sent has left. */
  close(): Promise<void>;
}

/** Serves the tree at the given place; on a bus, owns the agent's name when it resolves. */
export async function openFront(listen: ListenAt, tree: ObjectTree): Promise<Front> {
  return listen.kind === 'bus' ? await openBusFront(listen.address, tree) : await openPeerFront(listen.path, tree);
}

/** Answers calls before it owns the name: the first message may come together with the name. */
async function openBusFront(address: string, tree: ObjectTree): Promise<Front> {
  const bus = await BusConnection.open(address);
  const { connection } = bus;
  tree.serve(connection, ({ sender = '' }) => ({ connection, sender, uid: async () => await bus.uidOf(sender) }));
  try {
    await bus.requestName(agentBusName);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return {
    address,
    closed: connection.closed.then(() => undefined),
    peerCount: 0,
    broadcast: (signal) => {
      connection.send(signal);
    },
    // The bus handles one connection's messages in order: its answer means that it has passed on what came before.
    settle: async () => {
      if (!connection.ended) await bus.callDriver('GetId', '', []).catch(() => undefined);
    },
    onVanish: async (caller, listener) => {
      const { sender = '' } = caller;
      const watch = await bus.watchOwner(sender, (owner) => {
        if (owner === undefined) listener();
      });
      // It may have gone while the watch was set up.
      if ((await bus.ownerOf(sender)) === undefined) listener();
      return watch;
    },
    retire: async () => await bus.releaseName(agentBusName),
    resume: async () => await bus.requestName(agentBusName),
    close: async () => await connection.close(),
  };
}

/** Every connection is a client of its own; signals go to all of them, as if all had asked for all. */
async function openPeerFront(path: string, tree: ObjectTree): Promise<Front> {
  const peers = new Set<Peer>();
  const end = { resolve: (): void => undefined };
  const closed = new Promise<void>((resolve) => {
    end.resolve = resolve;
  });
  const server = await PeerServer.listen({
    path,
    access: 'owner',
    onPeer: (peer) => {
      peers.add(peer);
      void peer.connection.closed.then(() => peers.delete(peer));
      const uid = async (): Promise<number> => await Promise.resolve(peer.uid);
      tree.serve(peer.connection, () => ({ connection: peer.connection, sender: undefined, uid }));
    },
  });
  return {
    address: server.address,
    closed,
    get peerCount() {
      return server.peerCount;
    },
    broadcast: (signal) => {
      for (const peer of peers) peer.connection.send(signal);
    },
    settle: async () => {
      await Promise.all([...peers].map(async (peer) => await peer.connection.flush()));
    },
    onVanish: async (caller, listener) => {
      const watch = { active: true };
      void caller.connection.closed.then(() => {
        if (watch.active) listener();
      });
      return await Promise.resolve({
        [Symbol.asyncDispose]: async () => {
          watch.active = false;
          await Promise.resolve();
        },
      });
    },
    retire: async () => {
      server.stopListening();
      await Promise.resolve();
    },
    resume: async () => await Promise.resolve(),
    close: async () => {
      server.stopListening();
      await Promise.all([...peers].map(async (peer) => await peer.connection.close()));
      server.cut();
      end.resolve();
    },
  };
}
