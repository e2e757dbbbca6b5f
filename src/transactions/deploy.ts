import type { Job } from '../base/index.ts';
import { lockRepo } from '../repo/index.ts';
import { lockSysroot, openSysroot } from '../sysroot/index.ts';

import { deployCandidate, fetchCandidate, settlePlan, tidyUp } from './carry-out.ts';
import { decide } from './decide.ts';
import type { Host } from './host.ts';
import { sysrootLockTimeoutMs } from './limits.ts';
import { type DeployOptions, refuseContradictions } from './options.ts';
import type { Outcome } from './outcome.ts';
import { deployedOutcome, downloadedOutcome, stopHere, tell } from './outcomes.ts';
import { planRevision } from './plan.ts';

/**
 * Brings the host to a named commit or version of its branch and keeps it there until the next `upgrade`; a commit older
 * than the deployed one is accepted unless that is switched off. The same steps and the same promises as `upgrade`;
 * `NotFound` when the branch has no such revision.
 */
export async function deploy(host: Host, options: DeployOptions, job: Job): Promise<Outcome> {
  refuseContradictions(options);
  const allowed = { allowDowngrade: options.allowDowngrade ?? true };
  using sysroot = openSysroot(host.sysrootPath, host.boot);
  using noPrune = await lockRepo(sysroot.repo, 'shared', job);
  const plan = await planRevision(sysroot, options, job);
  const stopped = stopHere(plan, decide(plan, allowed), options);
  if (stopped !== undefined) return tell(job, stopped);
  await fetchCandidate(sysroot, plan, job);
  if (options.downloadOnly === true) return tell(job, downloadedOutcome(plan));
  // Who has the sysroot may be waiting to prune the repo; from here on the ref keeps what was fetched.
  noPrune[Symbol.dispose]();
  using _lock = await lockSysroot(sysroot, job, { timeoutMs: sysrootLockTimeoutMs });
  const found = { ...options, revision: plan.candidate.checksum, skipBranchCheck: true, cacheOnly: true };
  const settled = await settlePlan(sysroot, plan, () => planRevision(sysroot, found, job));
  const overtaken = stopHere(settled, decide(settled, allowed), options);
  if (overtaken !== undefined) return tell(job, overtaken);
  const deployment = await deployCandidate(sysroot, settled, job);
  await tidyUp(sysroot, job);
  return deployedOutcome(settled, deployment, options);
}
