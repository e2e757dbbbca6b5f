import { assert, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cleanLine,
  cleanText,
  formatDuration,
  formatSize,
  formatTimestamp,
  safeJson,
  shellQuote,
  styleOf,
} from '../../../src/cli/terminal-text.ts';

describe('text for a terminal', () => {
  it('loses every control character, whatever comes', () => {
    assert(
      property(string({ unit: 'binary' }), (text) => {
        expect(cleanLine(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
        expect(cleanText(text)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
      }),
    );
  });

  it('keeps the letters of every language', () => {
    expect(cleanLine('Größe 日本語 ✓ 🚀')).toBe('Größe 日本語 ✓ 🚀');
  });

  it('escapes the same characters in JSON, and means the same', () => {
    const value = { title: '\u001B[2J\u009B1m\u202Ex\n', list: [1, true, null] };
    const text = safeJson(value);
    expect(text).not.toMatch(/[\u001b\u009b\u202e]/);
    expect(JSON.parse(text)).toEqual(value);
  });

  it.each([
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1000, '1.0 kB'],
    [999_949, '999.9 kB'],
    [999_950, '1.0 MB'],
    [1_234_567, '1.2 MB'],
    [5e15, '5000.0 TB'],
  ])('writes %d bytes as %s', (bytes, text) => expect(formatSize(bytes)).toBe(text));

  it.each([
    [-3, '0 s'],
    [59.4, '59 s'],
    [59.6, '1 min 0 s'],
    [3599, '59 min 59 s'],
    [7500, '2 h 5 min'],
  ])('writes %d seconds as %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  it.each([
    [0, '1970-01-01T00:00:00Z'],
    [1_767_268_800, '2026-01-01T12:00:00Z'],
    [1e300, '(invalid)'],
    [Number.NaN, '(invalid)'],
  ])('writes the time %d as %s', (seconds, text) => expect(formatTimestamp(seconds)).toBe(text));

  it.each([
    [['upgrade', '--reboot'], 'upgrade --reboot'],
    [['deploy', 'a b', "it's", ''], `deploy 'a b' 'it'\\''s' ''`],
    [['--append=a=b', '$(x)'], `--append=a=b '$(x)'`],
  ])('quotes %j for a shell', (words, line) => expect(shellQuote(words)).toBe(line));

  it('has no colour where none is wanted', () => {
    expect(styleOf({ color: false }).red('x')).toBe('x');
    expect(styleOf({ color: true }).red('x')).toBe('\u001B[31mx\u001B[39m');
  });
});
