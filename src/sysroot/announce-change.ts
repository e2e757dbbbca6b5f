import { messageOf, type Job } from '../base/index.ts';
import { isSystemError } from '../platform/index.ts';
import type { Sysroot } from './open-sysroot.ts';

/**
 * Lets everybody who watches the modification time of `ostree/deploy` see that the deployments changed. The change itself
 * is made by then, so a failure is a note: watchers see the change when they look the next time.
 */
export function announceChange(sysroot: Sysroot, job: Job): void {
  try {
    sysroot.dir.touch('ostree/deploy');
  } catch (error) {
    if (!isSystemError(error)) throw error;
    job.report({ kind: 'note', text: `Other programs may not notice the change yet: ${messageOf(error)}` });
  }
}
