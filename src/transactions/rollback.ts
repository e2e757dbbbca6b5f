import { defined, type Job } from '../base/index.ts';
import { loadDeployments, lockSysroot, openSysroot, rollbackOrder, writeDeployments } from '../sysroot/index.ts';

import type { Host } from './host.ts';
import { sysrootLockTimeoutMs } from './limits.ts';
import type { RollbackOptions } from './options.ts';
import type { Outcome } from './outcome.ts';

/**
 * Makes the deployment after the booted one the next boot, durably on return; when the next boot is another one already,
 * the booted one comes first again. Each keeps its own /etc. The one change is the swap: before it nothing, after it
 * everything. `NoRollback` when there is nothing to go back to, `StagedExists` while an update waits for the shutdown.
 */
export async function rollback(host: Host, options: RollbackOptions, job: Job): Promise<Outcome> {
  using sysroot = openSysroot(host.sysrootPath, host.boot);
  using _lock = await lockSysroot(sysroot, job, { timeoutMs: sysrootLockTimeoutMs });
  const order = rollbackOrder(loadDeployments(sysroot));
  const first = defined(order[0], 'a rollback keeps every deployment');
  job.report({ kind: 'note', text: `Moving '${first.name}' to be first deployment` });
  await writeDeployments(sysroot, order, job);
  return { kind: 'rolled-back', deploymentId: first.id, rebootRequested: options.reboot === true };
}
