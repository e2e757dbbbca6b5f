import { describe, expect, it } from 'vitest';

import { parseRevision } from '../../../src/transactions/revision.ts';

const checksum = 'ab'.repeat(32);

describe('a revision', () => {
  it.each([
    ['64 hex digits', checksum, { kind: 'checksum', checksum }],
    ['64 upper-case hex digits', checksum.toUpperCase(), { kind: 'checksum', checksum }],
    ['revision= and a checksum', `revision=${checksum}`, { kind: 'checksum', checksum }],
    ['REVISION= in capitals', `REVISION=${checksum}`, { kind: 'checksum', checksum }],
    ['a bare version', '43.20260101.0', { kind: 'version', version: '43.20260101.0' }],
    ['version= and a version', 'version=1.0', { kind: 'version', version: '1.0' }],
    ['Version= in mixed case keeps the case of the version', 'VerSion=1.0-RC', { kind: 'version', version: '1.0-RC' }],
    ['a version that looks like a checksum', `version=${checksum}`, { kind: 'version', version: checksum }],
    ['63 hex digits are a version', checksum.slice(1), { kind: 'version', version: checksum.slice(1) }],
  ])('reads %s', (_what, text, expected) => {
    expect(parseRevision(text)).toEqual(expected);
  });

  it.each([[''], ['revision='], ['version='], ['revision=1.0'], [`revision=${checksum}0`]])('refuses %j', (text) => {
    expect(() => parseRevision(text)).toThrow(expect.objectContaining({ code: 'InvalidArgument' }));
  });
});
