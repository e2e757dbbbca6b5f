import { readFileSync } from 'node:fs';

import type { Dir } from './dir.ts';
import { sys } from './syscalls.ts';

/** The random id of this boot, as the kernel gives it: 36 characters, different after every start. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** The command line of the running kernel, without the newline. */
export function readKernelCommandLine(): string {
  return readFileSync('/proc/cmdline', 'utf8').trim();
}

/** True if `rel` is the root of a mount of its own: its device differs from that of the directory above. */
export function isMountPoint(dir: Dir, rel: string): boolean {
  const inner = dir.stat(rel);
  if (inner === undefined || !inner.isDirectory()) return false;
  return dir.at(rel, (fd) => sys.fstatat(fd, '.', 0)).dev !== inner.dev;
}

/**
 * Tells the service manager a state (`READY=1`, `STATUS=…`); nothing happens where `socketPath` (NOTIFY_SOCKET) is
 * undefined, and a manager that does not listen is no error.
 */
export function notifyServiceManager(socketPath: string | undefined, state: string): boolean {
  if (socketPath === undefined || socketPath === '') return false;
  try {
    sys.sendDatagram(socketPath, Buffer.from(state));
    return true;
  } catch {
    return false;
  }
}
