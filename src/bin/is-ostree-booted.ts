import { Dir } from '../platform/index.ts';

/** True if the running system was booted from an OSTree deployment. */
export function isOstreeBooted(): boolean {
  using run = Dir.open('/run');
  return run.exists('ostree-booted');
}
