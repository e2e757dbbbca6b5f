import { AtomicError } from './errors.ts';

/** A step of the work begins; ends the one before. `text` is a sentence fragment a person reads. */
export interface PhaseEvent {
  readonly kind: 'phase';
  readonly text: string;
}

/** How far the current phase is. `total` is undefined while it is not known. */
export interface CountEvent {
  readonly kind: 'count';
  readonly done: number;
  readonly total?: number;
  readonly unit: 'bytes' | 'objects' | 'files';
}

/** How far a pull is: the numbers of libostree's progress, as D-Bus clients know them. Sizes in bytes. */
export interface TransferEvent {
  readonly kind: 'transfer';
  readonly outstandingFetches: number;
  readonly outstandingWrites: number;
  readonly scannedMetadata: number;
  readonly fetchedMetadata: number;
  readonly outstandingMetadata: number;
  readonly fetchedContent: number;
  readonly requestedContent: number;
  readonly transferredBytes: number;
}

/** One complete line for a person. */
export interface NoteEvent {
  readonly kind: 'note';
  readonly text: string;
}

/** What a running job tells; a closed union. Percentages are the business of whoever draws. */
export type JobEvent = PhaseEvent | CountEvent | TransferEvent | NoteEvent;

/** What every long operation is given: a signal that asks it to stop and a way to tell how far it is. */
export interface Job {
  readonly signal: AbortSignal;
  report(event: JobEvent): void;
  /**
   * Runs a step that must not be cut in half (a commit point). A cancellation that arrives during it takes effect after
   * it; one that arrived before it is thrown instead of running it.
   */
  uncancellable<T>(step: () => T): T;
}

/** Throws `Cancelled` if the job was asked to stop. */
export function throwIfCancelled(job: Job): void {
  if (job.signal.aborted) throw new AtomicError('Cancelled', 'Operation was cancelled', { cause: job.signal.reason });
}

/** A job that tells `report` (nobody by default) and stops on `signal` (never by default). */
export function createJob(options: { signal?: AbortSignal; report?: (event: JobEvent) => void } = {}): Job {
  const job: Job = {
    signal: options.signal ?? new AbortController().signal,
    report: options.report ?? (() => undefined),
    uncancellable: (step) => {
      throwIfCancelled(job);
      return step();
    },
  };
  return job;
}
