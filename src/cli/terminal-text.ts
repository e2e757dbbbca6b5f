import { cleanLine, cleanText, escapeUnsafe } from '../base/index.ts';
import type { Screen } from './context.ts';

export { cleanLine, cleanText };

/** Pretty JSON in which every such character is an escape, so that it may be shown and still means the same. */
export function safeJson(value: unknown): string {
  return escapeUnsafe(JSON.stringify(value, undefined, 2));
}

/** Marks a piece of text; the identity where there is no colour. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly red: (text: string) => string;
}

/** The style of a screen. */
export function styleOf(screen: Pick<Screen, 'color'>): Style {
  if (!screen.color) return plainStyle;
  return { bold: (text) => `\u001B[1m${text}\u001B[22m`, red: (text) => `\u001B[31m${text}\u001B[39m` };
}

/** No colour at all. */
export const plainStyle: Style = { bold: (text) => text, red: (text) => text };

const sizeUnits = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/** A size as people write it, in powers of 1000: `512 bytes`, `1.2 MB`. */
export function formatSize(sizeBytes: number): string {
  let [size, unit] = [sizeBytes, 0];
  // 999,950 bytes are "1.0 MB", not "1000.0 kB".
  while (size >= (unit === 0 ? 1000 : 999.95) && unit < sizeUnits.length - 1) [size, unit] = [size / 1000, unit + 1];
  return `${unit === 0 ? size : size.toFixed(1)} ${sizeUnits[unit]}`;
}

/** A duration in at most two units: `8 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

// The last second a Date can hold.
const maxTimestampSeconds = 8_640_000_000_000;

/** A commit's time in the reference's form, `2026-01-01T12:00:00Z`; `(invalid)` beyond what a calendar knows. */
export function formatTimestamp(timestampSeconds: number): string {
  if (!Number.isFinite(timestampSeconds) || Math.abs(timestampSeconds) > maxTimestampSeconds) return '(invalid)';
  return `${new Date(timestampSeconds * 1000).toISOString().replace(/\.\d+Z$/, '')}Z`;
}

/** The words of a command line as one would type them into a shell. */
export function shellQuote(words: readonly string[]): string {
  return words.map((word) => (/^[\w%+,./:=@-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
}
