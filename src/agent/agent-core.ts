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
import { TransactionRunner, type UpdateInfo } from '../transactions/index.ts';
import type { AgentOptions } from './agent-options.ts';
import { authorizeByUid } from './authorize.ts';
import { writeCachedUpdate } from './cached-update.ts';
import { Clients } from './clients.ts';
import { openFront, type Front } from './front.ts';
import { osProperties, readHostModel, readStamp, type HostModel, type StaterootModel } from './host-model.ts';
import { IdleExit } from './idle-exit.ts';
import { LazyHistory } from './lazy-history.ts';
import { invokeOs } from './os-methods.ts';
import { PublishedObjects } from './published-objects.ts';
import { SignatureBook } from './signature-book.ts';
import { TransactionDesk } from './transaction-desk.ts';

/** How often the agent looks for changes made by others while a client is registered. */
const watchIntervalMs = 2000;
const transactionSocket = 'rpm-ostree-transaction.sock';

/**
 * The agent itself: reads the host into a model, publishes it, answers the Sysroot object, and ends. What begins and follows
 * transactions, clients and idleness are parts of their own.
 */
export class AgentCore {
  readonly closed: Promise<void>;
  readonly #options: AgentOptions;
  readonly #tree: ObjectTree;
  readonly #published: PublishedObjects;
  readonly #clients: Clients;
  readonly #desk: TransactionDesk;
  readonly #idle: IdleExit;
  readonly #history: LazyHistory;
  readonly #end: { resolve: () => void };
  readonly #signatures = new SignatureBook();
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
    this.#model = readHostModel(options.host, this.#signatures);
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

  /** Publishes everything, then lets clients in; returns what they connect to. */
  async open(): Promise<string> {
    await this.#learnSignatures();
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

  /** Ends after the running transaction; called again, cancels that. */
  async stop(): Promise<void> {
    if (this.#stopping) this.#desk.cancel();
    else {
      this.#stopping = true;
      void this.#shutDown();
    }
    await this.closed;
  }

  /** The desk sees the agent only through these functions, so that it can be tested without one. */
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
      publish: async () => await this.#completeTransaction(),
    });
  }

  /** An update that cannot be remembered is found again by the next check: nothing fails for it. */
  #rememberUpdate(update: UpdateInfo): void {
    try {
      writeCachedUpdate(this.#options.host, update, this.#model.bootedStateroot);
    } catch (error) {
      this.#log(`Could not remember the update: ${messageOf(error)}`);
    }
  }

  /**
   * What a transaction did is read and told, also when it failed: a part of it may have been done. Throws if the host cannot be
   * read any more, after telling what else changed.
   */
  async #completeTransaction(): Promise<void> {
    try {
      this.#readModel();
      await this.#learnSignatures();
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

  /** Looks at one time stamp; reads everything only if it moved. An unreadable sysroot leaves the last model in place. */
  #refreshIfChanged(): void {
    try {
      if (readStamp(this.#options.host) !== this.#model.stamp) this.#reload();
    } catch (error) {
      this.#log(`Could not read the sysroot: ${messageOf(error)}`);
    }
  }

  #reload(): void {
    this.#readModel();
    this.#publish();
    void this.#learnSignatures();
  }

  /** Judges signatures seen for the first time and shows what came out. */
  async #learnSignatures(): Promise<void> {
    if (!(await this.#signatures.learn(`${this.#options.host.sysrootPath}/ostree/repo`))) return;
    try {
      this.#readModel();
      this.#publish();
    } catch (error) {
      this.#log(`Could not read the sysroot: ${messageOf(error)}`);
    }
  }

  #readModel(): void {
    const known = new Set(this.#model.notes);
    this.#model = readHostModel(this.#options.host, this.#signatures);
    for (const note of this.#model.notes) if (!known.has(note)) this.#log(note);
  }

  /** Clients, transactions or deployments changed. */
  #onChange(): void {
    this.#publish();
    this.#idle.touch();
    const active = this.#desk.active;
    const doing = active === undefined ? 'idle' : `txn=${active.member} caller=${active.sender} path=${active.path}`;
    this.#notify(`STATUS=clients=${this.#clients.count}; ${doing}`);
  }

  /** Brings the bus in step with the model; safe to call when nothing changed. */
  #publish(): void {
    const objects = new Map<string, readonly ServedInterface[]>([[sysrootPath, [this.#sysroot()]]]);
    for (const one of this.#model.stateroots.values()) objects.set(one.path, this.#os(one));
    this.#published.sync(objects);
  }

  /** The Sysroot object. Its properties are read when asked for, so they are those of the present model. */
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

  /** An OS object. It outlives models: what it shows is looked up by the stateroot's name each time. */
  #os(one: StaterootModel): readonly ServedInterface[] {
    const around = {
      host: this.#options.host,
      stateroot: one.name,
      bootedStateroot: () => this.#model.bootedStateroot,
      policy: () => this.#config.automaticUpdatePolicy,
      rememberUpdate: this.#rememberUpdate.bind(this),
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

  /** The methods of Sysroot; whether the caller may was decided before. */
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
        // What is old was read again before this call was dispatched; an error of that belongs to who asked.
        if (readStamp(this.#options.host) !== this.#model.stamp) this.#reload();
        await this.#front?.settle();
        return [];
    }
  }

  /** The object path of a stateroot, of the booted one for an empty name; `NotFound` naming what there is. */
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

  /** True while somebody counts on this very process. */
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
    try {
      await this.#desk.close();
      await this.#leave();
    } catch (error) {
      this.#log(`Could not end in order: ${messageOf(error)}`);
    }
    clearInterval(this.#watch);
    await this.#history.end();
    this.#end.resolve();
  }

  /** Gives up the name, answers what came before, disconnects. */
  async #leave(): Promise<void> {
    const front = this.#requireFront();
    await front.retire().catch(() => undefined);
    await this.#tree.drain();
    await front.close();
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

function readMachineId(): string | undefined {
  using root = Dir.open('/');
  const id = root.readText('etc/machine-id', 128)?.trim();
  return id !== undefined && /^[0-9a-f]{32}$/.test(id) ? id : undefined;
}
