import { join } from 'node:path';
import { run, systemClock } from '../platform/index.ts';
import type { Host } from '../transactions/index.ts';
import { findSysroot, type SysrootSettings } from './find-sysroot.ts';

/** What decides which machine a process works on; all optional. */
export interface HostSettings extends SysrootSettings {
  /** Directory of history and caches. */
  readonly stateDir?: string | undefined;
}

/**
 * The machine a process works on, frozen. With another sysroot than the running one nothing outside it is written and a
 * reboot only ends up in the deployments' order: there is no machine to restart.
 */
export function buildHost(settings: HostSettings): Host {
  const { path, boot, isRunning } = findSysroot(settings);
  return Object.freeze({
    sysrootPath: path,
    boot,
    stateDir: settings.stateDir ?? (isRunning ? '/var/lib/atomic' : join(path, 'ostree/atomic/state')),
    clock: systemClock,
    reboot: async () => {
      if (isRunning) await run('systemctl', ['reboot']);
    },
  });
}
