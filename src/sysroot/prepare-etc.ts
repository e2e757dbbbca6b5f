import { AtomicError, type Job } from '../base/index.ts';
import { copyTree, type Dir } from '../platform/index.ts';

/**
 * Gives a deployment its own /etc, a full copy (never links) of the tree's defaults in usr/etc. A tree that has only a
 * populated /etc has it moved to usr/etc first. What an earlier attempt left in etc/ is replaced, so this is safe to run
 * again. `InvalidFormat` for a tree with both. OSTree sysroot format: deploying.
 */
export async function prepareEtc(deployment: Dir, job: Job): Promise<void> {
  const hasDefaults = deployment.exists('usr/etc');
  const hasEtc = deployment.exists('etc') && deployment.list('etc').length > 0;
  if (hasDefaults && hasEtc) {
    throw new AtomicError('InvalidFormat', 'The tree has both /etc and /usr/etc; only one of them may hold files', {
      hint: 'The image must be built with its configuration in /usr/etc.',
    });
  }
  if (!hasDefaults && !hasEtc) return;
  if (!hasDefaults) deployment.rename('etc', deployment, 'usr/etc');
  await copyDefaults(deployment, job);
}

/** Makes etc/ anew from usr/etc, dropping whatever it holds; for a deployment that has never been booted. */
export async function copyDefaults(deployment: Dir, job: Job): Promise<void> {
  if (!deployment.exists('usr/etc')) return;
  if (deployment.exists('etc')) await deployment.removeTree('etc');
  using usr = deployment.openDir('usr');
  await copyTree({ from: usr, fromName: 'etc', to: deployment, toName: 'etc' }, { signal: job.signal });
}
