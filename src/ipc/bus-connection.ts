import { AtomicError, defined, isAtomicError, messageOf } from '../base/index.ts';
import { noAnswer, openConnection, openTimeoutMs, type OpenOptions } from './client-handshake.ts';
import type { CallOptions, Connection } from './connection.ts';
import type { WireMessage } from './message.ts';
import { wireText, type WireValue } from './values.ts';

const driver = 'org.freedesktop.DBus';
const driverPath = '/org/freedesktop/DBus';
const doNotQueue = 4;

/** A connection to a message bus, with the bus's own methods that agent and client need. */
export class BusConnection {
  readonly connection: Connection;
  /** Our name on the bus, for example `:1.42`. */
  readonly uniqueName: string;
  readonly #matches = new Map<string, number>();

  private constructor(connection: Connection, uniqueName: string) {
    this.connection = connection;
    this.uniqueName = uniqueName;
  }

  /** Connects, authenticates and says Hello, all within one time. `AgentUnavailable` if any of it fails. */
  static async open(address: string, options: OpenOptions = {}): Promise<BusConnection> {
    const { timeoutMs = openTimeoutMs } = options;
    const startedMs = performance.now();
    const connection = await openConnection(address, { timeoutMs });
    try {
      const leftMs = Math.max(1, timeoutMs - (performance.now() - startedMs));
      const hello = { destination: driver, path: driverPath, interface: driver, member: 'Hello' };
      const [name] = await connection.call(hello, { timeoutMs: leftMs });
      return new BusConnection(connection, wireText(name));
    } catch (error) {
      // An open socket would keep the whole program from ending.
      connection.destroy('it was never a connection to a bus');
      throw refusedHello(error, address, timeoutMs);
    }
  }

  /** Calls a method of the bus itself. */
  async callDriver(
    member: string,
    signature: string,
    body: readonly WireValue[],
    options: CallOptions = {},
  ): Promise<readonly WireValue[]> {
    const request = { destination: driver, path: driverPath, interface: driver, member, signature, body };
    return await this.connection.call(request, options);
  }

  /** Owns `name` afterwards; `AgentUnavailable` if another process does. */
  async requestName(name: string): Promise<void> {
    const [reply] = await this.callDriver('RequestName', 'su', [name, doNotQueue]);
    // 1 is "primary owner", 4 "already owner".
    if (reply !== 1 && reply !== 4) {
      throw new AtomicError('AgentUnavailable', `The bus name ${name} is owned by another process`, {
        hint: 'Another agent is running on this bus; stop it first',
      });
    }
  }

  /** Does not own `name` afterwards. */
  async releaseName(name: string): Promise<void> {
    await this.callDriver('ReleaseName', 's', [name]);
  }

  /** The uid behind a unique name, as the bus knows it. */
  async uidOf(uniqueName: string): Promise<number> {
    const [uid] = await this.callDriver('GetConnectionUnixUser', 's', [uniqueName]);
    if (typeof uid !== 'number')
      throw new AtomicError('NotAuthorized', `The bus does not know the user of ${uniqueName}`);
    return uid;
  }

  /** The unique name that owns `name`; undefined if nobody does. */
  async ownerOf(name: string): Promise<string | undefined> {
    const [has] = await this.callDriver('NameHasOwner', 's', [name]);
    if (has !== true) return undefined;
    const [owner] = await this.callDriver('GetNameOwner', 's', [name]).catch(() => []);
    return typeof owner === 'string' ? owner : undefined;
  }

  /** Asks for the signals of a match rule until disposed; rules are counted, so each is with the bus at most once. */
  async addMatch(rule: string): Promise<AsyncDisposable> {
    const count = this.#matches.get(rule) ?? 0;
    this.#matches.set(rule, count + 1);
    if (count === 0) await this.callDriver('AddMatch', 's', [rule]);
    return { [Symbol.asyncDispose]: async () => await this.#removeMatch(rule) };
  }

  /**
   * Tells every change of the owner of `name` (the new one, or undefined) until disposed. For a unique name the one change
   * is that it vanishes.
   */
  async watchOwner(name: string, listener: (owner: string | undefined) => void): Promise<AsyncDisposable> {
    const subscription = this.connection.onSignal((signal) => {
      if (isOwnerChange(signal) && signal.body[0] === name) {
        const owner = signal.body[2];
        listener(typeof owner === 'string' && owner !== '' ? owner : undefined);
      }
    });
    const rule = `type='signal',sender='${driver}',interface='${driver}',member='NameOwnerChanged',arg0='${name}'`;
    const match = await this.addMatch(rule);
    return {
      [Symbol.asyncDispose]: async () => {
        subscription[Symbol.dispose]();
        await match[Symbol.asyncDispose]();
      },
    };
  }

  async #removeMatch(rule: string): Promise<void> {
    const count = defined(this.#matches.get(rule), 'a match rule is removed once for each time it was added');
    if (count > 1) {
      this.#matches.set(rule, count - 1);
      return;
    }
    this.#matches.delete(rule);
    if (!this.connection.ended) await this.callDriver('RemoveMatch', 's', [rule]).catch(() => undefined);
  }
}

function refusedHello(cause: unknown, address: string, timeoutMs: number): AtomicError {
  if (isAtomicError(cause, 'Timeout')) return noAnswer(address, timeoutMs);
  return new AtomicError('AgentUnavailable', `Could not connect to ${address}: ${messageOf(cause)}`, { cause });
}

/** Only the bus itself may say so: any client can send a signal of that name. */
function isOwnerChange(signal: WireMessage): boolean {
  return signal.sender === driver && signal.interface === driver && signal.member === 'NameOwnerChanged';
}
