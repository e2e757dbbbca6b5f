/** Keys made by the real `gpg` in homes of their own, and `gpgv`, the independent judge of signatures. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeTempDir } from './temp-dir.ts';

/** A time to which gpg's clock is set. */
export type FakedTime = `${string}T${string}`;

/** A home with secret keys; its agent ends with the test's directory. */
export interface GpgHome {
  readonly path: string;
  /** Makes a key that may sign and returns its fingerprint. */
  makeKey(user: string, options?: { algorithm?: string; expires?: string; at?: FakedTime }): string;
  /** A detached binary signature over `data`. */
  sign(
    data: Uint8Array,
    keys: readonly string[],
    options?: { expires?: string; at?: FakedTime; digest?: string },
  ): Buffer;
  /** Public keys as a binary ring, or armoured. */
  exportKeys(keys?: readonly string[], options?: { armour?: boolean }): Buffer;
  /** Takes back a key with the certificate that was made together with it. */
  revoke(fingerprint: string): void;
  /** Adds a subkey that may sign and returns its fingerprint. */
  addSubkey(fingerprint: string, options?: { algorithm?: string; expires?: string; at?: FakedTime }): string;
  run(...args: readonly string[]): Buffer;
}

/** A new home, gone with the running test. */
export function makeGpgHome(): GpgHome {
  const path = makeTempDir('atomic-gpg-');
  const call = (args: readonly string[], input?: Uint8Array): Buffer => {
    const all = ['--homedir', path, '--batch', '--no-tty', '--passphrase', '', '--pinentry-mode', 'loopback', ...args];
    const { status, stdout, stderr } = spawnSync('gpg', all, { input: input ?? Buffer.alloc(0) });
    if (status !== 0) throw new Error(`gpg ${args.join(' ')} failed: ${stderr.toString()}`);
    return stdout;
  };
  const clock = (at: FakedTime | undefined): string[] => (at === undefined ? [] : ['--faked-system-time', at]);
  const listed = (kind: string, about: readonly string[]): string[] => {
    const lines = call(['--with-colons', '--list-keys', ...about])
      .toString()
      .split('\n');
    return lines.flatMap((line, index) => (line.startsWith(kind) ? (lines[index + 1]?.split(':')[9] ?? []) : []));
  };
  return {
    path,
    makeKey: (user, { algorithm = 'ed25519', expires = 'never', at } = {}) => {
      call([...clock(at), '--quick-generate-key', user, algorithm, 'sign', expires]);
      const [fingerprint] = listed('pub', [user]);
      if (fingerprint === undefined) throw new Error(`no key of ${user}`);
      return fingerprint;
    },
    sign: (data, keys, { expires, at, digest } = {}) =>
      call(
        [
          ...clock(at),
          ...(expires === undefined ? [] : ['--default-sig-expire', expires]),
          ...(digest === undefined ? [] : ['--digest-algo', digest]),
          ...keys.flatMap((key) => ['--local-user', key]),
          '--detach-sign',
        ],
        data,
      ),
    exportKeys: (keys = [], { armour = false } = {}) => call([...(armour ? ['--armor'] : []), '--export', ...keys]),
    revoke: (fingerprint) => {
      const text = readFileSync(join(path, 'openpgp-revocs.d', `${fingerprint}.rev`), 'latin1');
      // gpg puts a colon before the first line so that nobody imports it by accident.
      call(['--import'], Buffer.from(text.replace(/^:(-----BEGIN)/m, '$1'), 'latin1'));
    },
    addSubkey: (fingerprint, { algorithm = 'ed25519', expires = 'never', at } = {}) => {
      call([...clock(at), '--quick-add-key', fingerprint, algorithm, 'sign', expires]);
      const subkey = listed('sub', [fingerprint]).at(-1);
      if (subkey === undefined) throw new Error(`no subkey of ${fingerprint}`);
      return subkey;
    },
    run: (...args) => call(args),
  };
}

/** The verdict of `gpgv` for each signature of a file, in the order they stand there: GOODSIG, EXPSIG, NO_PUBKEY … */
export function gpgvVerdicts(ring: Uint8Array, signature: Uint8Array, data: Uint8Array): readonly string[] {
  const directory = makeTempDir('atomic-gpgv-');
  const file = (name: string, bytes: Uint8Array): string => {
    writeFileSync(join(directory, name), bytes);
    return join(directory, name);
  };
  const args = ['--homedir', directory, '--status-fd', '1', '--keyring', file('ring', ring)];
  const run = spawnSync('gpgv', [...args, file('signature', signature), file('data', data)], { encoding: 'utf8' });
  const verdicts = new Set(['GOODSIG', 'BADSIG', 'EXPSIG', 'EXPKEYSIG', 'REVKEYSIG', 'NO_PUBKEY']);
  const words = run.stdout.split('\n').map((line) => line.split(' ')[1] ?? '');
  return words.filter((word) => verdicts.has(word));
}
