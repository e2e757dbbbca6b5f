/** How a queue works through its items. */
export interface WorkQueueOptions<T> {
  readonly maxRunning: number;
  /** False while starting another item must wait; call `kick` when that may have changed. */
  readonly mayStart: () => boolean;
  readonly run: (item: T) => Promise<void>;
  /** Called once, at the first failure, to make what is running end soon. */
  readonly onFailure: () => void;
}

/**
 * Runs items concurrently, urgent ones first, each class in order of arrival. Items may push more items. After the first
 * failure nothing more is started.
 */
export class WorkQueue<T> {
  readonly #options: WorkQueueOptions<T>;
  readonly #urgent = new Fifo<T>();
  readonly #others = new Fifo<T>();
  #running = 0;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(options: WorkQueueOptions<T>) {
    this.#options = options;
  }

  /** Items being worked on. */
  get running(): number {
    return this.#running;
  }

  /** Items not yet begun. */
  get waiting(): number {
    return this.#urgent.length + this.#others.length;
  }

  /** Adds an item and starts it if it may start. */
  push(item: T, urgent: boolean): void {
    (urgent ? this.#urgent : this.#others).push(item);
    this.kick();
  }

  /** Starts what may start. */
  kick(): void {
    while (this.#failure === undefined && this.#running < this.#options.maxRunning && this.#options.mayStart()) {
      const item = this.#urgent.shift() ?? this.#others.shift();
      if (item === undefined) break;
      this.#running += 1;
      void this.#run(item);
    }
    if (this.#running === 0) this.#wake?.();
  }

  /** Fails the queue from outside, as if an item had failed. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#options.onFailure();
    if (this.#running === 0) this.#wake?.();
  }

  /** Resolves when nothing is left to do; rejects with the first failure, once everything running has ended. */
  async drain(): Promise<void> {
    while (this.#running > 0 || (this.waiting > 0 && this.#failure === undefined)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #run(item: T): Promise<void> {
    try {
      await this.#options.run(item);
    } catch (error) {
      this.fail(error);
    } finally {
      this.#running -= 1;
      this.kick();
    }
  }
}

/** Consumed items before the array is cut: amortised, a shift costs a constant. */
const minCompactedItems = 1024;

/** A queue of many items: an array's own `shift` would move them all each time. */
class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (this.#head < this.#items.length) this.#head += 1;
    if (this.#head > minCompactedItems && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
