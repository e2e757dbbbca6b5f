/**
 * ipc: the bus contract both sides share, and the only user of dbus-next. dbus-next marshals messages, reads primitives
 * and authenticates as a client; everything that decides is ours: framing and bounds ({@link WireReader}: anybody may
 * connect to a transaction's socket), dictionaries as Maps, calls that always end ({@link Connection}), and one dispatcher
 * ({@link ObjectTree}) that knows the caller. Its MessageBus is not used: it loses senders, never ends a call whose
 * connection died, and makes objects of dictionaries.
 *
 * A client opens an {@link AgentClient} (on a bus or at the socket of an embedded agent), calls methods of the
 * {@link contract} by name, and follows the address a transaction method returns with a {@link TransactionClient}. The
 * agent serves an {@link ObjectTree} on a {@link BusConnection} or a {@link PeerServer}. Errors cross as
 * `org.projectatomic.rpmostreed.Error.<code>` with the sentence and, after a line break, the hint.
 */
export { addressOf, socketPathOf, systemBusAddress } from './address.ts';
export { AgentClient, type AgentAddress } from './agent-client.ts';
export { BusConnection } from './bus-connection.ts';
export { openConnection } from './client-handshake.ts';
export { Connection, type CallOptions, type CallRequest, type OutgoingMessage } from './connection.ts';
export {
  actionPrefix,
  agentBusName,
  basePath,
  contract,
  osExperimentalInterface,
  osInterface,
  osPath,
  sysrootInterface,
  sysrootPath,
  transactionInterface,
  transactionPath,
} from './contract.ts';
export type { InterfaceContract, MethodContract, PropertyContract, SignalContract } from './contract-types.ts';
export { renderContract } from './introspection.ts';
export { decodeMessage, encodeMessage, sendableBytes, type MessageKind, type WireMessage } from './message.ts';
export {
  ObjectTree,
  propertyDict,
  type Authorize,
  type Caller,
  type Invocation,
  type ObjectTreeOptions,
  type ServedInterface,
} from './object-tree.ts';
export { PeerServer, type Peer, type PeerServerOptions } from './peer-server.ts';
export {
  TransactionClient,
  type DownloadProgress,
  type TransactionEnd,
  type TransactionEvent,
} from './transaction-client.ts';
export {
  dictBoolean,
  dictString,
  isWireVariant,
  sameWireValue,
  wireDict,
  wireText,
  wireVariant,
  type WireDict,
  type WireMap,
  type WireValue,
  type WireVariant,
} from './values.ts';
export { errorPrefix, errorText, fromWireFailure, toWireFailure, type WireFailure } from './wire-errors.ts';
