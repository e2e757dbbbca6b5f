import { osPath, type WireDict, type WireValue } from '../ipc/index.ts';
import { Dir } from '../platform/index.ts';
import { loadDeployments, openSysroot, type Deployment } from '../sysroot/index.ts';
import type { Host } from '../transactions/index.ts';
import { readCachedUpdate } from './cached-update.ts';
import { describeContext, describeDeployment } from './deployment-dict.ts';
import type { SignatureBook } from './signature-book.ts';

/** One stateroot as the bus shows it. */
export interface StaterootModel {
  readonly name: string;
  readonly path: string;
  readonly booted: WireDict;
  readonly default: WireDict;
  readonly rollback: WireDict;
  readonly cachedUpdate: WireDict;
}

/** What the objects of the bus show; read at one moment, never changed. */
export interface HostModel {
  /** Changes whenever the deployments do, ours or anybody's doing. */
  readonly stamp: string;
  /** Object path of the booted stateroot, `/` when nothing of this sysroot is booted. */
  readonly bootedPath: string;
  readonly bootedStateroot: string | undefined;
  readonly deployments: readonly WireDict[];
  readonly stateroots: ReadonlyMap<string, StaterootModel>;
  /** A sentence for each deployment that could not be read. */
  readonly notes: readonly string[];
}

const empty: WireDict = new Map();

/** Time stamps of files advance in steps of a few milliseconds; a change this young may hide another one. */
const unsettledMs = 100;

/** Reads the sysroot. Errors are those of opening it. */
export function readHostModel(host: Host, signatures: SignatureBook): HostModel {
  const seen = readStamp(host);
  // A stamp that no file will ever have: what was read so soon after a change is read again.
  const ageMs = host.clock.now().getTime() - Number(seen) / 1e6;
  const stamp = Math.abs(ageMs) < unsettledMs ? 'unsettled' : seen;
  using sysroot = openSysroot(host.sysrootPath, host.boot);
  const { deployments, booted, notes } = loadDeployments(sysroot);
  const context = describeContext(sysroot, signatures);
  const dicts = deployments.map((one) => describeDeployment(context, one));
  const names = [...new Set(deployments.map((one) => one.stateroot))];
  const stateroots = names.map((name) => describeStateroot(name, { host, deployments, dicts }));
  return {
    stamp,
    bootedPath: booted === undefined ? '/' : osPath(booted.stateroot),
    bootedStateroot: booted?.stateroot,
    deployments: dicts,
    stateroots: new Map(stateroots.map((one) => [one.name, one])),
    notes,
  };
}

/** Modification time of `ostree/deploy`, which every writer of deployments touches; cheap enough for each call. */
export function readStamp(host: Host): string {
  using dir = Dir.open(host.sysrootPath);
  return String(dir.stat('ostree/deploy')?.mtimeNs ?? 0n);
}

/**
 * Picks the three deployments clients ask for. Default: the first one before the booted, else the booted. Rollback: the first
 * one after it; none where nothing is booted.
 */
function describeStateroot(
  name: string,
  from: { readonly host: Host; readonly deployments: readonly Deployment[]; readonly dicts: readonly WireDict[] },
): StaterootModel {
  const { deployments, dicts } = from;
  const bootedIndex = deployments.findIndex((one) => one.booted);
  const first = (low: number, high: number): number | undefined =>
    deployments.find((one) => one.stateroot === name && one.index >= low && one.index < high)?.index;
  const bootedHere = deployments[bootedIndex]?.stateroot === name ? bootedIndex : undefined;
  const before = bootedIndex < 0 ? deployments.length : bootedIndex;
  const defaultIndex = first(0, before) ?? bootedHere;
  const rollbackIndex = bootedIndex < 0 ? undefined : first(bootedIndex + 1, deployments.length);
  const dict = (index: number | undefined): WireDict => (index === undefined ? empty : (dicts[index] ?? empty));
  // Nothing booted: what the next operation starts from stands for the booted deployment.
  const base = deployments[bootedHere ?? defaultIndex ?? first(0, deployments.length) ?? -1];
  return {
    name,
    path: osPath(name),
    booted: dict(bootedHere),
    default: dict(defaultIndex),
    rollback: dict(rollbackIndex),
    cachedUpdate: base === undefined ? empty : readCachedUpdate(from.host, { base, deployments }),
  };
}

/** The properties of the OS interface. */
export function osProperties(one: StaterootModel): ReadonlyMap<string, WireValue> {
  return new Map<string, WireValue>([
    ['Name', one.name],
    ['BootedDeployment', one.booted],
    ['DefaultDeployment', one.default],
    ['RollbackDeployment', one.rollback],
    ['CachedUpdate', one.cachedUpdate],
    ['HasCachedUpdateRpmDiff', one.cachedUpdate.size > 0],
  ]);
}
