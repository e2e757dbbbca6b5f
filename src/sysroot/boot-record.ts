import { ostreeKarg, parseKargs, parseOstreeKarg } from '../format/index.ts';
import { Dir, isSystemError, readBootId, readKernelCommandLine } from '../platform/index.ts';

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
 * The boot record of this machine, if the sysroot at `path` is the one it runs from, by whatever name; undefined for every
 * other one, and if the machine was not booted into a deployment (no /run/ostree-booted, or no `ostree=` argument).
 */
export function readBootRecord(path = '/'): BootRecord | undefined {
  using root = Dir.open('/');
  const karg = ostreeKarg(parseKargs(readKernelCommandLine()));
  const link = karg === undefined ? undefined : parseOstreeKarg(karg);
  const stat = root.stat();
  if (!root.exists('run/ostree-booted') || link === undefined || stat === undefined) return undefined;
  if (!sharesDeployments(path, root)) return undefined;
  return {
    bootVersion: link.bootVersion,
    bootId: readBootId(),
    deployment: { dev: stat.dev, ino: stat.ino },
    runDir: '/run',
  };
}

/** Treating the system that runs as an offline one would leave it unprotected; `/sysroot` and `/` name the same one. */
function sharesDeployments(path: string, root: Dir): boolean {
  if (path === '/') return true;
  try {
    using other = Dir.open(path);
    const theirs = other.stat('ostree/deploy');
    const ours = root.stat('ostree/deploy');
    return theirs !== undefined && theirs.ino === ours?.ino && theirs.dev === ours.dev;
  } catch (error) {
    // What cannot be opened is reported by who opens it next.
    if (isSystemError(error)) return false;
    throw error;
  }
}
