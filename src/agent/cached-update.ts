import { decodeVariant, encodeVariant, type VariantDict } from '../format/index.ts';
import { dictString, wireDict, wireVariant, type WireDict, type WireVariant } from '../ipc/index.ts';
import { Dir } from '../platform/index.ts';
import type { Deployment } from '../sysroot/index.ts';
import type { Host, Outcome, UpdateInfo } from '../transactions/index.ts';

/** A dictionary of a dozen short values and the paths of conflicts in /etc. */
const maxCachedUpdateBytes = 1024 * 1024;

/** What a cached update is measured against: the deployment it would replace, and the ids that exist. */
export interface CachedUpdateBasis {
  readonly base: Deployment;
  readonly ids: readonly string[];
}

/**
 * The update last seen for the stateroot of `base`, as `a{sv}`; empty if there is none, or it was computed against another
 * deployment, or it is what `base` is already. A file that cannot be read counts as none: the next check writes it anew.
 */
export function readCachedUpdate(host: Host, { base, ids }: CachedUpdateBasis): WireDict {
  const dict = readFile(host, base.stateroot);
  if (dictString(dict, 'update-sha256') !== base.checksum || dictString(dict, 'checksum') === base.checksum) {
    return new Map();
  }
  const made = dictString(dict, 'deployment');
  return made === undefined || ids.includes(made) ? dict : new Map([...dict].filter(([key]) => key !== 'deployment'));
}

/** Remembers what a finished transaction learnt about the update of its stateroot; nothing if it learnt nothing. */
export function writeCachedUpdate(host: Host, outcome: Outcome): void {
  const { update } = outcome;
  if (update === undefined) return;
  using root = Dir.open('/');
  const path = relativePath(host, update.stateroot);
  root.ensureDir(path.slice(0, path.lastIndexOf('/')), 0o755);
  if (update.available)
    root.writeFile(path, encodeVariant('a{sv}', asVariantDict(describeUpdate(update, outcome))), 0o644);
  else root.unlink(path);
}

function describeUpdate(update: UpdateInfo, outcome: Outcome): WireDict {
  const { candidate } = update;
  const base = update.bootedChecksum ?? update.current.checksum;
  return wireDict({
    osname: text(update.stateroot),
    checksum: text(candidate.checksum),
    version: candidate.version === undefined ? undefined : text(candidate.version),
    timestamp: wireVariant('t', BigInt(candidate.timestampSeconds)),
    origin: text(update.origin),
    'gpg-enabled': wireVariant('b', update.signatureRequired),
    signatures: wireVariant('av', []),
    'ref-has-new-commit': wireVariant('b', candidate.checksum !== base),
    'update-sha256': text(base),
    deployment: outcome.deploymentId === undefined ? undefined : text(outcome.deploymentId),
    // Ours: what `--preview` shows and existing clients pass over.
    'atomic-missing-objects': count(update.missingObjects),
    'atomic-missing-bytes': count(update.missingBytes),
    'atomic-etc-conflicts': update.etcConflicts === undefined ? undefined : wireVariant('as', update.etcConflicts),
  });
}

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
