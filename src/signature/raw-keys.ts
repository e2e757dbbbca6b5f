import { createPublicKey, type KeyObject } from 'node:crypto';
import { AtomicError } from '../base/index.ts';
import { compareBytes } from '../format/index.ts';
import type { RawEngine } from './detached.ts';
import { listFiles, readFile } from './host-files.ts';
import { maxKeyringBytes, maxKeys } from './limits.ts';

/** Where public keys of one engine come from. */
export interface RawKeyPlaces {
  /** `verification-ENGINE-key`: one key, in the form its file would have. */
  readonly inlineKey: string | undefined;
  /** `verification-ENGINE-file`: a file that must be there. */
  readonly file: string | undefined;
  /** Directories with `trusted.ENGINE`, `trusted.ENGINE.d`, `revoked.ENGINE` and `revoked.ENGINE.d`. */
  readonly baseDirs: readonly string[];
}

/** Where the system keeps public keys that count for every remote without keys of its own, and those that never count. */
export const defaultRawKeyDirs: readonly string[] = ['/etc/ostree', '/usr/share/ostree'];

/** SubjectPublicKeyInfo of an Ed25519 key is this prefix and the 32 bytes of the key (RFC 8410). */
const ed25519Prefix = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * The public keys that may sign: the remote's own, else the system's; never one that is revoked on this host. `NotFound` for
 * a `verification-…-file` that is not there, `InvalidFormat` for a key that is none. OSTree: ed25519 and spki signatures.
 */
export function loadRawKeys(engine: RawEngine, places: RawKeyPlaces): readonly KeyObject[] {
  const revoked = new Set(systemKeys(engine, 'revoked', places).map(identity));
  return trustedKeys(engine, places).filter((key) => !revoked.has(identity(key)));
}

function trustedKeys(engine: RawEngine, places: RawKeyPlaces): readonly KeyObject[] {
  const { inlineKey, file } = places;
  if (inlineKey === undefined && file === undefined) return systemKeys(engine, 'trusted', places);
  const inline = inlineKey === undefined ? [] : parseKeys(engine, inlineKey, `verification-${engine}-key`);
  return [...inline, ...(file === undefined ? [] : parseKeys(engine, requireText(engine, file), file))];
}

/** All keys of the system's files `trusted.ENGINE[.d]` or `revoked.ENGINE[.d]`. */
function systemKeys(engine: RawEngine, list: 'trusted' | 'revoked', { baseDirs }: RawKeyPlaces): readonly KeyObject[] {
  return baseDirs.flatMap((directory) => {
    const path = `${directory}/${list}.${engine}`;
    const files = [path, ...(listFiles(`${path}.d`) ?? []).toSorted(compareBytes)];
    return files.flatMap((name) => parseKeys(engine, textOf(name) ?? '', name));
  });
}

function textOf(path: string): string | undefined {
  const bytes = readFile(path, maxKeyringBytes);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');
}

function requireText(engine: RawEngine, path: string): string {
  const text = textOf(path);
  if (text !== undefined) return text;
  throw new AtomicError('NotFound', `verification-${engine}-file: ${path} does not exist`, {
    facts: { path },
    hint: 'Correct the setting of the remote, or put the keys there.',
  });
}

/** ed25519: one base64 key a line; spki: PEM blocks, or the base64 between their lines. */
export function parseKeys(engine: RawEngine, text: string, source: string): readonly KeyObject[] {
  const keys = engine === 'ed25519' ? linesOf(text) : pemBlocks(text);
  if (keys.length > maxKeys) throw new AtomicError('LimitExceeded', `${source} has more than ${maxKeys} keys`);
  return keys.map((key) => {
    try {
      return engine === 'ed25519' ? ed25519Key(key) : createPublicKey(key);
    } catch (cause) {
      throw new AtomicError('InvalidFormat', `Invalid ${engine} key in ${source}`, { facts: { source }, cause });
    }
  });
}

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

const pemPattern = /-----BEGIN PUBLIC KEY-----[\s\S]*?-----END PUBLIC KEY-----/g;

function pemBlocks(text: string): string[] {
  const blocks = [...text.matchAll(pemPattern)].map(([block]) => block);
  if (blocks.length > 0 || text.trim() === '') return blocks;
  return [`-----BEGIN PUBLIC KEY-----\n${text.trim()}\n-----END PUBLIC KEY-----\n`];
}

function ed25519Key(base64: string): KeyObject {
  const raw = Buffer.from(base64, 'base64');
  if (raw.length !== 32) throw new Error(`a public key has 32 bytes, this has ${raw.length}`);
  return createPublicKey({ key: Buffer.concat([ed25519Prefix, raw]), format: 'der', type: 'spki' });
}

/** The same text for the same key, however it was written. */
function identity(key: KeyObject): string {
  return key.export({ format: 'der', type: 'spki' }).toString('base64');
}
