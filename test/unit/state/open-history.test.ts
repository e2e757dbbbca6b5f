import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  mkdirSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Clock } from '../../../src/platform/index.ts';
import { openHistory } from '../../../src/state/index.ts';

const noon = new Date('2026-03-01T12:00:00Z');
const clock: Clock = { now: () => noon, sleep: () => Promise.resolve() };
const entry = { transactionId: 't1', title: 'upgrade', event: 'started', detail: '' } as const;

const places = { directory: '', path: '' };

beforeEach(() => {
  places.directory = mkdtempSync(join(tmpdir(), 'atomic-history-'));
  places.path = join(places.directory, 'var/lib/atomic/history.db');
});

afterEach(() => rmSync(places.directory, { recursive: true }));

function writeHistoryFile(content: string | Uint8Array): void {
  mkdirSync(join(places.directory, 'var/lib/atomic'), { recursive: true });
  writeFileSync(places.path, content);
}

const filesBeside = (): string[] => readdirSync(join(places.directory, 'var/lib/atomic')).sort();

describe('the history', () => {
  it('remembers entries over a restart, newest first, with the time of the clock', async () => {
    const first = await openHistory(places.path, clock);
    first.append(entry);
    first.append({ ...entry, event: 'done', detail: 'No upgrade available.' });
    first.close();
    const second = await openHistory(places.path, clock);
    expect(second.problem).toBeUndefined();
    expect(second.list(10)).toEqual([
      { id: 2, timeMs: noon.getTime(), ...entry, event: 'done', detail: 'No upgrade available.' },
      { id: 1, timeMs: noon.getTime(), ...entry },
    ]);
    expect(second.list(1)).toHaveLength(1);
    second.close();
  });

  it('writes its file in WAL mode', async () => {
    const history = await openHistory(places.path, clock);
    history.append(entry);
    expect(existsSync(`${places.path}-wal`)).toBe(true);
    history.close();
  });

  it('can be read by a second agent while the first writes', async () => {
    const writer = await openHistory(places.path, clock);
    const reader = await openHistory(places.path, clock);
    writer.append(entry);
    expect(reader.list(5)).toHaveLength(1);
    writer.close();
    reader.close();
  });

  it('sets a damaged file aside and begins anew', async () => {
    writeHistoryFile(
      'this is not a database, whatever its name says; it is only long enough to look like one'.repeat(20),
    );
    const history = await openHistory(places.path, clock);
    expect(history.problem).toContain('history.db.damaged-2026-03-01T12-00-00-000Z');
    history.append(entry);
    expect(history.list(5)).toHaveLength(1);
    history.close();
    expect(filesBeside()).toEqual(['history.db', 'history.db.damaged-2026-03-01T12-00-00-000Z']);
    expect(readFileSync(`${places.path}.damaged-2026-03-01T12-00-00-000Z`, 'utf8')).toContain('not a database');
  });

  it('sets a file with a damaged page aside', async () => {
    const before = await openHistory(places.path, clock);
    for (let row = 0; row < 500; row += 1) before.append({ ...entry, detail: 'x'.repeat(100) });
    before.close();
    const bytes = readFileSync(places.path);
    bytes.fill(0xff, 4096, 12_288);
    writeFileSync(places.path, bytes);
    const history = await openHistory(places.path, clock);
    expect(history.problem).toContain('was set aside');
    expect(history.list(5)).toEqual([]);
    history.close();
  });

  it('sets the file of a newer agent aside, untouched, and finds a name for the second one too', async () => {
    for (const round of [1, 2]) {
      mkdirSync(join(places.directory, 'var/lib/atomic'), { recursive: true });
      rmSync(places.path, { force: true });
      const newer = new Database(places.path);
      newer.pragma(`user_version = ${1000 + round}`);
      newer.exec('CREATE TABLE history (everything TEXT)');
      newer.close();
      const history = await openHistory(places.path, clock);
      expect(history.problem).toContain(`written by a newer agent, schema ${1000 + round}`);
      history.append(entry);
      expect(history.list(5)).toHaveLength(1);
      history.close();
    }
    expect(filesBeside()).toEqual([
      'history.db',
      'history.db.damaged-2026-03-01T12-00-00-000Z',
      'history.db.damaged-2026-03-01T12-00-00-000Z-2',
    ]);
    const aside = new Database(`${places.path}.damaged-2026-03-01T12-00-00-000Z`, { readonly: true });
    expect(aside.pragma('user_version', { simple: true })).toBe(1001);
    aside.close();
  });

  it('is kept in memory, and says so, where no file can be had', async () => {
    symlinkSync('/proc/no-such-directory', join(places.directory, 'var'));
    const history = await openHistory(places.path, clock);
    expect(history.problem).toContain('cannot be kept');
    history.append(entry);
    expect(history.list(5)).toHaveLength(1);
    history.close();
  });

  it('turns what SQLite has against a row into a problem, not an error', async () => {
    const history = await openHistory(places.path, clock);
    history.close();
    expect(() => history.append(entry)).not.toThrow();
    expect(history.list(5)).toEqual([]);
    expect(history.problem).toContain('could not be used');
  });

  it('keeps the newest ten thousand rows', async () => {
    const history = await openHistory(places.path, clock);
    history.append(entry);
    const direct = new Database(places.path);
    direct.prepare('UPDATE history SET id = 1').run();
    direct.prepare("INSERT INTO history SELECT 10001, 0, 't', 'last', 'done', ''").run();
    direct.close();
    history.append({ ...entry, title: 'newest' });
    expect(history.list(5).map(({ title }) => title)).toEqual(['newest', 'last']);
    history.close();
  });
});
