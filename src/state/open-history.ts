import { messageOf } from '../base/index.ts';
import { type Clock, Dir } from '../platform/index.ts';

import type { History, HistoryEntry, HistoryRow } from './history.ts';
import { type Database, type DatabaseConstructor, openDatabase, setAside } from './open-database.ts';

/** Rows kept: years of one upgrade a day, and the file stays below a few megabytes. */
const maxRows = 10_000;

/** Characters of a detail kept: a sentence, not the trace of one. */
const maxDetailLength = 4_000;

/**
 * Opens the history at `path` (directories are created); always succeeds. A damaged or newer file is set aside beside
 * itself, and where no file can be had the rows live in memory; `problem` says so.
 */
export async function openHistory(path: string, clock: Clock): Promise<History> {
  const { default: construct } = await import('better-sqlite3');
  const { database, problem } = openSomewhere(construct, path, clock);
  return new SqliteHistory(database, clock, problem);
}

/** The file; else a fresh file in its place; else memory. */
function openSomewhere(construct: DatabaseConstructor, path: string, clock: Clock) {
  try {
    makeParent(path);
    return { database: openDatabase(construct, path), problem: undefined };
  } catch (error) {
    const reason = messageOf(error);
    try {
      const aside = setAside(path, clock.now());
      const database = openDatabase(construct, path);
      return {
        database,
        problem: `The history at ${path} could not be read (${reason}); it was set aside as ${aside}.`,
      };
    } catch (second) {
      const database = openDatabase(construct, ':memory:');
      return { database, problem: `The history at ${path} cannot be kept: ${messageOf(second)}.` };
    }
  }
}

function makeParent(path: string): void {
  using root = Dir.open('/');
  const parent = path.slice(1, path.lastIndexOf('/'));
  if (parent !== '') root.ensureDir(parent, 0o755);
}

class SqliteHistory implements History {
  readonly #database: Database;
  readonly #clock: Clock;
  #problem: string | undefined;

  constructor(database: Database, clock: Clock, problem: string | undefined) {
    this.#database = database;
    this.#clock = clock;
    this.#problem = problem;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  append(entry: HistoryEntry): void {
    const detail = entry.detail.slice(0, maxDetailLength);
    this.#quietly(undefined, () => {
      this.#database
        .prepare('INSERT INTO history (time_ms, transaction_id, title, event, detail) VALUES (?, ?, ?, ?, ?)')
        .run(this.#clock.now().getTime(), entry.transactionId, entry.title, entry.event, detail);
      this.#database.prepare('DELETE FROM history WHERE id <= (SELECT MAX(id) FROM history) - ?').run(maxRows);
    });
  }

  list(limit: number): readonly HistoryRow[] {
    return this.#quietly([], () =>
      this.#database
        .prepare<[number], HistoryRow>(
          `SELECT id, time_ms AS timeMs, transaction_id AS transactionId, title, event, detail
             FROM history ORDER BY id DESC LIMIT ?`,
        )
        .all(limit),
    );
  }

  close(): void {
    this.#quietly(undefined, () => this.#database.close());
  }

  /** Runs `step`; whatever SQLite has against it becomes `problem`, never an error of a transaction. */
  #quietly<T>(fallback: T, step: () => T): T {
    try {
      return step();
    } catch (error) {
      this.#problem = `The history could not be used: ${messageOf(error)}.`;
      return fallback;
    }
  }
}
