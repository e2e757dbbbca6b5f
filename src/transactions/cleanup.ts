import { AtomicError, type Job } from '../base/index.ts';
import { cleanup as cleanUpSysroot, lockSysroot, openSysroot } from '../sysroot/index.ts';

import { formatBytes } from './format-bytes.ts';
import type { Host } from './host.ts';
import { sysrootLockTimeoutMs } from './limits.ts';
import type { CleanupOptions } from './options.ts';
import type { Outcome } from './outcome.ts';
import { tell } from './outcomes.ts';

/**
 * Removes the deployments named by the options (`pending`: before the booted one, `rollback`: after it; pinned ones and
 * other stateroots stay) and then what nothing refers to any more. Safe to run again, and says when there was nothing to
 * remove. `InvalidArgument` when no option is set.
 */
export async function cleanup(host: Host, options: CleanupOptions, job: Job): Promise<Outcome> {
  const { base = false, pending = false, rollback = false, repomd = false } = options;
  if (!base && !pending && !rollback && !repomd) {
    throw new AtomicError('InvalidArgument', 'At least one cleanup option must be specified');
  }
  // Package metadata alone: this host keeps none, so there is nothing to lock for.
  if (!base && !pending && !rollback) return { kind: 'cleaned', rebootRequested: false };
  using sysroot = openSysroot(host.sysrootPath, host.boot);
  using _lock = await lockSysroot(sysroot, job, { timeoutMs: sysrootLockTimeoutMs });
  job.report({ kind: 'phase', text: 'Cleaning up' });
  const cleaned = await cleanUpSysroot(sysroot, { ...options, base, pending, rollback }, job);
  const message = summaryOf(cleaned, pending || rollback);
  return tell(job, { kind: 'cleaned', rebootRequested: false, ...(message === '' ? {} : { message }) });
}

/** `Deployments unchanged.` when some should have gone and none could; the space that came free, if any did. */
function summaryOf(cleaned: { removed: readonly string[]; freedBytes: number }, deploymentsAsked: boolean): string {
  const lines = deploymentsAsked && cleaned.removed.length === 0 ? ['Deployments unchanged.'] : [];
  if (cleaned.freedBytes > 0) lines.push(`Freed: ${formatBytes(cleaned.freedBytes)}`);
  return lines.join('\n');
}
