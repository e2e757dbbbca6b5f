import { openHistory, type History } from '../state/index.ts';
import type { Host } from '../transactions/index.ts';

/** The history, opened by its first row: an agent that only answers questions never loads SQLite. */
export class LazyHistory implements History {
  readonly #host: Host;
  #opened: Promise<History> | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  readonly problem: string | undefined = undefined;

  append(entry: Parameters<History['append']>[0]): void {
    this.#opened ??= openHistory(`${this.#host.stateDir}/history.db`, this.#host.clock);
    void this.#opened.then((history) => history.append(entry)).catch(() => undefined);
  }

  list(): ReturnType<History['list']> {
    return [];
  }

  close(): void {
    void this.end();
  }

  /** Closes; resolves when the last row is in the file. */
  async end(): Promise<void> {
    await this.#opened?.then((history) => history.close()).catch(() => undefined);
  }
}
