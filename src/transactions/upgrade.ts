import type { Job } from '../base/index.ts';
import { lockRepo } from '../repo/index.ts';
import { lockSysroot, openSysroot } from '../sysroot/index.ts';

import { deployCandidate, fetchCandidate, settlePlan, tidyUp } from './carry-out.ts';
import { decide } from './decide.ts';
import type { Host } from './host.ts';
import { sysrootLockTimeoutMs } from './limits.ts';
import { refuseContradictions, type UpgradeOptions } from './options.ts';
import type { Outcome } from './outcome.ts';
import { deployedOutcome, downloadedOutcome, stopHere, tell } from './outcomes.ts';
import { planBranchUpdate } from './plan.ts';

/**
 * Brings the host to the commit its branch names now: fetched, verified, deployed, and the next boot once the machine
 * goes down (at once in an offline sysroot). What boots changes in one step, the last before the tidying; a failure or a
 * cancellation before it leaves the deployments as they were, and what was fetched is there for the next run.
 *
 * Errors: those of {@link planUpgrade}, `Downgrade`, `NoSpace`, `MissingObject` (cache only), those of the pull, and
 * `KernelMissing`, `EtcConflict`, `BootFull` of the deployment; `UpdateInProgress` while another program has the sysroot.
 */
export async function upgrade(host: Host, options: UpgradeOptions, job: Job): Promise<Outcome> {
  refuseContradictions(options);
  const allowed = { allowDowngrade: options.allowDowngrade ?? false };
  using sysroot = openSysroot(host.sysrootPath, host.boot);
  using noPrune = await lockRepo(sysroot.repo, 'shared', job);
  const plan = await planBranchUpdate(sysroot, options, job);
  const stopped = stopHere(plan, decide(plan, allowed), options);
  if (stopped !== undefined) return tell(job, stopped);
  await fetchCandidate(sysroot, plan, job);
  if (options.downloadOnly === true) return tell(job, downloadedOutcome(plan));
  // Who has the sysroot may be waiting to prune the repo; from here on the ref keeps what was fetched.
  noPrune[Symbol.dispose]();
  using _lock = await lockSysroot(sysroot, job, { timeoutMs: sysrootLockTimeoutMs });
  const settled = await settlePlan(sysroot, plan, () =>
    planBranchUpdate(sysroot, { ...options, cacheOnly: true }, job),
  );
  const overtaken = stopHere(settled, decide(settled, allowed), options);
  if (overtaken !== undefined) return tell(job, overtaken);
  const deployment = await deployCandidate(sysroot, settled, job);
  await tidyUp(sysroot, job);
  return deployedOutcome(settled, deployment, options);
}
