import { AtomicError } from '../base/index.ts';

/** Time as an argument: tests hand in one that does not wait. */
export interface Clock {
  now(): Date;
  /** Resolves after that time; rejects with `Cancelled` as soon as `signal` is aborted. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => new Date(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      const cancelled = (): void => {
        clearTimeout(timer);
        reject(new AtomicError('Cancelled', 'Operation was cancelled', { cause: signal?.reason }));
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', cancelled);
        resolve();
      }, milliseconds);
      if (signal?.aborted === true) cancelled();
      else signal?.addEventListener('abort', cancelled, { once: true });
    }),
};
