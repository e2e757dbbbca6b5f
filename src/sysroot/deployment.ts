import type { Checksum } from '../base/index.ts';
import type { KernelLayout } from '../boot/index.ts';
import type { BlsEntry, Origin } from '../format/index.ts';

/** What every deployment is known by, bootable or not yet. */
export interface DeploymentIdentity {
  readonly stateroot: string;
  readonly checksum: Checksum;
  readonly serial: number;
  /** `CHECKSUM.SERIAL`, the name of its directory. */
  readonly name: string;
  /** `STATEROOT-CHECKSUM.SERIAL`, the identifier on the bus. */
  readonly id: string;
  /** Its directory, relative to the sysroot. */
  readonly path: string;
  /** What it follows; an absent origin file reads as an empty one. */
  readonly origin: Origin;
  /** Kernel arguments without `ostree=`. */
  readonly kargs: readonly string[];
  readonly bootChecksum: Checksum;
}

/** A deployment of the list: bootable through an entry, or staged for the next shutdown. */
export interface Deployment extends DeploymentIdentity {
  /** Position in the list; 0 is the default of the next boot. */
  readonly index: number;
  /** Counts deployments with the same boot checksum; -1 while staged. */
  readonly bootSerial: number;
  readonly booted: boolean;
  readonly staged: boolean;
  readonly pinned: boolean;
  /** Staged, and not to be finalized until unlocked. */
  readonly locked: boolean;
  /** Its boot entry; undefined while staged. */
  readonly entry: BlsEntry | undefined;
}

/** A deployment just checked out by `deployTree`: complete on disk, but nothing boots it yet. */
export interface NewDeployment extends DeploymentIdentity {
  readonly kernel: KernelLayout;
  /** Where its /etc changes and kernel arguments come from. */
  readonly merge: Deployment | undefined;
  /** Further lines for its boot entry, as a staged record may carry them. */
  readonly entryExtra: readonly (readonly [key: string, value: string])[];
}

/** The paths and names that follow from stateroot and name. */
export function identify(
  stateroot: string,
  parsed: { readonly checksum: Checksum; readonly serial: number },
): Pick<DeploymentIdentity, 'stateroot' | 'checksum' | 'serial' | 'name' | 'id' | 'path'> {
  const { checksum, serial } = parsed;
  const name = `${checksum}.${serial}`;
  return {
    stateroot,
    checksum,
    serial,
    name,
    id: `${stateroot}-${name}`,
    path: `ostree/deploy/${stateroot}/deploy/${name}`,
  };
}

/** True if both are the same deployment of the same sysroot. */
export function sameDeployment(a: { readonly id: string }, b: { readonly id: string }): boolean {
  return a.id === b.id;
}
