import { AtomicError, type Job, type JobEvent, createJob, isAtomicError, messageOf } from '../base/index.ts';
import type { History, HistoryEvent } from '../state/index.ts';

import type { Outcome } from './outcome.ts';

/** The work of a transaction. */
export type TransactionWork = (job: Job) => Promise<Outcome>;

/** Runs one transaction at a time and writes down what became of each. */
export class TransactionRunner {
  readonly #history: History | undefined;
  #current: RunningTransaction | undefined;

  /** `history`, when given, gets a row when a transaction starts and one when it ends. */
  constructor(history?: History) {
    this.#history = history;
  }

  /** The transaction that is admitted or running; `undefined` when the host is idle. */
  get current(): RunningTransaction | undefined {
    return this.#current;
  }

  /**
   * Reserves the one place for `work` without running it yet, so that whoever asked can listen first;
   * `UpdateInProgress` naming the title of the transaction that has it.
   */
  admit(title: string, work: TransactionWork): RunningTransaction {
    if (this.#current !== undefined) {
      throw new AtomicError('UpdateInProgress', `Transaction in progress: ${this.#current.title}`, {
        hint: ' You can cancel the current transaction with `rpm-ostree cancel`',
        facts: { title: this.#current.title },
      });
    }
    const transaction = new RunningTransaction(title, work, (event, detail) => {
      if (event !== 'started') this.#current = undefined;
      if (transaction.started) this.#history?.append({ transactionId: transaction.id, title, event, detail });
    });
    this.#current = transaction;
    return transaction;
  }

  /** Admits `work` and starts it at once. */
  start(title: string, work: TransactionWork): RunningTransaction {
    const transaction = this.admit(title, work);
    transaction.start();
    return transaction;
  }
}

/** One transaction from its admission to its end. */
export class RunningTransaction {
  readonly id: string = crypto.randomUUID();
  readonly title: string;
  /** How it ended: the outcome, or the error it failed with (`Cancelled` among them). Needs no listener. */
  readonly outcome: Promise<Outcome>;
  readonly #work: TransactionWork;
  readonly #onChange: (event: HistoryEvent, detail: string) => void;
  readonly #abort = new AbortController();
  readonly #listeners = new Set<(event: JobEvent) => void>();
  readonly #settle: { resolve: (outcome: Outcome) => void; reject: (error: unknown) => void };
  #state: 'admitted' | 'running' | 'ended' = 'admitted';
  #started = false;

  constructor(title: string, work: TransactionWork, onChange: (event: HistoryEvent, detail: string) => void) {
    this.title = title;
    this.#work = work;
    this.#onChange = onChange;
    const { promise, resolve, reject } = withResolvers<Outcome>();
    this.outcome = promise;
    this.#settle = { resolve, reject };
    // A client may have left before the end; its absence must not become an unhandled rejection.
    promise.catch(() => undefined);
  }

  get state(): 'admitted' | 'running' | 'ended' {
    return this.#state;
  }

  /** True once the work was begun, also after its end. */
  get started(): boolean {
    return this.#started;
  }

  /** Begins the work; false when it was begun before or was cancelled first. */
  start(): boolean {
    if (this.#state !== 'admitted') return false;
    this.#state = 'running';
    this.#started = true;
    this.#onChange('started', '');
    void this.#run();
    return true;
  }

  /** Asks the work to stop; a transaction that was only admitted ends at once. Cancelling twice or too late does nothing. */
  cancel(): void {
    this.#abort.abort();
    if (this.#state === 'admitted') this.#fail(new AtomicError('Cancelled', 'Operation was cancelled'));
  }

  /** Tells `listener` each event from now on, until the returned function is called. */
  subscribe(listener: (event: JobEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #run(): Promise<void> {
    const job = createJob({ signal: this.#abort.signal, report: (event) => this.#tell(event) });
    try {
      const outcome = await this.#work(job);
      this.#state = 'ended';
      this.#onChange('done', outcome.message ?? '');
      this.#settle.resolve(outcome);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#state = 'ended';
    this.#onChange(isAtomicError(error, 'Cancelled') ? 'cancelled' : 'failed', messageOf(error));
    this.#settle.reject(error);
  }

  #tell(event: JobEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

/** A promise and the functions that settle it. */
function withResolvers<T>() {
  const settle: { resolve?: (value: T) => void; reject?: (error: unknown) => void } = {};
  const promise = new Promise<T>((resolve, reject) => Object.assign(settle, { resolve, reject }));
  return { promise, ...(settle as Required<typeof settle>) };
}
