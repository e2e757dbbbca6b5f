import type BetterSqlite3 from 'better-sqlite3';

import { Dir } from '../platform/index.ts';

/** An open SQLite database. */
export type Database = BetterSqlite3.Database;

/** The function that better-sqlite3 exports. */
export type DatabaseConstructor = typeof BetterSqlite3;

/** Version of the tables below; a file that says a larger one was written by a newer agent and is not ours to touch. */
const schemaVersion = 1;

/** How long another process (an older agent on its way out) may hold the file. */
const busyTimeoutMs = 2_000;

const schema = `
  CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time_ms INTEGER NOT NULL,
    transaction_id TEXT NOT NULL,
    title TEXT NOT NULL,
    event TEXT NOT NULL,
    detail TEXT NOT NULL
  ) STRICT;
  PRAGMA user_version = ${schemaVersion};
`;

/**
 * Opens `path` in WAL mode with our tables in it, creating both; throws when the file is damaged, of a newer schema, or
 * cannot be written. Writes reach the disk at checkpoints: a power cut may cost the newest rows, never the file.
 */
export function openDatabase(construct: DatabaseConstructor, path: string): Database {
  const database = new construct(path, { timeout: busyTimeoutMs });
  try {
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = NORMAL');
    checkIntegrity(database);
    const version = Number(database.pragma('user_version', { simple: true }));
    if (version > schemaVersion) throw new Error(`written by a newer agent, schema ${version}`);
    if (version === 0) database.transaction(() => database.exec(schema)).immediate();
    database.prepare('SELECT id, time_ms, transaction_id, title, event, detail FROM history LIMIT 1').get();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Throws unless SQLite finds nothing wrong; quick, because the file is small. */
function checkIntegrity(database: Database): void {
  const verdict = String(database.pragma('quick_check(1)', { simple: true }));
  if (verdict !== 'ok') throw new Error(verdict);
}

/** Renames `path` and its journal files to `PATH.damaged-TIME…` and returns the new name. */
export function setAside(path: string, now: Date): string {
  const slash = path.lastIndexOf('/');
  using parent = Dir.open(path.slice(0, slash) || '/');
  const name = path.slice(slash + 1);
  const aside = freeName(parent, `${name}.damaged-${now.toISOString().replaceAll(/[:.]/g, '-')}`);
  for (const suffix of ['', '-wal', '-shm']) {
    if (parent.stat(name + suffix) !== undefined) parent.rename(name + suffix, parent, aside + suffix);
  }
  return `${path.slice(0, slash)}/${aside}`;
}

/** `name`, or the first `name-N` that is not taken. */
function freeName(parent: Dir, name: string): string {
  for (let attempt = 1; ; attempt += 1) {
    const candidate = attempt === 1 ? name : `${name}-${attempt}`;
    if (parent.stat(candidate) === undefined) return candidate;
  }
}
