import type { Checksum } from '../base/index.ts';
import type { BlsEntry } from '../format/index.ts';

/** Where the files of one kernel lie below `boot/`: paths as a boot entry names them. */
export interface KernelPaths {
  /** `/ostree/OS-BOOTCHECKSUM/vmlinuz-KVER` */
  readonly linux: string;
  readonly initrds: readonly string[];
  readonly devicetree?: string;
  /** Directory of device trees, for boot loaders that choose one themselves (`fdtdir`). */
  readonly devicetreeDirectory?: string;
}

/** One deployment as the boot configuration sees it. Position in the list = index; 0 is the default of the next boot. */
export interface BootTarget {
  readonly stateroot: string;
  /** `CHECKSUM.SERIAL`, the name of the deployment's directory. */
  readonly name: string;
  readonly bootChecksum: Checksum;
  /** Kernel arguments without `ostree=`. */
  readonly kargs: readonly string[];
  /** `version` of the commit, if it has one. */
  readonly version: string | undefined;
  /** `PRETTY_NAME` of the tree's os-release, else `ID`. */
  readonly osName: string;
  readonly kernel: KernelPaths;
  /** Further `KEY VALUE` lines (`aboot`, `x-…`) that are carried from entry to entry. */
  readonly extra: readonly (readonly [key: string, value: string])[];
  /** The entry that boots this deployment now, when there is one. */
  readonly entry: BlsEntry | undefined;
}

/** A symbolic link of `ostree/boot.N.M`: `OS/BOOTCHECKSUM/BOOTSERIAL`, which leads to the deployment `name`. */
export interface BootLink {
  readonly stateroot: string;
  readonly bootChecksum: Checksum;
  readonly bootSerial: number;
  readonly name: string;
}

/** A link per target: boot serials count up among targets that share a boot checksum, in list order. */
export function assignBootLinks(targets: readonly BootTarget[]): readonly BootLink[] {
  const next = new Map<string, number>();
  return targets.map(({ stateroot, bootChecksum, name }) => {
    const bootSerial = next.get(bootChecksum) ?? 0;
    next.set(bootChecksum, bootSerial + 1);
    return { stateroot, bootChecksum, bootSerial, name };
  });
}
