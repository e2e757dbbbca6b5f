import { decodeVariant, encodeVariant, type VariantDict } from '../format/index.ts';
import { dictString, wireDict, wireVariant, type WireDict, type WireVariant } from '../ipc/index.ts';
import { Dir } from '../platform/index.ts';
import type { Deployment } from '../sysroot/index.ts';
import type { Host, UpdateInfo } from '../transactions/index.ts';

/** A dictionary of a dozen short values and the paths of conflicts in /etc. */
const maxCachedUpdateBytes = 1024 * 1024;

/** What a cached update is measured against: the deployment it would replace, and what there is. */
export interface CachedUpdateBasis {
  readonly base: Deployment;
  readonly deployments: readonly Deployment[];
}

/**
 * The update last seen for the stateroot of `base`, as `a{sv}`; empty if there is none, or it was computed against another
 * deployment, or it is what `base` is already. A file that cannot be read counts as none: the next check writes it anew.
 */
export function readCachedUpdate(host: Host, { base, deployments }: CachedUpdateBasis): WireDict {
  const dict = readFile(host, base.stateroot);
  const checksum = dictString(dict, 'checksum');
  if (dictString(dict, 'update-sha256') !== base.checksum || checksum === base.checksum) return new Map();
  const made = deployments.find((one) => one.stateroot === base.stateroot && one.checksum === checksum);
  return made === undefined ? dict : new Map([...dict, ['deployment', text(made.id)]]);
}

/**
 * Remembers what an upgrade or a check learnt about the update of its stateroot; forgets it when there is none. `booted` is
 * the booted stateroot: clients compare the update with what runs, and where nothing of it runs with the default.
 */
export function writeCachedUpdate(host: Host, update: UpdateInfo, booted: string | undefined): void {
  const base = (booted === update.stateroot ? update.bootedChecksum : undefined) ?? update.current.checksum;
  using root = Dir.open('/');
  const path = relativePath(host, update.stateroot);
  root.ensureDir(path.slice(0, path.lastIndexOf('/')), 0o755);
  if (update.candidate.checksum === base) root.unlink(path);
  else root.writeFile(path, encodeVariant('a{sv}', asVariantDict(describeUpdate(update, base))), 0o644);
}

/** The dictionary clients know, without keys of a deployment: an `id` would make a page take it for one. */
function describeUpdate(update: UpdateInfo, base: string): WireDict {
  const { candidate } = update;
  return wireDict({
    osname: text(update.stateroot),
    checksum: text(candidate.checksum),
    version: candidate.version === undefined ? undefined : text(candidate.version),
    timestamp: wireVariant('t', BigInt(candidate.timestampSeconds)),
    origin: text(update.origin),
    'gpg-enabled': wireVariant('b', update.signatureRequired),
    signatures: wireVariant('av', []),
    'ref-has-new-commit': wireVariant('b', true),
    'update-sha256': text(base),
    // Ours: what `--preview` shows and existing clients pass over.
    'atomic-missing-objects': count(update.missingObjects),
    'atomic-missing-bytes': count(update.missingBytes),
    'atomic-etc-conflicts': update.etcConflicts === undefined ? undefined : wireVariant('as', update.etcConflicts),
  });
}

/** The stored dictionary; empty if it is missing or cannot be read. */
function readFile(host: Host, stateroot: string): WireDict {
  try {
    using root = Dir.open('/');
    const bytes = root.readFile(relativePath(host, stateroot), maxCachedUpdateBytes);
    if (bytes === undefined) return new Map();
    const value = decodeVariant('a{sv}', bytes);
    return value instanceof Map ? value : new Map();
  } catch {
    return new Map();
  }
}

/** One file per stateroot, beside the history. */
function relativePath(host: Host, stateroot: string): string {
  return `${host.stateDir.replace(/^\/+/, '')}/cached-update/${stateroot}.gv`;
}

function text(value: string): WireVariant {
  return wireVariant('s', value);
}

function count(value: number | undefined): WireVariant | undefined {
  return value === undefined ? undefined : wireVariant('t', BigInt(value));
}

/** Both rooms spell a dictionary alike; the wire's type only allows more kinds of keys further down, none of them here. */
function asVariantDict(dict: WireDict): VariantDict {
  return dict as VariantDict;
}
