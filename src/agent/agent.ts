import { AtomicError, messageOf } from '../base/index.ts';
import { loadDaemonConfig, type DaemonConfig } from '../config/index.ts';
import {
  basePath,
  dictString,
  ObjectTree,
  osExperimentalInterface,
  osInterface,
  sysrootInterface,
  sysrootPath,
  wireText,
  type Invocation,
  type ServedInterface,
  type WireDict,
  type WireValue,
} from '../ipc/index.ts';
import { Dir, notifyServiceManager } from '../platform/index.ts';
import { openHistory, type History } from '../state/index.ts';
import { TransactionRunner, type Host, type Outcome } from '../transactions/index.ts';
import { authorizeByUid } from './authorize.ts';
import { writeCachedUpdate } from './cached-update.ts';
import { Clients } from './clients.ts';
import { openFront, type Front, type ListenAt } from './front.ts';
import { osProperties, readHostModel, readStamp, type HostModel, type StaterootModel } from './host-model.ts';
import { IdleExit } from './idle-exit.ts';
import { invokeOs } from './os-methods.ts';
import { PublishedObjects } from './published-objects.ts';
import { TransactionDesk } from './transaction-desk.ts';

/** How an agent is started. */
export interface AgentOptions {
  readonly host: Host;
  readonly listen: ListenAt;
  /** Where the transaction's socket is made; `/run` on a machine. */
  readonly runDir: string;
  /** The root below which `etc/rpm-ostreed.conf` is read; `/` by default. */
  readonly configRoot?: string;
  /** The user who may do everything beside root: whoever embeds an agent for himself. */
  readonly ownerUid?: number;
  /** Takes one line for the journal. */
  readonly log?: (line: string) => void;
  /** The environment's NOTIFY_SOCKET. */
  readonly notifySocket?: string | undefined;
  /** How long a transaction waits for Start and how long its clients may stay afterwards; 30 s each by default. */
  readonly startDeadlineMs?: number;
  readonly lingerMs?: number;
}

/** How often the agent looks for changes made by others while a client is registered. */
const watchIntervalMs = 2000;
const transactionSocket = 'rpm-ostree-transaction.sock';

/** A running agent. */
export class Agent {
  /** What a client connects to. */
  readonly address: string;
  /** Resolves when the agent has ended, of itself or because it was told to. */
  readonly closed: Promise<void>;
  readonly #agent: AgentCore;

  constructor(core: AgentCore, address: string) {
    this.#agent = core;
    this.address = address;
    this.closed = core.closed;
  }

  /** Ends the agent after the running transaction; called again, cancels that. Resolves when it has ended. */
  async stop(): Promise<void> {
    await this.#agent.stop();
  }
}

/**
 * Starts an agent and resolves when it can be called: objects are published before the name is owned. Fails with the error
 * of the sysroot, the configuration or the bus.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const core = new AgentCore(options);
  const address = await core.open();
  return new Agent(core, address);
}

class AgentCore {
  readonly closed: Promise<void>;
  readonly #options: AgentOptions;
  readonly #tree: ObjectTree;
  readonly #published: PublishedObjects;
  readonly #clients: Clients;
  readonly #desk: TransactionDesk;
  readonly #idle: IdleExit;
  readonly #history: LazyHistory;
  readonly #end: { resolve: () => void };
  #front: Front | undefined;
  #config: DaemonConfig;
  #model: HostModel;
  #watch: ReturnType<typeof setInterval> | undefined;
  #stopping = false;

  constructor(options: AgentOptions) {
    this.#options = options;
    const end = { resolve: (): void => undefined };
    this.closed = new Promise((resolve) => {
      end.resolve = resolve;
    });
    this.#end = end;
    this.#config = loadDaemonConfig(options.configRoot ?? '/');
    this.#model = readHostModel(options.host);
    this.#history = new LazyHistory(options.host);
    this.#tree = new ObjectTree({
      managerPath: basePath,
      authorize: authorizeByUid(options.ownerUid),
      prepare: () => this.#onCall(),
      machineId: readMachineId,
    });
    this.#published = new PublishedObjects(this.#tree, (signal) => this.#front?.broadcast(signal));
    this.#clients = new Clients(
      () => this.#requireFront(),
      () => this.#onChange(),
    );
    this.#desk = this.#createDesk();
    this.#idle = new IdleExit(
      this.#config.idleExitTimeoutSeconds * 1000,
      () => this.#isBusy(),
      () => void this.#exitWhenIdle(),
    );
  }

  async open(): Promise<string> {
    this.#publish();
    this.#front = await openFront(this.#options.listen, this.#tree);
    void this.#front.closed.then(async () => await this.stop());
    this.#watch = setInterval(() => {
      if (this.#clients.count > 0 || this.#desk.busy) this.#refreshIfChanged();
    }, watchIntervalMs);
    this.#notify('READY=1');
    this.#onChange();
    return this.#front.address;
  }

  async stop(): Promise<void> {
    if (this.#stopping) this.#desk.cancel();
    else {
      this.#stopping = true;
      void this.#shutDown();
    }
    await this.closed;
  }

  #createDesk(): TransactionDesk {
    const { host, runDir, startDeadlineMs = 30_000, lingerMs = 30_000 } = this.#options;
    return new TransactionDesk({
      host,
      runner: new TransactionRunner(this.#history),
      socketPath: `${runDir.replace(/\/+$/, '')}/${transactionSocket}`,
      timings: { startMs: startDeadlineMs, lingerMs },
      log: (line) => this.#log(line),
      describe: (caller, uid) => this.#clients.describe(caller, uid),
      onVanish: async (caller, listener) => await this.#requireFront().onVanish(caller, listener),
      onChange: () => this.#onChange(),
      publish: async (outcome) => await this.#completeTransaction(outcome),
    });
  }

  async #completeTransaction(outcome: Outcome | undefined): Promise<void> {
    try {
      if (outcome !== undefined) writeCachedUpdate(this.#options.host, outcome);
    } catch (error) {
      this.#log(`Could not remember the update: ${messageOf(error)}`);
    }
    try {
      this.#model = readHostModel(this.#options.host);
    } finally {
      this.#onChange();
      await this.#front?.settle();
    }
  }

  /** Runs before each call: what others changed is seen by the very next question. */
  #onCall(): void {
    this.#refreshIfChanged();
    this.#idle.touch();
  }

  #refreshIfChanged(): void {
    try {
      if (readStamp(this.#options.host) !== this.#model.stamp) this.#reload();
    } catch (error) {
      this.#log(`Could not read the sysroot: ${messageOf(error)}`);
    }
  }

  #reload(): void {
    this.#model = readHostModel(this.#options.host);
    this.#publish();
  }

  /** Clients, transactions or deployments changed. */
  #onChange(): void {
    this.#publish();
    this.#idle.touch();
    const active = this.#desk.active;
    const doing = active === undefined ? 'idle' : `txn=${active.member} caller=${active.sender} path=${active.path}`;
    this.#notify(`STATUS=clients=${this.#clients.count}; ${doing}`);
  }

  #publish(): void {
    const objects = new Map<string, readonly ServedInterface[]>([[sysrootPath, [this.#sysroot()]]]);
    for (const one of this.#model.stateroots.values()) objects.set(one.path, this.#os(one));
    this.#published.sync(objects);
  }

  #sysroot(): ServedInterface {
    return {
      contract: sysrootInterface,
      properties: () => {
        const active = this.#desk.active;
        return new Map<string, WireValue>([
          ['Booted', this.#model.bootedPath],
          ['Path', this.#options.host.sysrootPath],
          ['ActiveTransaction', [active?.member ?? '', active?.sender ?? '', active?.path ?? '']],
          ['ActiveTransactionPath', active?.address ?? ''],
          ['Deployments', this.#model.deployments],
          ['AutomaticUpdatePolicy', this.#config.automaticUpdatePolicy],
        ]);
      },
      invoke: async (invocation) => await this.#invokeSysroot(invocation),
    };
  }

  #os(one: StaterootModel): readonly ServedInterface[] {
    const around = {
      host: this.#options.host,
      stateroot: one.name,
      bootedStateroot: () => this.#model.bootedStateroot,
      policy: () => this.#config.automaticUpdatePolicy,
      begin: this.#desk.begin.bind(this.#desk),
    };
    return [
      {
        contract: osInterface,
        properties: () => osProperties(this.#model.stateroots.get(one.name) ?? one),
        invoke: async (invocation) => await invokeOs(around, invocation),
      },
      {
        contract: osExperimentalInterface,
        properties: () => new Map(),
        invoke: async (invocation) => await invokeOs(around, invocation),
      },
    ];
  }

  async #invokeSysroot({ method, args, caller }: Invocation): Promise<readonly WireValue[]> {
    switch (method.name) {
      case 'RegisterClient': {
        const options: WireDict = args[0] instanceof Map ? (args[0] as WireDict) : new Map();
        await this.#clients.register(caller, dictString(options, 'id') ?? 'unknown');
        return [];
      }
      case 'UnregisterClient':
        this.#clients.unregister(caller);
        return [];
      case 'GetOS':
        return [this.#findOs(wireText(args[0]))];
      case 'ReloadConfig':
        this.#config = loadDaemonConfig(this.#options.configRoot ?? '/');
        this.#idle.setDelay(this.#config.idleExitTimeoutSeconds * 1000);
        this.#reload();
        return [];
      default:
        this.#reload();
        await this.#front?.settle();
        return [];
    }
  }

  #findOs(name: string): string {
    const wanted = name === '' ? this.#model.bootedStateroot : name;
    if (wanted === undefined)
      throw new AtomicError('NotBooted', 'No OS of this sysroot is booted', { hint: 'Name one' });
    const found = this.#model.stateroots.get(wanted);
    if (found !== undefined) return found.path;
    throw new AtomicError('NotFound', `OS name "${wanted}" not found`, {
      hint: `There is ${[...this.#model.stateroots.keys()].join(', ') || 'none'}`,
    });
  }

  #isBusy(): boolean {
    return this.#clients.count > 0 || this.#desk.busy || (this.#front?.peerCount ?? 0) > 0;
  }

  /**
   * Gives up the name first, then answers what had been sent to it: a call that arrives now starts a new agent. If one of
   * those answers made the agent busy again, it takes the name back.
   */
  async #exitWhenIdle(): Promise<void> {
    if (this.#stopping) return;
    const front = this.#requireFront();
    try {
      await front.retire();
      await this.#tree.drain();
      if (!this.#isBusy()) {
        await this.stop();
        return;
      }
      await front.resume();
    } catch (error) {
      // Another agent has the name, or the bus is gone: what runs here is finished, then this one ends.
      this.#log(messageOf(error));
      await this.stop();
    }
  }

  async #shutDown(): Promise<void> {
    this.#notify('STOPPING=1');
    this.#idle.stop();
    this.#desk.closeFor('The agent is stopping, cannot start new transaction');
    const front = this.#requireFront();
    await this.#desk.close();
    await front.retire().catch(() => undefined);
    await this.#tree.drain();
    clearInterval(this.#watch);
    await front.close();
    await this.#history.end();
    this.#end.resolve();
  }

  #requireFront(): Front {
    if (this.#front === undefined) throw new AtomicError('AgentUnavailable', 'The agent is not reachable yet');
    return this.#front;
  }

  #notify(state: string): void {
    notifyServiceManager(this.#options.notifySocket, state);
  }

  #log(line: string): void {
    this.#options.log?.(line);
  }
}

/** The history, opened by its first row: an agent that only answers questions never loads SQLite. */
class LazyHistory implements History {
  readonly #host: Host;
  #opened: Promise<History> | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  readonly problem: string | undefined = undefined;

  append(entry: Parameters<History['append']>[0]): void {
    this.#opened ??= openHistory(`${this.#host.stateDir}/history.db`, this.#host.clock);
    void this.#opened.then((history) => history.append(entry)).catch(() => undefined);
  }

  list(): ReturnType<History['list']> {
    return [];
  }

  close(): void {
    void this.end();
  }

  /** Closes; resolves when the last row is in the file. */
  async end(): Promise<void> {
    await this.#opened?.then((history) => history.close()).catch(() => undefined);
  }
}

function readMachineId(): string | undefined {
  using root = Dir.open('/');
  const id = root.readText('etc/machine-id', 128)?.trim();
  return id !== undefined && /^[0-9a-f]{32}$/.test(id) ? id : undefined;
}
