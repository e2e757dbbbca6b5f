import { AtomicError, isChecksum, type Checksum } from '../base/index.ts';
import { parseDeploymentName, isStaterootName } from './boot-link.ts';
import { decodeVariant, encodeVariant, isVariantDict, variant } from './gvariant.ts';
import type { Variant, VariantDict, VariantValue } from './gvariant.ts';
import { maxStagedRecordBytes } from './limits.ts';

/** A deployment as the staged record names it. */
export interface StagedDeployment {
  /** `CHECKSUM.SERIAL`. */
  readonly name: string;
  readonly stateroot: string;
  readonly bootChecksum: Checksum | undefined;
  /** Keys of a newer writer, carried through. */
  readonly extra?: VariantDict | undefined;
}

/** What is to be finalized at shutdown. */
export interface StagedRecord {
  readonly target: StagedDeployment;
  /** Whose `/etc` and kernel arguments are merged. */
  readonly merge?: StagedDeployment | undefined;
  /** Undefined: those of the merge deployment. */
  readonly kargs: readonly string[] | undefined;
  readonly overlayInitrds: readonly string[];
  /** True: do nothing at shutdown. */
  readonly locked: boolean;
  /** Lines for the boot entry. */
  readonly bootconfigExtra: ReadonlyMap<string, string>;
  /** Keys of a newer writer, carried through. */
  readonly extra?: VariantDict | undefined;
}

/** The bytes of `/run/ostree/staged-deployment`. OSTree repository format: staged deployments. */
export function encodeStagedRecord(record: StagedRecord): Uint8Array {
  const dict = new Map<string, Variant>([['target', variant('a{sv}', deploymentDict(record.target))]]);
  if (record.merge !== undefined) dict.set('merge-deployment', variant('a{sv}', deploymentDict(record.merge)));
  if (record.kargs !== undefined) dict.set('kargs', variant('as', record.kargs));
  if (record.overlayInitrds.length > 0) dict.set('overlay-initrds', variant('as', record.overlayInitrds));
  if (record.locked) dict.set('locked', variant('b', true));
  if (record.bootconfigExtra.size > 0) dict.set('bootconfig-extra', variant('a{ss}', record.bootconfigExtra));
  for (const [key, value] of record.extra ?? []) dict.set(key, value);
  return encodeVariant('a{sv}', dict);
}

/** What a staged record says; `InvalidFormat` if it names no deployment or a known key has another type. */
export function decodeStagedRecord(bytes: Uint8Array): StagedRecord {
  if (bytes.length > maxStagedRecordBytes) throw new AtomicError('LimitExceeded', 'Staged record is too large');
  const dict = new Map(decodeVariant('a{sv}', bytes) as VariantDict);
  const target = takeDeployment(dict, 'target');
  if (target === undefined) throw badRecord('it names no target');
  const merge = takeDeployment(dict, 'merge-deployment');
  const kargs = take(dict, 'kargs', 'as') as readonly string[] | undefined;
  const overlayInitrds = (take(dict, 'overlay-initrds', 'as') as readonly string[] | undefined) ?? [];
  const locked = take(dict, 'locked', 'b') === true;
  const bootconfigExtra =
    (take(dict, 'bootconfig-extra', 'a{ss}') as ReadonlyMap<string, string> | undefined) ?? new Map();
  return { target, merge, kargs, overlayInitrds, locked, bootconfigExtra, extra: dict };
}

function deploymentDict(deployment: StagedDeployment): VariantDict {
  const dict = new Map<string, Variant>([
    ['name', variant('s', deployment.name)],
    ['osname', variant('s', deployment.stateroot)],
  ]);
  if (deployment.bootChecksum !== undefined) dict.set('bootcsum', variant('s', deployment.bootChecksum));
  for (const [key, value] of deployment.extra ?? []) dict.set(key, value);
  return dict;
}

function takeDeployment(record: Map<string, Variant>, key: string): StagedDeployment | undefined {
  const value = take(record, key, 'a{sv}');
  if (value === undefined || !isVariantDict(value)) return undefined;
  const dict = new Map(value);
  const name = take(dict, 'name', 's');
  const stateroot = take(dict, 'osname', 's');
  const bootChecksum = take(dict, 'bootcsum', 's');
  if (typeof name !== 'string' || parseDeploymentName(name) === undefined) throw badRecord(`bad name in ${key}`);
  if (typeof stateroot !== 'string' || !isStaterootName(stateroot)) throw badRecord(`bad osname in ${key}`);
  if (bootChecksum !== undefined && !(typeof bootChecksum === 'string' && isChecksum(bootChecksum))) {
    throw badRecord(`bad bootcsum in ${key}`);
  }
  return { name, stateroot, bootChecksum, extra: dict };
}

/** Takes a key out of the dictionary, so that what remains is what we do not know. */
function take(dict: Map<string, Variant>, key: string, type: string): VariantValue | undefined {
  const item = dict.get(key);
  if (item === undefined) return undefined;
  if (item.type !== type) throw badRecord(`${key} has type ${item.type}`);
  dict.delete(key);
  return item.value;
}

function badRecord(reason: string): AtomicError {
  return new AtomicError('InvalidFormat', `Invalid staged deployment record: ${reason}`);
}
