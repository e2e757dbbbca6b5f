import { AtomicError, isAtomicError, messageOf, type Job } from '../base/index.ts';
import { errorText, sameWireValue, type Caller, type WireValue } from '../ipc/index.ts';
import type { Host, Outcome, RunningTransaction, TransactionRunner } from '../transactions/index.ts';
import { ProgressSignals } from './progress-signals.ts';
import { ServedTransaction, type TransactionResult } from './served-transaction.ts';

/** A transaction somebody asks for. */
export interface TransactionRequest {
  readonly member: string;
  /** The object it is asked of. */
  readonly path: string;
  readonly args: readonly WireValue[];
  readonly title: string;
  readonly caller: Caller;
  /** Progress goes to the log instead of the socket. */
  readonly quiet?: boolean;
  readonly work: (job: Job) => Promise<Outcome>;
}

/** How long things may take; milliseconds. */
export interface DeskTimings {
  /** From the reply until somebody must have called Start. */
  readonly startMs: number;
  /** From the end until clients that stay connected are cut. */
  readonly lingerMs: number;
}

/** What the desk needs from the agent around it. */
export interface DeskSurroundings {
  readonly host: Host;
  readonly runner: TransactionRunner;
  readonly socketPath: string;
  readonly timings: DeskTimings;
  readonly log: (line: string) => void;
  readonly describe: (caller: Caller, uid: number) => string;
  readonly onVanish: (caller: Caller, listener: () => void) => Promise<AsyncDisposable>;
  /** What is active has changed. */
  readonly onChange: () => void;
  /** Takes in what a transaction did and tells the bus; resolves when the bus has it. */
  readonly publish: () => Promise<void>;
}

/** The transaction that is waiting for Start or running, as the properties show it. */
export interface ActiveTransaction {
  readonly member: string;
  readonly sender: string;
  readonly path: string;
  readonly address: string;
}

interface Entry {
  readonly request: TransactionRequest;
  readonly running: RunningTransaction;
  readonly initiator: string;
  /** Resolves with the socket; joiners wait for the same one. */
  readonly served: Promise<ServedTransaction>;
  readonly callers: Set<Caller>;
  readonly watches: Promise<AsyncDisposable>[];
  readonly timers: Set<ReturnType<typeof setTimeout>>;
  /** Resolves when its end was published and told; never rejects. */
  readonly settled: Promise<void>;
  address: string;
}

/**
 * Where transactions are handed in: one at a time, each on its socket. Answers with the address before any work begins;
 * drops one that nobody starts, or whose callers all vanish before it began. Properties are on the bus before `Finished`,
 * `Finished` has left before anything is closed or the machine goes down.
 */
export class TransactionDesk {
  readonly #around: DeskSurroundings;
  #entry: Entry | undefined;
  #lingering: ServedTransaction | undefined;
  #closedFor: string | undefined;

  constructor(around: DeskSurroundings) {
    this.#around = around;
  }

  /** What is waiting or running; undefined when idle. */
  get active(): ActiveTransaction | undefined {
    if (this.#entry === undefined || this.#entry.running.state === 'ended') return undefined;
    const { request, address } = this.#entry;
    return { member: request.member, sender: request.caller.sender ?? '', path: request.path, address };
  }

  /** True while a transaction is there or its clients still are. */
  get busy(): boolean {
    return this.#entry !== undefined || (this.#lingering?.peerCount ?? 0) > 0;
  }

  /**
   * The address of the socket of the transaction asked for: a new one, or the running one if it is the very same call.
   * `UpdateInProgress` naming the one in the way otherwise.
   */
  async begin(request: TransactionRequest): Promise<string> {
    const uid = await request.caller.uid();
    // One that has just ended still tells its clients; its socket's path is wanted next.
    while (this.#entry?.running.state === 'ended') await this.#entry.settled;
    if (this.#closedFor !== undefined) throw new AtomicError('UpdateInProgress', this.#closedFor);
    const entry = this.#entry;
    if (entry !== undefined && isSameRequest(entry.request, request)) return await this.#join(entry, request.caller);
    const initiator = this.#around.describe(request.caller, uid);
    // Refuses if another one is there; from here to the assignment nothing waits, so nobody comes between.
    const running = this.#around.runner.admit(request.title, request.work);
    const admitted = this.#admit({ request, running, initiator, uid });
    this.#entry = admitted;
    this.#around.log(`Initiated txn ${request.member} for ${initiator}: ${request.path}`);
    return await this.#open(admitted);
  }

  /** Refuses new transactions with this sentence from now on; undefined takes them again. */
  closeFor(sentence: string | undefined): void {
    this.#closedFor = sentence;
  }

  /** Asks the running transaction to stop. */
  cancel(): void {
    this.#entry?.running.cancel();
  }

  /** Resolves when nothing is running and the last end was told. */
  async idle(): Promise<void> {
    while (this.#entry !== undefined) await this.#entry.settled;
  }

  /** Drops what waits for Start and cuts the clients that linger. */
  async close(): Promise<void> {
    if (this.#entry?.running.state === 'admitted') this.#drop(this.#entry, 'the agent is stopping');
    await this.idle();
    this.#lingering?.close();
  }

  /**
   * Reserves the place and opens the socket in the background; the socket before it stops listening first, for the path is
   * the same.
   */
  #admit(from: { request: TransactionRequest; running: RunningTransaction; initiator: string; uid: number }): Entry {
    const { request, running, initiator, uid } = from;
    this.#lingering?.stopListening();
    const served = ServedTransaction.open(this.#around.socketPath, {
      title: request.title,
      initiator,
      uid,
      start: () => running.start(),
      cancel: () => running.cancel(),
      onPeersChanged: this.#around.onChange,
    });
    this.#listen({ request, running }, served);
    const ended = running.outcome.catch((error: unknown) => error);
    const entry: Entry = {
      request,
      running,
      initiator,
      served,
      callers: new Set(),
      watches: [],
      timers: new Set(),
      settled: ended.then(async (how) => await this.#settle(entry, how)),
      address: '',
    };
    return entry;
  }

  /** Resolves with the address once clients can connect; what has no socket is given up. */
  async #open(entry: Entry): Promise<string> {
    try {
      entry.address = (await entry.served).address;
    } catch (error) {
      entry.running.cancel();
      await entry.settled;
      throw error;
    }
    this.#around.onChange();
    this.#watch(entry, entry.request.caller);
    const deadline = setTimeout(() => {
      if (entry.running.state === 'admitted') this.#drop(entry, 'nobody called Start in time');
    }, this.#around.timings.startMs);
    entry.timers.add(deadline);
    return entry.address;
  }

  /** Turns what the work reports into signals of the socket, and notes into lines of the log. */
  #listen(
    from: { readonly request: TransactionRequest; readonly running: RunningTransaction },
    served: Promise<ServedTransaction>,
  ): void {
    void served.then(
      (socket) => {
        const emit = ({ member, signature, body }: { member: string; signature: string; body: readonly WireValue[] }) =>
          socket.emit(member, signature, body);
        const signals = new ProgressSignals(
          from.request.quiet === true ? () => undefined : emit,
          this.#around.host.clock,
        );
        from.running.subscribe((event) => {
          if (event.kind === 'note') this.#around.log(event.text);
          signals.tell(event);
        });
        const finish = (): void => signals.finish();
        from.running.outcome.then(finish, finish);
      },
      () => undefined,
    );
  }

  /** Another client with the very same call gets the same socket, and counts as one who wants it. */
  async #join(entry: Entry, caller: Caller): Promise<string> {
    const { address } = await entry.served;
    this.#watch(entry, caller);
    return address;
  }

  /** A caller that vanishes before the work began takes the transaction along, unless another one joined it. */
  #watch(entry: Entry, caller: Caller): void {
    entry.callers.add(caller);
    const watch = this.#around.onVanish(caller, () => {
      entry.callers.delete(caller);
      if (entry.callers.size === 0 && entry.running.state === 'admitted') {
        this.#drop(entry, 'client disconnected before calling Start');
      }
    });
    entry.watches.push(watch);
    watch.catch(() => undefined);
  }

  /** Ends what was admitted and never began. */
  #drop(entry: Entry, why: string): void {
    this.#around.log(`Txn ${entry.request.member} on ${entry.request.path}: ${why}; cancelling transaction`);
    entry.running.cancel();
  }

  /** From the end of the work to the free place; whatever goes wrong in between, the place becomes free. */
  async #settle(entry: Entry, ended: unknown): Promise<void> {
    for (const timer of entry.timers) clearTimeout(timer);
    for (const watch of entry.watches) void watch.then((one) => one[Symbol.asyncDispose]()).catch(() => undefined);
    const outcome = isOutcome(ended) ? ended : undefined;
    try {
      await this.#tellEnd(entry, { ended, outcome });
    } catch (error) {
      this.#around.log(`The end of ${entry.request.member} could not be told: ${messageOf(error)}`);
    } finally {
      this.#entry = undefined;
      this.#around.onChange();
    }
  }

  /** Properties first, then Finished, then the reboot. */
  async #tellEnd(entry: Entry, how: { readonly ended: unknown; readonly outcome: Outcome | undefined }): Promise<void> {
    const { log, publish } = this.#around;
    const { ended, outcome } = how;
    const served = await entry.served;
    let result = outcome === undefined ? failure(ended) : { success: true, error: '' };
    try {
      await publish();
    } catch (error) {
      if (result.success) result = { success: false, error: `During txn completion: ${errorText(error)}` };
    }
    const { member, path } = entry.request;
    log(`Txn ${member} on ${path} ${result.success ? 'successful' : `failed: ${result.error}`}`);
    this.#linger(served);
    const reboot = result.success && outcome?.rebootRequested === true;
    if (reboot) this.#closedFor = 'Reboot initiated, cannot start new transaction';
    await served.finish(result);
    if (reboot) void this.#reboot();
  }

  /** A machine that does not go down takes transactions again. */
  async #reboot(): Promise<void> {
    try {
      await this.#around.host.reboot();
    } catch (error) {
      this.#closedFor = undefined;
      this.#around.log(`Reboot failed: ${messageOf(error)}`);
    }
  }

  /** Clients have time to read the end and leave; those that stay are cut. */
  #linger(served: ServedTransaction): void {
    this.#lingering = served;
    const timer = setTimeout(() => {
      if (served.peerCount > 0) this.#around.log('Forcibly closing transaction due to timeout');
      served.close();
      if (this.#lingering === served) this.#lingering = undefined;
      this.#around.onChange();
    }, this.#around.timings.lingerMs);
    timer.unref();
  }
}

/** The same call joins the running one: same method, same object, same values. */
function isSameRequest(one: TransactionRequest, other: TransactionRequest): boolean {
  return one.member === other.member && one.path === other.path && sameWireValue(one.args, other.args);
}

/** An outcome, and not the error that took its place. */
function isOutcome(ended: unknown): ended is Outcome {
  return !(ended instanceof Error) && typeof ended === 'object' && ended !== null && 'rebootRequested' in ended;
}

function failure(error: unknown): TransactionResult {
  // The text that clients match on, whatever step the cancellation came to.
  if (isAtomicError(error, 'Cancelled')) return { success: false, error: 'Operation was cancelled' };
  return { success: false, error: errorText(error) };
}
