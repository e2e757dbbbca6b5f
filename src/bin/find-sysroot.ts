import { resolve } from 'node:path';
import { type BootRecord, readBootRecord } from '../sysroot/index.ts';
import { readBootRecordFile } from './boot-record-file.ts';

/** Which root to work on. Both are optional. */
export interface SysrootSettings {
  /** The physical root; the running system's when absent or `/`. */
  readonly sysroot?: string | undefined;
  /** A file that says how that root counts as booted. */
  readonly bootRecord?: string | undefined;
}

/** A physical root and how it was booted; `boot` is undefined when nothing there runs. */
export interface FoundSysroot {
  readonly path: string;
  readonly boot: BootRecord | undefined;
  /** True for the root this very machine runs from. */
  readonly isRunning: boolean;
}

/**
 * A running system is worked on through its own root: there `ostree` leads into the physical root, and /boot is what is
 * mounted there, which the directory /sysroot/boot need not show.
 */
const runningSysroot = '/';

/** Finds the root to work on; reads the kernel's command line only for the running system. */
export function findSysroot({ sysroot, bootRecord }: SysrootSettings): FoundSysroot {
  const isRunning = (sysroot === undefined || sysroot === '/') && bootRecord === undefined;
  if (isRunning) return { path: runningSysroot, boot: readBootRecord(), isRunning };
  const path = resolve(sysroot ?? runningSysroot);
  // Another name of the running system, such as /sysroot, must not make it count as one where nothing runs.
  const boot = bootRecord === undefined ? readBootRecord(path) : readBootRecordFile(bootRecord);
  return { path, boot, isRunning };
}
