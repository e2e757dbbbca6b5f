/**
 * agent: the D-Bus service `org.projectatomic.rpmostree1`. It knows who asks, whether they may, and which transaction runs;
 * what a transaction does is the business of the transactions room. {@link startAgent} reads the sysroot into an immutable
 * model, publishes it as objects, and keeps both in step: after a transaction, on Reload, and when another program changed
 * the deployments. A transaction method answers with the address of a private socket before any work begins; the work
 * starts when a client that listens there says Start.
 *
 * The same agent serves a bus (system bus, activated by it) or, embedded, a socket of its own without any bus. It ends of
 * itself when idle for the configured time, and never while a client is registered or a transaction is there.
 */
export { startAgent, type Agent } from './agent.ts';
export type { AgentOptions } from './agent-options.ts';
export type { ListenAt } from './front.ts';
