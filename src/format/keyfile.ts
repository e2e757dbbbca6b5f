import { AtomicError } from '../base/index.ts';
import { escapeList, escapeValue, unescapeList, unescapeValue } from './keyfile-value.ts';
import { maxKeyfileLength } from './limits.ts';

/** One line of a keyfile, remembered as it was written. Line numbers count from 1; 0 = not from a file. */
type Line =
  | { readonly kind: 'other'; readonly text: string }
  | { readonly kind: 'group'; readonly text: string; readonly group: string }
  | {
      readonly kind: 'entry';
      readonly text: string;
      readonly group: string;
      readonly key: string;
      readonly raw: string;
      readonly number: number;
    };

type Entry = Extract<Line, { kind: 'entry' }>;

/**
 * A GKeyFile (`[group]`, `key=value`) that keeps comments, order and unknown content byte for byte: only lines that are
 * set or removed change. Lookups of what is not there give undefined. When a key appears twice the last one counts.
 */
export class Keyfile {
  /** What errors call the file. */
  readonly source: string;
  private lines: readonly Line[];
  private endsWithNewline: boolean;
  /** What {@link find} looks in, and the lines it was made from. */
  private index: { readonly lines: readonly Line[]; readonly entries: ReadonlyMap<string, Entry> } | undefined;

  constructor(lines: readonly Line[], source: string, endsWithNewline = true) {
    this.lines = lines;
    this.source = source;
    this.endsWithNewline = endsWithNewline;
  }

  /** A copy that can be changed without changing this one. */
  clone(): Keyfile {
    return new Keyfile(this.lines, this.source, this.endsWithNewline);
  }

  /** The names of the groups, each once, in order. */
  groups(): readonly string[] {
    return [...new Set(this.lines.flatMap((line) => (line.kind === 'group' ? [line.group] : [])))];
  }

  /** The keys of a group, each once, in order; empty if there is no such group. */
  keys(group: string): readonly string[] {
    const keys = this.lines.flatMap((line) => (line.kind === 'entry' && line.group === group ? [line.key] : []));
    return [...new Set(keys)];
  }

  /** True if the group is there, even if empty. */
  hasGroup(group: string): boolean {
    return this.lines.some((line) => line.kind === 'group' && line.group === group);
  }

  /** The value with escapes undone; `InvalidFormat` on an unknown escape. */
  get(group: string, key: string): string | undefined {
    const entry = this.find(group, key);
    if (entry === undefined) return undefined;
    const value = unescapeValue(entry.raw);
    if (typeof value !== 'string') throw this.badValue(entry, `invalid escape sequence '${value.badEscape}'`);
    return value;
  }

  /** The value exactly as written, escapes and all. */
  getRaw(group: string, key: string): string | undefined {
    return this.find(group, key)?.raw;
  }

  /** The line the value is on, counted from 1; undefined if it is not there or was set later. */
  lineOf(group: string, key: string): number | undefined {
    const number = this.find(group, key)?.number;
    return number === 0 ? undefined : number;
  }

  /** The value as a boolean (`true`, `1`, `false`, `0`); `InvalidFormat` on anything else. */
  getBoolean(group: string, key: string): boolean | undefined {
    const entry = this.find(group, key);
    if (entry === undefined) return undefined;
    const word = entry.raw.trimEnd();
    if (word === 'true' || word === '1') return true;
    if (word === 'false' || word === '0') return false;
    throw this.badValue(entry, `'${word}' is not a boolean`);
  }

  /** The value as a decimal integer of at most 32 bits with sign; `InvalidFormat` on anything else. */
  getInteger(group: string, key: string): number | undefined {
    const entry = this.find(group, key);
    if (entry === undefined) return undefined;
    const word = entry.raw.trimEnd();
    // Adding zero turns -0 into 0.
    const value = /^[+-]?[0-9]+$/.test(word) ? Number.parseInt(word, 10) + 0 : Number.NaN;
    if (!(value >= -(2 ** 31) && value < 2 ** 31)) throw this.badValue(entry, `'${word}' is not a number`);
    return value;
  }

  /** The items of a `;` list with escapes undone; `InvalidFormat` on an unknown escape. */
  getList(group: string, key: string): readonly string[] | undefined {
    const entry = this.find(group, key);
    if (entry === undefined) return undefined;
    const items = unescapeList(entry.raw);
    if ('badEscape' in items) throw this.badValue(entry, `invalid escape sequence '${items.badEscape}'`);
    return items;
  }

  /** Gives `key` the value, in its place if it exists, else at the end of its group, which is made if missing. */
  set(group: string, key: string, value: string | boolean | number): void {
    this.setRaw(group, key, escapeValue(String(value)));
  }

  /** Gives `key` a `;` list. */
  setList(group: string, key: string, items: readonly string[]): void {
    this.setRaw(group, key, escapeList(items));
  }

  /** Removes a key; true if it was there. */
  remove(group: string, key: string): boolean {
    const kept = this.lines.filter((line) => line.kind !== 'entry' || line.group !== group || line.key !== key);
    const removed = kept.length < this.lines.length;
    this.lines = kept;
    return removed;
  }

  /** Removes a group with everything up to the next one; true if it was there. */
  removeGroup(group: string): boolean {
    let inside = false;
    const kept = this.lines.filter((line) => {
      if (line.kind === 'group') inside = line.group === group;
      return !inside;
    });
    const removed = kept.length < this.lines.length;
    this.lines = kept;
    return removed;
  }

  /** The file's text; what was parsed and not touched comes out as it went in. */
  toString(): string {
    const text = this.lines.map((line) => line.text).join('\n');
    return this.endsWithNewline && this.lines.length > 0 ? `${text}\n` : text;
  }

  private find(group: string, key: string): Entry | undefined {
    if (this.index?.lines !== this.lines) this.index = { lines: this.lines, entries: indexEntries(this.lines) };
    return this.index.entries.get(`${group}]${key}`);
  }

  private setRaw(group: string, key: string, raw: string): void {
    if (!isGroupName(group) || !isKeyName(key) || /^#|^\s|[\n\r]|\s$/.test(key)) {
      throw new AtomicError('InvalidFormat', `Invalid keyfile name [${group}] ${key}`);
    }
    const entry: Line = { kind: 'entry', text: `${key}=${raw}`, group, key, raw, number: 0 };
    const existing = this.find(group, key);
    if (existing !== undefined) {
      this.lines = this.lines.map((line) => (line === existing ? entry : line));
      return;
    }
    this.endsWithNewline = true;
    if (!this.hasGroup(group)) {
      const blank: readonly Line[] = this.lines.length > 0 ? [{ kind: 'other', text: '' }] : [];
      this.lines = [...this.lines, ...blank, { kind: 'group', text: `[${group}]`, group }, entry];
      return;
    }
    const at = this.lines.findLastIndex((line) => line.kind !== 'other' && line.group === group) + 1;
    this.lines = this.lines.toSpliced(at, 0, entry);
  }

  private badValue(entry: Entry, reason: string): AtomicError {
    const place = entry.number === 0 ? this.source : `${this.source}:${entry.number}`;
    return new AtomicError('InvalidFormat', `${place}: key '${entry.key}' of group '${entry.group}': ${reason}`);
  }
}

/** The last entry of each group and key; no group name holds a bracket. */
function indexEntries(lines: readonly Line[]): ReadonlyMap<string, Entry> {
  return new Map(
    lines.flatMap((line) => (line.kind === 'entry' ? [[`${line.group}]${line.key}`, line] as const] : [])),
  );
}

/** A keyfile with nothing in it. */
export function createKeyfile(source = 'keyfile'): Keyfile {
  return new Keyfile([], source);
}

/**
 * The keyfile that `text` is, as GKeyFile reads it. `InvalidFormat` naming `source` and the line if a line is neither
 * comment, group nor `key=value`, or a key comes before the first group.
 */
export function parseKeyfile(text: string, source = 'keyfile'): Keyfile {
  if (text.length > maxKeyfileLength) throw new AtomicError('LimitExceeded', `${source}: file is too large`);
  const endsWithNewline = text.endsWith('\n') || text === '';
  const rows = text.split('\n');
  if (endsWithNewline) rows.pop();
  const lines: Line[] = [];
  let group: string | undefined;
  for (const [index, row] of rows.entries()) {
    const ended = endsWithNewline || index < rows.length - 1;
    const line = parseLine(row, { number: index + 1, group, place: `${source}:${index + 1}`, ended });
    if (line.kind === 'group') group = line.group;
    lines.push(line);
  }
  return new Keyfile(lines, source, endsWithNewline);
}

interface Where {
  readonly number: number;
  readonly place: string;
  readonly group: string | undefined;
  /** False for a last line without a line end; there a carriage return belongs to the value. */
  readonly ended: boolean;
}

function parseLine(row: string, { number, group, place, ended }: Where): Line {
  const line = trimStartAscii(ended && row.endsWith('\r') ? row.slice(0, -1) : row);
  if (line === '' || line.startsWith('#')) return { kind: 'other', text: row };
  if (line.startsWith('[')) {
    const name = /^\[([^\]]*)\][ \t]*$/.exec(line)?.[1];
    if (name === undefined || !isGroupName(name)) {
      throw new AtomicError('InvalidFormat', `${place}: invalid group name ${JSON.stringify(line.slice(0, 80))}`);
    }
    return { kind: 'group', text: row, group: name };
  }
  const equals = line.indexOf('=');
  if (equals < 1) {
    const shown = JSON.stringify(line.slice(0, 80));
    throw new AtomicError('InvalidFormat', `${place}: line ${shown} is not a key-value pair, group, or comment`);
  }
  const key = trimEndAscii(line.slice(0, equals));
  if (!isKeyName(key)) {
    throw new AtomicError('InvalidFormat', `${place}: invalid key name ${JSON.stringify(key.slice(0, 80))}`);
  }
  if (group === undefined) throw new AtomicError('InvalidFormat', `${place}: file does not start with a group`);
  return { kind: 'entry', text: row, group, key, raw: trimStartAscii(line.slice(equals + 1)), number };
}

function isGroupName(name: string): boolean {
  return name !== '' && !/[[\]\0-\x1f\x7f]/.test(name);
}

function isKeyName(name: string): boolean {
  return /^(?! )[^=[\]\0]+(?<! )(?:\[[-_.@\p{L}\p{N}]*\])?$/u.test(name);
}

/** GKeyFile trims what C calls space, not what Unicode calls space. */
function trimStartAscii(text: string): string {
  return text.replace(/^[ \t\n\v\f\r]+/, '');
}

function trimEndAscii(text: string): string {
  // Not a regular expression: one that looks for blanks at the end takes quadratic time on blanks in the middle.
  let end = text.length;
  while (end > 0 && ' \t\n\v\f\r'.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}
