import { AtomicError } from '../base/index.ts';
import { maxBlsEntryLength } from './limits.ts';

export { compareVersions } from './version-order.ts';

/** A Boot Loader Specification entry: its lines in order, unknown keys and repeated keys included. */
export interface BlsEntry {
  readonly fields: readonly (readonly [key: string, value: string])[];
}

/** What the entry of a deployment is made from; paths as the boot loader sees them. */
export interface DeploymentEntryParts {
  readonly title: string;
  readonly version: string;
  /** The kernel command line. */
  readonly options: string;
  readonly devicetree?: string | undefined;
  readonly linux: string;
  /** The initramfs, then overlays. */
  readonly initrds: readonly string[];
  readonly extra?: Iterable<readonly [key: string, value: string]> | undefined;
}

/**
 * The entry in the text of an `entries/*.conf` file. Comments and blank lines are not kept; a key without a value has
 * the empty one. `LimitExceeded` if the file is unreasonably large.
 */
export function parseBlsEntry(text: string): BlsEntry {
  if (text.length > maxBlsEntryLength) throw new AtomicError('LimitExceeded', 'Boot entry is too large');
  const fields: (readonly [string, string])[] = [];
  for (const row of text.split('\n')) {
    const line = row.trim();
    if (line === '' || line.startsWith('#')) continue;
    const blank = line.search(/[ \t]/);
    fields.push(blank < 0 ? [line, ''] : [line.slice(0, blank), line.slice(blank).trim()]);
  }
  return { fields };
}

/** The text of the entry's file; `InvalidFormat` if a field could not be read back as it is. */
export function formatBlsEntry(entry: BlsEntry): string {
  for (const [key, value] of entry.fields) {
    if (!/^[^\s#]\S*$/.test(key) || /[\n\r\0]/.test(value) || value.trim() !== value) {
      throw new AtomicError('InvalidFormat', `Cannot write boot entry field ${JSON.stringify(key)}`);
    }
  }
  return entry.fields.map(([key, value]) => (value === '' ? `${key}\n` : `${key} ${value}\n`)).join('');
}

/** The first value of `key`, or undefined. */
export function blsField(entry: BlsEntry, key: string): string | undefined {
  return entry.fields.find(([name]) => name === key)?.[1];
}

/** Every value of `key` in order (`initrd` may repeat). */
export function blsFields(entry: BlsEntry, key: string): readonly string[] {
  return entry.fields.flatMap(([name, value]) => (name === key ? [value] : []));
}

/** A copy with `key` set to `value`: in the place of the first one, else at the end; further ones are dropped. */
export function withBlsField(entry: BlsEntry, key: string, value: string): BlsEntry {
  const at = entry.fields.findIndex(([name]) => name === key);
  if (at < 0) return { fields: [...entry.fields, [key, value]] };
  return { fields: entry.fields.with(at, [key, value]).filter(([name], index) => index === at || name !== key) };
}

/** The entry of a deployment, fields in OSTree's order. OSTree repository format: BLS entry. */
export function createDeploymentEntry(parts: DeploymentEntryParts): BlsEntry {
  const { title, version, options, devicetree, linux, initrds, extra } = parts;
  const fields: (readonly [string, string])[] = [
    ['title', title],
    ['version', version],
    ['options', options],
  ];
  if (devicetree !== undefined) fields.push(['devicetree', devicetree]);
  fields.push(['linux', linux]);
  for (const initrd of initrds) fields.push(['initrd', initrd]);
  return { fields: [...fields, ...(extra ?? [])] };
}
