import { AtomicError } from '../base/index.ts';
import type { Caller, Connection } from '../ipc/index.ts';
import type { Front } from './front.ts';

/** Registering costs a watch on the bus and keeps the agent running; nobody needs more programs than this at once. */
const maxClients = 512;
/** What of a program's name is kept for descriptions. */
const maxIdLength = 64;

interface Client {
  readonly id: string;
  readonly watch: Promise<AsyncDisposable>;
}

/** The programs that registered. Who vanishes from the bus is forgotten by itself. */
export class Clients {
  readonly #clients = new Map<string | Connection, Client>();
  readonly #front: () => Front;
  readonly #onChange: () => void;

  constructor(front: () => Front, onChange: () => void) {
    this.#front = front;
    this.#onChange = onChange;
  }

  /** How many are registered. */
  get count(): number {
    return this.#clients.size;
  }

  /** Registers the caller under a program name; a second time does nothing. */
  async register(caller: Caller, id: string): Promise<void> {
    const key = keyOf(caller);
    if (this.#clients.has(key)) return;
    if (this.#clients.size >= maxClients) {
      throw new AtomicError('LimitExceeded', `More than ${maxClients} clients are registered`, {
        hint: 'Calls work without registering',
      });
    }
    const watch = this.#front().onVanish(caller, () => this.#forget(key));
    // Set before the wait, so that two registrations of one caller do not both watch.
    this.#clients.set(key, { id: id.slice(0, maxIdLength), watch });
    this.#onChange();
    await watch.catch(() => this.#forget(key));
  }

  /** Forgets the caller; nothing happens if it was not registered. */
  unregister(caller: Caller): void {
    this.#forget(keyOf(caller));
  }

  /** A caller in words, as the property InitiatingClientDescription has it. */
  describe(caller: Caller, uid: number): string {
    const name = caller.sender === undefined ? '' : `dbus:${caller.sender} `;
    const client = this.#clients.get(keyOf(caller));
    if (client !== undefined) return `client(id:${client.id} ${name}uid:${uid})`;
    return `caller ${caller.sender ?? `uid:${uid}`}`;
  }

  /** Does nothing for who is not registered, so vanishing and unregistering may come in any order. */
  #forget(key: string | Connection): void {
    const client = this.#clients.get(key);
    if (!this.#clients.delete(key)) return;
    void client?.watch.then(async (watch) => await watch[Symbol.asyncDispose]()).catch(() => undefined);
    this.#onChange();
  }
}

/** On a bus a client is its unique name; on a peer socket it is the connection itself. */
function keyOf(caller: Caller): string | Connection {
  return caller.sender ?? caller.connection;
}
