import type { Job } from '../base/index.ts';
import { maxReportsPerSecond } from './limits.ts';

/** What is under way at this moment, asked when a report is due. */
export interface PullActivity {
  readonly outstandingFetches: number;
  readonly outstandingWrites: number;
  readonly scannedMetadata: number;
  readonly transferredBytes: number;
}

/** Counts what a pull does and tells the job, at most {@link maxReportsPerSecond} times a second and once at the end. */
export class PullProgress {
  requestedMetadata = 0;
  fetchedMetadata = 0;
  requestedContent = 0;
  fetchedContent = 0;
  readonly #job: Job;
  readonly #activity: () => PullActivity;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(job: Job, activity: () => PullActivity) {
    this.#job = job;
    this.#activity = activity;
  }

  /** Tells how far the pull is unless it did so just now. */
  tell(): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastMs < 1000 / maxReportsPerSecond) return;
    this.#lastMs = nowMs;
    this.#report();
  }

  /** Tells the final numbers. */
  finish(): void {
    this.#report();
  }

  #report(): void {
    this.#job.report({
      kind: 'transfer',
      ...this.#activity(),
      fetchedMetadata: this.fetchedMetadata,
      outstandingMetadata: this.requestedMetadata - this.fetchedMetadata,
      fetchedContent: this.fetchedContent,
      requestedContent: this.requestedContent,
    });
  }
}
