/** What happened to a transaction. */
export type HistoryEvent = 'started' | 'done' | 'failed' | 'cancelled';

/** One thing to remember about a transaction. */
export interface HistoryEntry {
  readonly transactionId: string;
  readonly title: string;
  readonly event: HistoryEvent;
  /** One sentence: the outcome's message, the error, or nothing. */
  readonly detail: string;
}

/** A remembered entry; `timeMs` is milliseconds since 1970 by the history's clock. */
export interface HistoryRow extends HistoryEntry {
  readonly id: number;
  readonly timeMs: number;
}

/** What the host's transactions did. Lost history never stops a transaction: no method throws for a full or broken disk. */
export interface History {
  /** What was lost or set aside, as one sentence; `undefined` while all is well. */
  readonly problem: string | undefined;
  /** Remembers one entry, with the time of the clock. */
  append(entry: HistoryEntry): void;
  /** The newest `limit` rows, newest first. */
  list(limit: number): readonly HistoryRow[];
  /** Lets go of the file; nothing may be asked afterwards. */
  close(): void;
}
