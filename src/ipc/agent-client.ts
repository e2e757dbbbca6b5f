import { AtomicError } from '../base/index.ts';
import { BusConnection } from './bus-connection.ts';
import { openConnection, type OpenOptions } from './client-handshake.ts';
import type { Connection } from './connection.ts';
import { signatureOf, type InterfaceContract } from './contract-types.ts';
import { agentBusName, sysrootInterface, sysrootPath } from './contract.ts';
import { wireText, type WireDict, type WireValue } from './values.ts';

/** Where the agent is: on a bus (which starts it when needed), or at a peer socket of its own (embedded). */
export type AgentAddress =
  | { readonly kind: 'bus'; readonly address: string }
  | { readonly kind: 'peer'; readonly address: string };

/** The default of the reference's client: a loaded machine may need minutes to start the agent and open its repo. */
const callTimeoutMs = 5 * 60_000;

/**
 * The agent as a client sees it: methods and properties by the contract's names, whatever lies between. Errors are what
 * the agent threw, with its code and hint; `AgentUnavailable` when there is no agent.
 */
export class AgentClient {
  readonly #connection: Connection;
  readonly #bus: BusConnection | undefined;

  private constructor(connection: Connection, bus: BusConnection | undefined) {
    this.#connection = connection;
    this.#bus = bus;
  }

  /** Connects. Does not start the agent yet: the first call does. */
  static async open(where: AgentAddress, options: OpenOptions = {}): Promise<AgentClient> {
    if (where.kind === 'peer') return new AgentClient(await openConnection(where.address, options), undefined);
    const bus = await BusConnection.open(where.address, options);
    return new AgentClient(bus.connection, bus);
  }

  /** Resolves when the connection is gone. */
  get closed(): Promise<AtomicError | undefined> {
    return this.#connection.closed;
  }

  /** Calls a method of the contract; `NotSupported` before anything is sent if the contract does not know it. */
  async call(
    path: string,
    one: InterfaceContract,
    call: { readonly member: string; readonly args?: readonly WireValue[]; readonly signal?: AbortSignal },
  ): Promise<readonly WireValue[]> {
    const method = one.methods.find((candidate) => candidate.name === call.member);
    if (method === undefined) throw new AtomicError('NotSupported', `${one.name} has no method ${call.member}`);
    return await this.#connection.call(
      {
        destination: agentBusName,
        path,
        interface: one.name,
        member: call.member,
        signature: signatureOf(method.in),
        body: call.args ?? [],
      },
      { timeoutMs: callTimeoutMs, ...(call.signal === undefined ? {} : { signal: call.signal }) },
    );
  }

  /** All properties of an interface, now. */
  async properties(path: string, one: InterfaceContract): Promise<WireDict> {
    const [dict] = await this.#connection.call(
      {
        destination: agentBusName,
        path,
        interface: 'org.freedesktop.DBus.Properties',
        member: 'GetAll',
        signature: 's',
        body: [one.name],
      },
      { timeoutMs: callTimeoutMs },
    );
    if (!(dict instanceof Map)) throw new AtomicError('InvalidFormat', 'The agent sent no properties');
    return dict as WireDict;
  }

  /** Registers as a client, which keeps the agent running while we are connected. */
  async register(id: string): Promise<void> {
    const options: WireDict = new Map([['id', { type: 's', value: id }]]);
    await this.call(sysrootPath, sysrootInterface, { member: 'RegisterClient', args: [options] });
  }

  /** The object path of a stateroot, the booted one for `''`. */
  async osPath(stateroot: string): Promise<string> {
    const [path] = await this.call(sysrootPath, sysrootInterface, { member: 'GetOS', args: [stateroot] });
    return wireText(path);
  }

  /** Tells when the agent leaves the bus or another takes its place, until disposed; at a peer socket: when it closes. */
  async watchAgent(onGone: () => void): Promise<AsyncDisposable> {
    if (this.#bus !== undefined) return await this.#bus.watchOwner(agentBusName, onGone);
    const watch = { active: true };
    void this.#connection.closed.then(() => {
      if (watch.active) onGone();
    });
    return {
      [Symbol.asyncDispose]: async () => {
        watch.active = false;
        await Promise.resolve();
      },
    };
  }

  /** Disconnects. */
  async close(): Promise<void> {
    await this.#connection.close();
  }
}
