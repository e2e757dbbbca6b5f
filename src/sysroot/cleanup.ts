import type { Job } from '../base/index.ts';
import { cleanupDisk, type DiskCleanup } from './cleanup-disk.ts';
import { loadDeployments, reportNotes } from './load-deployments.ts';
import type { Sysroot } from './open-sysroot.ts';
import { planCleanup, planUndeploy, type CleanupChoice } from './retention.ts';
import { writeDeployments } from './write-deployments.ts';

/** What to clean up. */
export interface CleanupOptions extends CleanupChoice {
  /** Also remove what nothing refers to; done anyway when deployments were removed. */
  readonly base?: boolean;
}

/**
 * Removes pending or rollback deployments from the list (a transaction of its own, with its own switch) and then from disk
 * what nothing needs any more; `removed` names the deployments taken off the list. What the configuration this boot started
 * from names stays on disk until a later boot. Safe to run again; needs the sysroot lock.
 */
export async function cleanup(sysroot: Sysroot, options: CleanupOptions, job: Job): Promise<DiskCleanup> {
  const list = loadDeployments(sysroot);
  reportNotes(list, job);
  const left = planCleanup(list, options);
  const removed = list.deployments.filter((deployment) => !left.includes(deployment)).map(({ id }) => id);
  if (removed.length > 0) await writeDeployments(sysroot, left, job);
  if (removed.length === 0 && options.base !== true) return { removed, freedBytes: 0 };
  const { freedBytes } = await cleanupDisk(sysroot, { prune: true }, job);
  return { removed, freedBytes };
}

/**
 * Takes the deployment at `index` off the list, pinned or not; its directory goes with the next cleanup. `InvalidArgument`
 * for one that is not there, booted, or the last. Needs the sysroot lock.
 */
export async function undeploy(sysroot: Sysroot, index: number, job: Job): Promise<void> {
  await writeDeployments(sysroot, planUndeploy(loadDeployments(sysroot), index), job);
}
