import { AtomicError } from '../base/index.ts';
import { formatOrigin, withPinned } from '../format/index.ts';
import { writeFileDurably } from '../platform/index.ts';
import { loadDeployments } from './load-deployments.ts';
import type { Sysroot } from './open-sysroot.ts';

/**
 * Pins the deployment at `index`, so that no upgrade and no cleanup takes it off the list, or unpins it; durable on return.
 * Returns false if it was so already. `InvalidArgument` for an index that is not there or staged. Needs the sysroot lock.
 */
export function pinDeployment(sysroot: Sysroot, index: number, pinned: boolean): boolean {
  const deployment = loadDeployments(sysroot).deployments[index];
  if (deployment === undefined) throw new AtomicError('InvalidArgument', `Invalid index: ${index}`);
  if (deployment.staged) throw new AtomicError('InvalidArgument', 'Cannot pin staged deployment');
  if (deployment.pinned === pinned) return false;
  writeFileDurably(
    sysroot.dir,
    `${deployment.path}.origin`,
    formatOrigin(withPinned(deployment.origin, pinned)),
    0o644,
  );
  sysroot.dir.touch('ostree/deploy');
  return true;
}
