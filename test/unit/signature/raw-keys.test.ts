import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadRawKeys, parseKeys, verifyRaw } from '../../../src/signature/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const data = Buffer.from('the bytes of a commit');

interface TestKey {
  readonly line: string;
  readonly pem: string;
  sign(): Uint8Array;
}

function makeKey(): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    line: publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64'),
    pem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    sign: () => new Uint8Array(sign(null, data, privateKey)),
  };
}

/** A directory as /etc/ostree, with files by their names. */
function makeBaseDir(files: Readonly<Record<string, string>>): string {
  const path = makeTempDir();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(path, name, '..'), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

describe('the keys of the system', () => {
  const [one, two, three] = [makeKey(), makeKey(), makeKey()];
  const baseDirs = (): string[] => [
    makeBaseDir({ 'trusted.ed25519': `${one.line}\n\n`, 'revoked.ed25519.d/lost': `${three.line}\n` }),
    makeBaseDir({ 'trusted.ed25519.d/a': `${two.line}\n${three.line}\n` }),
    '/nonexistent',
  ];
  const fits = (key: TestKey, places: Parameters<typeof loadRawKeys>[1]): boolean =>
    verifyRaw('ed25519', data, { signatures: [key.sign()], keys: loadRawKeys('ed25519', places) });

  it('count for a remote without keys of its own, except those that were taken back', () => {
    const places = { inlineKey: undefined, file: undefined, baseDirs: baseDirs() };
    expect([one, two, three].map((key) => fits(key, places))).toEqual([true, true, false]);
  });

  it('do not count for a remote that has a key of its own, but what was taken back stays so', () => {
    expect([one, two].map((key) => fits(key, { inlineKey: two.line, file: undefined, baseDirs: baseDirs() }))).toEqual([
      false,
      true,
    ]);
    expect(fits(three, { inlineKey: three.line, file: undefined, baseDirs: baseDirs() })).toBe(false);
  });

  it('are not asked for when the file of the remote is missing: that is said', () => {
    const places = { inlineKey: undefined, file: '/nonexistent/keys', baseDirs: baseDirs() };
    expect(() => loadRawKeys('ed25519', places)).toThrow('/nonexistent/keys does not exist');
  });
});

it('reads spki keys in PEM, several in a file, or the base64 alone', () => {
  const [one, two] = [makeKey(), makeKey()];
  const bare = one.pem.replace(/-----[^-]*-----/g, '');
  for (const text of [`${two.pem}\n${one.pem}`, bare]) {
    const keys = parseKeys('spki', text, 'test');
    expect(verifyRaw('spki', data, { signatures: [one.sign()], keys })).toBe(true);
  }
});

it.each(['not base64 of a key', 'AAAA'])('refuses %j as an ed25519 key by the name of its file', (text) => {
  expect(() => parseKeys('ed25519', text, '/etc/ostree/trusted.ed25519')).toThrow(
    'Invalid ed25519 key in /etc/ostree/trusted.ed25519',
  );
});

it('takes a signature of any length and content for what it is: not good', () => {
  const key = makeKey();
  const keys = parseKeys('ed25519', key.line, 'test');
  const good = key.sign();
  const changed = Uint8Array.from(good, (byte, index) => (index === 5 ? byte ^ 1 : byte));
  for (const signature of [new Uint8Array(), good.subarray(1), changed, new Uint8Array(64)]) {
    expect(verifyRaw('ed25519', data, { signatures: [signature], keys })).toBe(false);
  }
  expect(verifyRaw('ed25519', data, { signatures: [changed, good], keys })).toBe(true);
});
