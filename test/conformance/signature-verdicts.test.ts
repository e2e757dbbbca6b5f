import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type GpgSignature, loadKeyring, verifyGpg } from '../../src/signature/index.ts';
import { type GpgHome, gpgvVerdicts, makeGpgHome } from '../support/gpg.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const data: Uint8Array = new Uint8Array(Buffer.from('the bytes of a commit'));
const longAgo = '20200101T000000';

/** Our verdict in gpgv's words. */
function word(signature: GpgSignature): string {
  if (signature.keyMissing) return 'NO_PUBKEY';
  if (signature.keyRevoked) return 'REVKEYSIG';
  if (signature.keyExpired) return 'EXPKEYSIG';
  if (signature.signatureExpired) return 'EXPSIG';
  return signature.valid ? 'GOODSIG' : 'BADSIG';
}

function writeRing(bytes: Uint8Array, name = 'ring.gpg'): string {
  const path = join(makeTempDir(), name);
  writeFileSync(path, bytes);
  return path;
}

async function ours(ring: string, signatures: readonly Uint8Array[], bytes = data): Promise<readonly GpgSignature[]> {
  const keyring = loadKeyring({ rings: [ring], keyPaths: [], globalDir: '/nonexistent' });
  return await verifyGpg(bytes, signatures, { keyring, now: new Date() });
}

interface Scene {
  readonly ring: Uint8Array;
  readonly signature: Uint8Array;
  readonly bytes?: Uint8Array;
}

const scenes: readonly (readonly [name: string, verdicts: readonly string[], make: (home: GpgHome) => Scene])[] = [
  [
    'a good one by an RSA key',
    ['GOODSIG'],
    (home) => {
      const key = home.makeKey('Rita <rita@example.com>', { algorithm: 'rsa2048' });
      return { ring: home.exportKeys(), signature: home.sign(data, [key]) };
    },
  ],
  [
    'a good one by an Ed25519 key',
    ['GOODSIG'],
    (home) => {
      const key = home.makeKey('Edda <edda@example.com>');
      return { ring: home.exportKeys(), signature: home.sign(data, [key]) };
    },
  ],
  [
    'a good one by a NIST curve',
    ['GOODSIG'],
    (home) => {
      const key = home.makeKey('Nils <nils@example.com>', { algorithm: 'nistp256' });
      return { ring: home.exportKeys(), signature: home.sign(data, [key]) };
    },
  ],
  [
    'a good one by a subkey',
    ['GOODSIG'],
    (home) => {
      const key = home.makeKey('Sub <sub@example.com>');
      const subkey = home.addSubkey(key);
      return { ring: home.exportKeys(), signature: home.sign(data, [`${subkey}!`]) };
    },
  ],
  [
    'one over other bytes',
    ['BADSIG'],
    (home) => {
      const key = home.makeKey('Rita <rita@example.com>', { algorithm: 'rsa2048' });
      const signature = home.sign(data, [key]);
      return { ring: home.exportKeys(), signature, bytes: new Uint8Array(Buffer.from('other bytes')) };
    },
  ],
  [
    'one by a key that has expired',
    ['EXPKEYSIG'],
    (home) => {
      const key = home.makeKey('Old <old@example.com>', { expires: 'seconds=86400', at: longAgo });
      return { ring: home.exportKeys(), signature: home.sign(data, [key], { at: '20200101T010000' }) };
    },
  ],
  [
    'one by a subkey that has expired',
    ['EXPKEYSIG'],
    (home) => {
      const key = home.makeKey('Old <old@example.com>', { at: longAgo });
      const subkey = home.addSubkey(key, { expires: 'seconds=86400', at: '20200101T000100' });
      return { ring: home.exportKeys(), signature: home.sign(data, [`${subkey}!`], { at: '20200101T010000' }) };
    },
  ],
  [
    'one by a subkey of a key that has expired',
    ['EXPKEYSIG'],
    (home) => {
      const key = home.makeKey('Old <old@example.com>', { expires: 'seconds=86400', at: longAgo });
      const subkey = home.addSubkey(key, { at: '20200101T000100' });
      return { ring: home.exportKeys(), signature: home.sign(data, [`${subkey}!`], { at: '20200101T010000' }) };
    },
  ],
  [
    'one that has itself expired',
    ['EXPSIG'],
    (home) => {
      const key = home.makeKey('Short <short@example.com>', { at: longAgo });
      return { ring: home.exportKeys(), signature: home.sign(data, [key], { expires: '1d', at: '20200101T010000' }) };
    },
  ],
  [
    'one by a key that was taken back afterwards',
    ['REVKEYSIG'],
    (home) => {
      const key = home.makeKey('Lost <lost@example.com>');
      const signature = home.sign(data, [key]);
      home.revoke(key);
      return { ring: home.exportKeys(), signature };
    },
  ],
  [
    'a forged one by a key that was taken back',
    ['BADSIG'],
    (home) => {
      const key = home.makeKey('Lost <lost@example.com>');
      const signature = home.sign(data, [key]);
      home.revoke(key);
      return { ring: home.exportKeys(), signature, bytes: new Uint8Array(Buffer.from('other bytes')) };
    },
  ],
  [
    'one by a key that is not in the ring',
    ['NO_PUBKEY'],
    (home) => {
      const key = home.makeKey('Stranger <stranger@example.com>');
      const other = home.makeKey('Known <known@example.com>');
      return { ring: home.exportKeys([other]), signature: home.sign(data, [key]) };
    },
  ],
  [
    'several, of which one is good',
    ['NO_PUBKEY', 'REVKEYSIG', 'GOODSIG'],
    (home) => {
      const stranger = home.makeKey('Stranger <stranger@example.com>');
      const lost = home.makeKey('Lost <lost@example.com>', { algorithm: 'rsa2048' });
      const known = home.makeKey('Known <known@example.com>');
      const each = [stranger, lost, known].map((key) => home.sign(data, [key]));
      home.revoke(lost);
      return { ring: home.exportKeys([lost, known]), signature: Buffer.concat(each) };
    },
  ],
];

describe('a signature is judged as gpgv judges it', () => {
  it.each(scenes)('%s', async (_name, verdicts, make) => {
    const { ring, signature, bytes } = make(makeGpgHome());
    expect(gpgvVerdicts(ring, signature, bytes ?? data).toSorted()).toEqual([...verdicts].toSorted());
    const judged = (await ours(writeRing(ring), [signature], bytes)).map(word);
    expect(judged).toEqual(verdicts);
  });
});

it('reads the same keys from a keybox, armoured blocks and a directory of both', async () => {
  const home = makeGpgHome();
  const one = home.makeKey('One <one@example.com>');
  const two = home.makeKey('Two <two@example.com>', { algorithm: 'rsa2048' });
  const signatures = [home.sign(data, [one]), home.sign(data, [two])];
  const armoured = Buffer.concat([home.exportKeys([one], { armour: true }), home.exportKeys([two], { armour: true })]);
  expect(readFileSync(join(home.path, 'pubring.kbx')).subarray(8, 12).toString()).toBe('KBXf');
  for (const ring of [join(home.path, 'pubring.kbx'), writeRing(armoured, 'ring.asc')]) {
    expect((await ours(ring, signatures)).map(word)).toEqual(['GOODSIG', 'GOODSIG']);
  }
  const directory = makeTempDir();
  writeFileSync(join(directory, 'a.asc'), home.exportKeys([one], { armour: true }));
  writeFileSync(join(directory, 'b.gpg'), home.exportKeys([two]));
  mkdirSync(join(directory, 'c'));
  const keyring = loadKeyring({ rings: [], keyPaths: [directory], globalDir: '/nonexistent' });
  const judged = await verifyGpg(data, signatures, { keyring, now: new Date() });
  expect(judged.map(word)).toEqual(['GOODSIG', 'GOODSIG']);
});

it('knows a revocation that only one of two copies of a key carries', async () => {
  const home = makeGpgHome();
  const key = home.makeKey('Lost <lost@example.com>');
  const signature = home.sign(data, [key]);
  const before = home.exportKeys();
  home.revoke(key);
  for (const ring of [Buffer.concat([before, home.exportKeys()]), Buffer.concat([home.exportKeys(), before])]) {
    expect((await ours(writeRing(ring), [signature])).map(word)).toEqual(['REVKEYSIG']);
  }
});

it('tells who signed, when, with what and until when', async () => {
  const home = makeGpgHome();
  const key = home.makeKey('Rita Book <rita@example.com>', { algorithm: 'rsa2048', at: '20300101T000000' });
  const signature = home.sign(data, [key], { expires: '2d', at: '20300101T000010', digest: 'SHA512' });
  const keyring = loadKeyring({ rings: [writeRing(home.exportKeys())], keyPaths: [], globalDir: '/nonexistent' });
  const now = new Date('2030-01-02T00:00:00Z');
  expect(await verifyGpg(data, [signature], { keyring, now })).toEqual([
    {
      valid: true,
      signatureExpired: false,
      keyExpired: false,
      keyRevoked: false,
      keyMissing: false,
      problem: undefined,
      fingerprint: key,
      timestampSeconds: Date.UTC(2030, 0, 1, 0, 0, 10) / 1000,
      expirySeconds: Date.UTC(2030, 0, 3, 0, 0, 10) / 1000,
      publicKeyAlgorithm: 'RSA',
      hashAlgorithm: 'SHA512',
      userName: 'Rita Book',
      userEmail: 'rita@example.com',
    },
  ]);
});

it('counts a signature by SHA-1 as bad', async () => {
  const home = makeGpgHome();
  const key = home.makeKey('Weak <weak@example.com>', { algorithm: 'rsa2048' });
  const [verdict] = await ours(writeRing(home.exportKeys()), [home.sign(data, [key], { digest: 'SHA1' })]);
  expect(verdict).toMatchObject({ valid: false, problem: expect.stringContaining('SHA1') as string });
});
