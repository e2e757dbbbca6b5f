import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes, formatRefspec, isRefName, isRemoteName, parseRefspec } from '../../../src/format/index.ts';

describe('refs', () => {
  it.each(['a', 'fedora/40/x86_64/silverblue', 'a.b-c_d/1', '_', '0'])('%j names one', (text) => {
    expect(isRefName(text)).toBe(true);
    expect(parseRefspec(text)).toEqual({ remote: undefined, ref: text });
    const refspec = parseRefspec(`origin:${text}`);
    expect(refspec).toEqual({ remote: 'origin', ref: text });
    expect(formatRefspec(refspec)).toBe(`origin:${text}`);
    expect(formatRefspec({ remote: undefined, ref: text })).toBe(text);
  });

  it.each([
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    '-a',
    'a b',
    'ä',
    'a\n',
    'f'.repeat(64),
    'x'.repeat(2000),
  ])('%j names none', (text) => {
    expect(isRefName(text)).toBe(false);
    expect(() => parseRefspec(text)).toThrow(expect.objectContaining({ code: 'InvalidRefspec' }));
    expect(() => parseRefspec(`origin:${text}`)).toThrow(expect.objectContaining({ code: 'InvalidRefspec' }));
  });

  it.each([':a', 'a/b:c', '..:c', 'a:b:c', 'a:'])('%j is no refspec', (text) => {
    expect(() => parseRefspec(text)).toThrow(
      expect.objectContaining({ code: 'InvalidRefspec', message: `Invalid refspec ${text}` }),
    );
  });

  it('tells remote names', () => {
    expect(['origin', 'a.b-c', '..', 'a/b', ''].map((name) => isRemoteName(name))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});

it('orders text as its UTF-8 bytes are ordered', () => {
  const awkward = fc.constantFrom('a', 'b', 'é', '\u07ff', '\u0800', '\ud7ff', '\ue000', '\uffee', '😀', '\u{10ffff}');
  const texts = fc.array(awkward, { maxLength: 6 }).map((parts) => parts.join(''));
  const bytes = (text: string) => Buffer.from(text, 'utf8');
  fc.assert(
    fc.property(texts, texts, (a, b) => {
      expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(bytes(a), bytes(b)));
    }),
  );
  expect(compareBytes('\uFFEE', '😀')).toBeLessThan(0);
  expect(compareBytes('same', 'same')).toBe(0);
});
