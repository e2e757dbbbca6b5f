import { ostreeKarg, parseKargs, parseOstreeKarg } from '../format/index.ts';
import { Dir, readBootId, readKernelCommandLine } from '../platform/index.ts';

/** Which deployment a machine runs and where its /run is; built once where the process starts, or by a test. */
export interface BootRecord {
  /** N of the `ostree=/ostree/boot.N/…` argument of the running kernel. */
  readonly bootVersion?: 0 | 1;
  /** Changes with every boot. */
  readonly bootId: string;
  /** `STATEROOT/CHECKSUM.SERIAL`, or device and inode of the root directory, which is the deployment's. */
  readonly deployment?: string | { readonly dev: bigint; readonly ino: bigint };
  /** Where the host keeps what a reboot forgets; `/run` on a machine. */
  readonly runDir: string;
}

/**
 * The boot record of this machine; undefined if it was not booted into a deployment (no /run/ostree-booted, or no `ostree=`
 * argument).
 */
export function readBootRecord(): BootRecord | undefined {
  using root = Dir.open('/');
  const karg = ostreeKarg(parseKargs(readKernelCommandLine()));
  const link = karg === undefined ? undefined : parseOstreeKarg(karg);
  const stat = root.stat();
  if (!root.exists('run/ostree-booted') || link === undefined || stat === undefined) return undefined;
  return {
    bootVersion: link.bootVersion,
    bootId: readBootId(),
    deployment: { dev: stat.dev, ino: stat.ino },
    runDir: '/run',
  };
}
