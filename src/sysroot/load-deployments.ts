import { AtomicError, messageOf, parseChecksum, type Job } from '../base/index.ts';
import { readBootState, type BootEntry } from '../boot/index.ts';
import {
  blsField,
  kargsWithoutOstree,
  parseDeploymentName,
  parseKargs,
  parseOrigin,
  type BlsEntry,
  type Origin,
} from '../format/index.ts';
import type { BootRecord } from './boot-record.ts';
import { identify, type Deployment } from './deployment.ts';
import type { Sysroot } from './open-sysroot.ts';
import { readStaged } from './staged-file.ts';

/** The deployments of a sysroot as they are at one moment. */
export interface DeploymentList {
  /** In boot order: a staged one first, then as the boot entries have them. */
  readonly deployments: readonly Deployment[];
  readonly booted: Deployment | undefined;
  readonly staged: Deployment | undefined;
  /** Changes whenever the list does: the modification time of `ostree/deploy`, in nanoseconds. */
  readonly stamp: string;
  /** A sentence for each entry that could not be followed; these never hide the others. */
  readonly notes: readonly string[];
}

/** An origin file holds a few lines; a limit keeps a damaged one from filling memory. */
const maxOriginBytes = 1024 * 1024;

/** A staged record need not say it: it is computed when the deployment is finalized. */
const unknownBootChecksum = parseChecksum('0'.repeat(64));

/** Reads the list of deployments. Takes no lock; writers replace what it reads atomically. */
export function loadDeployments(sysroot: Sysroot): DeploymentList {
  const state = readBootState(sysroot.dir);
  const notes = [...state.current.broken];
  const bootable: Deployment[] = [];
  for (const entry of state.current.entries) {
    const found = readDeployment(sysroot, entry, notes);
    if (typeof found === 'string') notes.push(found);
    else bootable.push(found);
  }
  const staged = loadStaged(sysroot, bootable, notes);
  const deployments = [...(staged === undefined ? [] : [staged]), ...bootable].map((deployment, index) => ({
    ...deployment,
    index,
  }));
  return {
    deployments,
    booted: deployments.find(({ booted }) => booted),
    staged: deployments.find((deployment) => deployment.staged),
    stamp: String(sysroot.dir.stat('ostree/deploy')?.mtimeNs ?? 0n),
    notes,
  };
}

/**
 * Throws `InvalidSysroot` while the list cannot be trusted to name everything that must stay: the running deployment is not
 * in it, or there are boot links but no boot entries at all. Most often /boot is not mounted.
 */
export function requireTrustedList(sysroot: Sysroot, list: DeploymentList): void {
  const unnamed = sysroot.boot?.deployment !== undefined && list.booted === undefined;
  if (!unnamed && !lacksEntries(sysroot)) return;
  const what = unnamed ? 'no boot entry leads to the deployment this machine runs' : 'there are no boot entries';
  throw new AtomicError('InvalidSysroot', `Cannot change the deployments of ${sysroot.path}: ${what}`, {
    hint: `Check that the file system of /boot is mounted at ${sysroot.path.replace(/\/$/, '')}/boot, then try again.`,
  });
}

/** Entries are made before the first link and go after the last, so links without entries belong to entries elsewhere. */
function lacksEntries(sysroot: Sysroot): boolean {
  const { current, other } = readBootState(sysroot.dir);
  if (current.present || other.present) return false;
  return (['ostree/boot.0', 'ostree/boot.1'] as const).some((link) => sysroot.dir.stat(link) !== undefined);
}

/** Tells a job what {@link loadDeployments} stumbled over. */
export function reportNotes(list: DeploymentList, job: Job): void {
  for (const text of list.notes) job.report({ kind: 'note', text });
}

/** The origin of the deployment at `path`; an empty one if the file is missing. */
export function readOrigin(sysroot: Sysroot, path: string): Origin {
  return parseOrigin(sysroot.dir.readText(`${path}.origin`, maxOriginBytes) ?? '');
}

function readDeployment(sysroot: Sysroot, entry: BootEntry, notes: string[]): Deployment | string {
  const parsed = parseDeploymentName(entry.name);
  if (parsed === undefined) return `Boot entry ${entry.file}: leads to ${entry.name}, which is not a deployment`;
  const identity = identify(entry.stateroot, parsed);
  if (sysroot.dir.stat(identity.path)?.isDirectory() !== true) {
    return `Boot entry ${entry.file}: the deployment ${identity.path} is missing`;
  }
  const origin = readOriginOrNote(sysroot, identity.path, notes);
  return {
    ...identity,
    index: 0,
    origin,
    bootChecksum: entry.bootChecksum,
    bootSerial: entry.bootSerial,
    booted: isBooted(sysroot, identity),
    staged: false,
    pinned: origin.pinned,
    locked: false,
    entry: entry.entry,
    kargs: readKargs(entry.entry),
  };
}

/** The kernel arguments of an entry without those that say which deployment to boot; they are made anew with each entry. */
function readKargs(entry: BlsEntry): readonly string[] {
  return kargsWithoutOstree(parseKargs(blsField(entry, 'options') ?? '')).filter(
    (karg) => !/^init=\/ostree\/boot\.[01]\/.*\/ostree-prepare-root$/.test(karg),
  );
}

/** A damaged origin must not hide a deployment that boots: it reads as an empty one, which no verb can follow. */
function readOriginOrNote(sysroot: Sysroot, path: string, notes: string[]): Origin {
  try {
    return readOrigin(sysroot, path);
  } catch (error) {
    notes.push(`Origin of ${path}: ${messageOf(error)}`);
    return parseOrigin('');
  }
}

/** A record whose target is already bootable is left over from a finalize that was cut short after its commit point. */
function loadStaged(sysroot: Sysroot, bootable: readonly Deployment[], notes: string[]): Deployment | undefined {
  const record = readStagedOrNote(sysroot, notes);
  const parsed = record === undefined ? undefined : parseDeploymentName(record.target.name);
  if (record === undefined || parsed === undefined) return undefined;
  const identity = identify(record.target.stateroot, parsed);
  if (bootable.some(({ id }) => id === identity.id)) return undefined;
  if (sysroot.dir.stat(identity.path)?.isDirectory() !== true) {
    notes.push(`Staged deployment ${identity.path} is missing`);
    return undefined;
  }
  const origin = readOriginOrNote(sysroot, identity.path, notes);
  return {
    ...identity,
    index: 0,
    origin,
    bootChecksum: record.target.bootChecksum ?? unknownBootChecksum,
    bootSerial: -1,
    booted: false,
    staged: true,
    pinned: false,
    locked: record.locked,
    entry: undefined,
    kargs: record.kargs ?? [],
  };
}

/** False if there is a record and nobody can tell what it names. */
export function isStagedReadable(sysroot: Sysroot): boolean {
  const notes: string[] = [];
  readStagedOrNote(sysroot, notes);
  return notes.length === 0;
}

function readStagedOrNote(sysroot: Sysroot, notes: string[]): ReturnType<typeof readStaged> {
  try {
    return readStaged(sysroot);
  } catch (error) {
    notes.push(`Staged deployment: ${messageOf(error)}`);
    return undefined;
  }
}

/** True if this is the deployment the machine runs; never for an offline sysroot. */
export function isBooted(
  sysroot: Sysroot,
  identity: { readonly stateroot: string; readonly name: string; readonly path: string },
) {
  const deployment: BootRecord['deployment'] = sysroot.boot?.deployment;
  if (deployment === undefined) return false;
  if (typeof deployment === 'string') return deployment === `${identity.stateroot}/${identity.name}`;
  const stat = sysroot.dir.stat(identity.path);
  return stat?.dev === deployment.dev && stat.ino === deployment.ino;
}
