/** Ends the agent when it was idle long enough. Every call and every change begins the wait anew. */
export class IdleExit {
  readonly #isBusy: () => boolean;
  readonly #onIdle: () => void;
  #delayMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `delayMs` 0 means never. */
  constructor(delayMs: number, isBusy: () => boolean, onIdle: () => void) {
    this.#delayMs = delayMs;
    this.#isBusy = isBusy;
    this.#onIdle = onIdle;
  }

  /** Something happened: the wait begins anew. Who is busy when it is over waits once more. */
  touch(): void {
    this.stop();
    if (this.#delayMs === 0) return;
    this.#timer = setTimeout(() => {
      if (this.#isBusy()) this.touch();
      else this.#onIdle();
    }, this.#delayMs);
  }

  /** Waits this long from now on. */
  setDelay(delayMs: number): void {
    this.#delayMs = delayMs;
    this.touch();
  }

  /** Does not end the agent any more, until touched again. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
