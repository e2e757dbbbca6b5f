/**
 * state: what the agent remembers but never decides by. The history of transactions lies in one SQLite file in WAL mode;
 * better-sqlite3 is loaded when the first history is opened, not before. A file that is damaged, or written by a newer
 * agent, is renamed to `NAME.damaged-TIME` and a fresh one begun; where no file can be written the history is kept in
 * memory. Losing this room loses history, not a system, so nothing here throws at a transaction.
 */
export type { History, HistoryEntry, HistoryEvent, HistoryRow } from './history.ts';
export { openHistory } from './open-history.ts';
