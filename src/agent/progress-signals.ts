import type { CountEvent, JobEvent, TransferEvent } from '../base/index.ts';
import type { Clock } from '../platform/index.ts';
import type { WireValue } from '../ipc/index.ts';

/** A signal of the Transaction interface about to be sent. */
export interface ProgressSignal {
  readonly member: string;
  readonly signature: string;
  readonly body: readonly WireValue[];
}

/** A task that turns into a bar this soon is only ever shown as the bar. */
const taskDelayMs = 100;
/** Four lines a second are smooth for a person and nothing for a bus. */
const transferIntervalMs = 250;
/** Between two percentages of one bar. */
const percentIntervalMs = 100;

type Open =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'announced'; readonly text: string; readonly timer: ReturnType<typeof setTimeout> }
  | { readonly kind: 'task' }
  | { readonly kind: 'bar'; percent: number; lastMs: number }
  | { readonly kind: 'transfer'; lastMs: number; pending: TransferEvent | undefined };

/**
 * Turns a job's events into the signals clients know. Guarantees that tasks and bars never nest, that a bar begins with 0
 * and only grows, that `ProgressEnd` stands between two bars and before a line, and that a flood of events stays a trickle
 * of signals.
 */
export class ProgressSignals {
  readonly #emit: (signal: ProgressSignal) => void;
  readonly #clock: Clock;
  readonly #startMs: number;
  #phase = '';
  #open: Open = { kind: 'nothing' };

  constructor(emit: (signal: ProgressSignal) => void, clock: Clock) {
    this.#emit = emit;
    this.#clock = clock;
    this.#startMs = clock.now().getTime();
  }

  /** Takes one event. */
  tell(event: JobEvent): void {
    switch (event.kind) {
      case 'phase':
        this.finish();
        this.#phase = event.text;
        this.#open = { kind: 'announced', text: event.text, timer: setTimeout(() => this.#beginTask(), taskDelayMs) };
        return;
      case 'note':
        this.finish();
        this.#send('Message', 's', [event.text]);
        return;
      case 'count':
        this.#count(event);
        return;
      case 'transfer':
        this.#transfer(event);
        return;
    }
  }

  /** Ends what is open; to be called before `Finished`. */
  finish(): void {
    const open = this.#open;
    if (open.kind === 'announced') this.#beginTask();
    if (open.kind === 'announced' || open.kind === 'task') this.#send('TaskEnd', 's', ['done']);
    if (open.kind === 'transfer' && open.pending !== undefined) this.#sendTransfer(open.pending);
    if (open.kind === 'bar' || open.kind === 'transfer') this.#send('ProgressEnd', '', []);
    this.#open = { kind: 'nothing' };
  }

  #beginTask(): void {
    if (this.#open.kind !== 'announced') return;
    clearTimeout(this.#open.timer);
    this.#send('TaskBegin', 's', [this.#open.text]);
    this.#open = { kind: 'task' };
  }

  /** A phase that was only announced becomes the bar itself; anything else that is open ends first. */
  #makeRoom(): void {
    if (this.#open.kind === 'announced') {
      clearTimeout(this.#open.timer);
      this.#open = { kind: 'nothing' };
    } else this.finish();
  }

  /** Counts become percentages; those that would not move the bar, or come too soon, are left out. 100 is always sent. */
  #count(event: CountEvent): void {
    if (event.total === undefined || event.total <= 0) return;
    const percent = Math.max(0, Math.min(100, Math.floor((event.done / event.total) * 100)));
    const nowMs = this.#clock.now().getTime();
    if (this.#open.kind !== 'bar') {
      this.#makeRoom();
      this.#open = { kind: 'bar', percent: 0, lastMs: nowMs };
      this.#send('PercentProgress', 'su', [this.#phase, 0]);
    }
    const bar = this.#open;
    if (percent <= bar.percent || (percent < 100 && nowMs - bar.lastMs < percentIntervalMs)) return;
    bar.percent = percent;
    bar.lastMs = nowMs;
    this.#send('PercentProgress', 'su', [this.#phase, percent]);
  }

  /** Keeps the newest numbers of a crowd for when the bar ends. */
  #transfer(event: TransferEvent): void {
    const nowMs = this.#clock.now().getTime();
    if (this.#open.kind !== 'transfer') {
      this.#makeRoom();
      this.#open = { kind: 'transfer', lastMs: 0, pending: undefined };
    }
    const open = this.#open;
    if (nowMs - open.lastMs < transferIntervalMs) {
      open.pending = event;
      return;
    }
    open.lastMs = nowMs;
    open.pending = undefined;
    this.#sendTransfer(event);
  }

  /** Times in seconds by the agent's clock; deltas are not fetched, so their numbers are 0. */
  #sendTransfer(event: TransferEvent): void {
    const elapsedSeconds = Math.max(0, (this.#clock.now().getTime() - this.#startMs) / 1000);
    const perSecond = elapsedSeconds > 0 ? Math.round(event.transferredBytes / elapsedSeconds) : 0;
    this.#send('DownloadProgress', '(tt)(uu)(uuu)(uuut)(uu)(tt)', [
      [BigInt(Math.floor(this.#startMs / 1000)), BigInt(Math.floor(elapsedSeconds))],
      [event.outstandingFetches, event.outstandingWrites],
      [event.scannedMetadata, event.fetchedMetadata, event.outstandingMetadata],
      [0, 0, 0, 0n],
      [event.fetchedContent, event.requestedContent],
      [BigInt(event.transferredBytes), BigInt(perSecond)],
    ]);
  }

  #send(member: string, signature: string, body: readonly WireValue[]): void {
    this.#emit({ member, signature, body });
  }
}
