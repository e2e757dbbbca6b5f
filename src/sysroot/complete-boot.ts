import type { Job } from '../base/index.ts';
import { explainBootErrors } from '../boot/index.ts';
import { unlinkDurably } from '../platform/index.ts';
import { cleanupDisk } from './cleanup-disk.ts';
import { failureStamp } from './finalize-staged.ts';
import { lockSysroot, type Sysroot } from './open-sysroot.ts';

/** What the start of this boot brought to light. */
export interface BootReport {
  /** Why the last shutdown could not finalize the staged deployment. */
  readonly finalizeFailure: string | undefined;
  /** Ids of the deployments removed, which only the configuration of an earlier boot named. */
  readonly removed: readonly string[];
}

/** The stamp holds one message. */
const maxStampBytes = 64 * 1024;

/**
 * Ends a boot: reports (and forgets) a failure of the last finalize, and removes what only an earlier boot configuration
 * named: its entries, kernels and deployments. Safe to run again; takes the sysroot lock.
 */
export async function completeBoot(sysroot: Sysroot, job: Job): Promise<BootReport> {
  using _lock = await lockSysroot(sysroot, job);
  const finalizeFailure = sysroot.dir.readText(failureStamp, maxStampBytes);
  if (finalizeFailure !== undefined) {
    job.report({ kind: 'note', text: `Finalizing the staged deployment failed on previous boot: ${finalizeFailure}` });
    await explainBootErrors('remove the failure stamp', () => unlinkDurably(sysroot.dir, failureStamp));
  }
  const { removed } = await cleanupDisk(sysroot, {}, job);
  return { finalizeFailure, removed };
}
