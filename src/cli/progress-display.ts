import type { TransactionEvent } from '../ipc/index.ts';
import type { Screen } from './context.ts';
import { describeDownload, describeView, type ProgressView, renderProgress } from './progress-text.ts';
import { cleanLine, formatSize } from './terminal-text.ts';

/** Draws what a transaction tells. */
export interface ProgressDisplay {
  /** The transaction's work begins. */
  begin(): void;
  show(event: TransactionEvent): void;
  /** The transaction is over; leaves the cursor at the start of an empty line. */
  end(success: boolean): void;
}

/** What a display needs to know of the world. */
export interface DisplayOptions {
  readonly screen: Screen;
  readonly nowMs: () => number;
}

/** Draws nothing at all. */
export const silentDisplay: ProgressDisplay = { begin: () => undefined, show: () => undefined, end: () => undefined };

/** One redrawn line for a terminal, plain lines for everything else. */
export function openDisplay(options: DisplayOptions): ProgressDisplay {
  return options.screen.isTerminal ? new LineDisplay(options) : new PlainDisplay(options);
}

// Faster than a person reads and slow enough for a serial console.
const redrawMs = 100;
// Nobody knows how many steps follow: each moves the line this share of what is left, so it never arrives early.
const stepShare = 0.25;

/** One line that goes from 0 to 100 once; messages scroll past above it. */
class LineDisplay implements ProgressDisplay {
  readonly #screen: Screen;
  readonly #nowMs: () => number;
  #view: ProgressView = { text: '', percent: 0, detail: '' };
  /** Where the line stood when the current step began. */
  #base = 0;
  #drawn = false;
  /** False while only the beginning was drawn: then there was nothing to do, and nothing to be proud of. */
  #moved = false;
  #drawnMs = Number.NEGATIVE_INFINITY;

  constructor({ screen, nowMs }: DisplayOptions) {
    this.#screen = screen;
    this.#nowMs = nowMs;
  }

  begin(): void {
    this.#draw({ text: 'Starting', percent: 0, detail: '' }, true);
  }

  show(event: TransactionEvent): void {
    if (event.kind !== 'message') this.#moved = true;
    switch (event.kind) {
      case 'message':
        this.#clear();
        this.#screen.write(`${cleanLine(event.text)}\n`);
        this.#draw(this.#view, true);
        break;
      case 'task-begin':
        this.#step(event.text, 0, '');
        break;
      case 'task-end':
        this.#step(this.#view.text, 100, '');
        break;
      case 'download':
        this.#draw(describeDownload(event), false);
        break;
      case 'percent':
        this.#step(event.text, event.percent, `${event.percent}%`);
        break;
      case 'progress-end':
        break;
    }
  }

  end(success: boolean): void {
    if (success && this.#moved) {
      this.#draw({ text: 'Done', percent: 100, detail: '' }, true);
      this.#screen.write('\n');
    } else {
      this.#clear();
    }
  }

  /** Draws a step that is `percent` of its own way along. */
  #step(text: string, percent: number, detail: string): void {
    const begins = text !== this.#view.text;
    if (begins) this.#base = this.#view.percent;
    const moved = (100 - this.#base) * stepShare * (Math.min(100, percent) / 100);
    this.#draw({ text, percent: this.#base + moved, detail }, begins || percent >= 100);
  }

  #draw(view: ProgressView, now: boolean): void {
    this.#view = { ...view, percent: Math.max(this.#view.percent, view.percent) };
    const nowMs = this.#nowMs();
    if (!now && nowMs - this.#drawnMs < redrawMs) return;
    this.#screen.write(`\r${renderProgress(this.#view, this.#screen.columns)}\u001B[K`);
    this.#drawnMs = nowMs;
    this.#drawn = true;
  }

  #clear(): void {
    if (this.#drawn) this.#screen.write('\r\u001B[K');
  }
}

// A log does not want a line a second, and its reader wants to know that something moves.
const plainLineMs = 10_000;

/** Whole lines only: one per step, and one now and then during a long fetch. */
class PlainDisplay implements ProgressDisplay {
  readonly #screen: Screen;
  readonly #nowMs: () => number;
  #task: string | undefined;
  #lastMs: number;
  #download: ProgressView | undefined;
  #transferred = 0;
  #percent = 0;

  constructor({ screen, nowMs }: DisplayOptions) {
    this.#screen = screen;
    this.#nowMs = nowMs;
    this.#lastMs = nowMs();
  }

  begin(): void {
    this.#lastMs = this.#nowMs();
  }

  show(event: TransactionEvent): void {
    switch (event.kind) {
      case 'message':
        this.#closeTask('');
        this.#screen.write(`${cleanLine(event.text)}\n`);
        break;
      case 'task-begin':
        this.#closeTask('done');
        this.#screen.write(`${cleanLine(event.text)}...`);
        this.#task = event.text;
        break;
      case 'task-end':
        this.#closeTask(cleanLine(event.text));
        break;
      case 'download':
        this.#download = describeDownload(event);
        this.#transferred = event.transferredBytes;
        this.#now(this.#download);
        break;
      case 'percent':
        this.#now({ text: event.text, percent: 0, detail: `${event.percent}%` });
        break;
      case 'progress-end':
        this.#closeDownload();
        break;
    }
  }

  end(success: boolean): void {
    if (success) this.#closeDownload();
    this.#closeTask(success ? 'done' : 'failed');
  }

  #now(view: ProgressView): void {
    const nowMs = this.#nowMs();
    if (nowMs - this.#lastMs < plainLineMs) return;
    this.#lastMs = nowMs;
    this.#closeTask('');
    this.#percent = Math.max(this.#percent, Math.floor(view.percent));
    this.#screen.write(`${this.#percent}% ${describeView(view)}\n`);
  }

  #closeDownload(): void {
    if (this.#download !== undefined) this.#screen.write(`Received ${formatSize(this.#transferred)}\n`);
    this.#download = undefined;
  }

  #closeTask(text: string): void {
    if (this.#task !== undefined) this.#screen.write(`${text}\n`);
    this.#task = undefined;
  }
}
