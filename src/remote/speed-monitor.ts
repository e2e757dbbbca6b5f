import type { TransportTimings } from './transport-timings.ts';

/** What the monitor watches. */
export interface Watched {
  readonly receivedBytes: number;
  stalled(bytesPerSecond: number, windowMs: number): void;
}

/** Parts of a window at which progress is sampled: a stall is noticed at most a fifth of a window late. */
const samplesPerWindow = 5;

/** Watches all attempts in flight with one timer and tells those that receive too little over a whole window. */
export class SpeedMonitor implements Disposable {
  readonly #timings: TransportTimings;
  readonly #watched = new Map<Watched, { sinceMs: number; bytes: number }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(timings: TransportTimings) {
    this.#timings = timings;
  }

  /** Watches from now on. */
  add(attempt: Watched): void {
    this.#watched.set(attempt, { sinceMs: performance.now(), bytes: attempt.receivedBytes });
    this.#timer ??= setInterval(() => this.#sample(), this.#timings.lowSpeedWindowMs / samplesPerWindow);
  }

  /** Watches no longer. */
  remove(attempt: Watched): void {
    this.#watched.delete(attempt);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#watched.clear();
  }

  /** Ends what was too slow over a whole window; for the others a new window begins. */
  #sample(): void {
    const { lowSpeedWindowMs, lowSpeedBytesPerSecond } = this.#timings;
    const nowMs = performance.now();
    for (const [attempt, start] of this.#watched) {
      const elapsedMs = nowMs - start.sinceMs;
      if (elapsedMs < lowSpeedWindowMs) continue;
      const received = attempt.receivedBytes - start.bytes;
      if (received * 1000 < lowSpeedBytesPerSecond * elapsedMs) {
        this.#watched.delete(attempt);
        attempt.stalled(lowSpeedBytesPerSecond, lowSpeedWindowMs);
      } else {
        start.sinceMs = nowMs;
        start.bytes = attempt.receivedBytes;
      }
    }
  }
}
