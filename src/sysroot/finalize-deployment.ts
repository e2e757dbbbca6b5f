import type { Job } from '../base/index.ts';
import { explainSystemErrors, type Dir } from '../platform/index.ts';
import { applyEtcMerge, readEtcMergePlan } from './apply-etc-merge.ts';
import type { DeploymentIdentity, NewDeployment } from './deployment.ts';
import type { Sysroot } from './open-sysroot.ts';
import type { EtcMergePlan } from './plan-etc-merge.ts';
import { setDeploymentImmutable } from './remove-deployments.ts';

/**
 * Completes a new deployment so that it can be written into the list: changes of /etc are merged into its fresh copy of the
 * defaults, and its directory becomes immutable. The merge deployment is only read. `EtcConflict`. Needs the sysroot lock.
 * Durable only with the swap, which syncs first.
 */
export async function finalizeDeployment(sysroot: Sysroot, made: NewDeployment, job: Job): Promise<NewDeployment> {
  await explainSystemErrors(`complete the deployment ${made.name}`, async () => {
    using deployment = sysroot.dir.openDir(made.path);
    await mergeEtc(sysroot, { made, deployment }, job);
    // By these files a tree's services know that /etc and /var saw this version already.
    deployment.unlink('etc/.updated');
    sysroot.dir.unlink(`ostree/deploy/${made.stateroot}/var/.updated`);
    setDeploymentImmutable(sysroot, made.path, true);
  });
  return made;
}

/**
 * Plans the /etc merge of a deployment that is not booted yet, to find conflicts while somebody is there to see them;
 * undefined if there is nothing to merge. Changes nothing.
 */
export async function rehearseEtcMerge(
  sysroot: Sysroot,
  made: NewDeployment,
  job: Job,
): Promise<EtcMergePlan | undefined> {
  if (made.merge === undefined) return undefined;
  return await planBetween(sysroot, { from: made.merge, to: made }, job);
}

async function mergeEtc(
  sysroot: Sysroot,
  made: { readonly made: NewDeployment; readonly deployment: Dir },
  job: Job,
): Promise<void> {
  const { merge } = made.made;
  if (merge === undefined) return;
  const plan = await planBetween(sysroot, { from: merge, to: made.made }, job);
  if (plan === undefined) return;
  if (!made.deployment.exists('etc')) made.deployment.makeDir('etc', 0o755);
  using current = sysroot.dir.openDir(`${merge.path}/etc`);
  using into = made.deployment.openDir('etc');
  await applyEtcMerge(plan, current, into, job);
}

/** Undefined where the merge deployment has no /etc of its own, or no defaults to tell changes from. */
async function planBetween(
  sysroot: Sysroot,
  sides: { readonly from: DeploymentIdentity; readonly to: DeploymentIdentity },
  job: Job,
): Promise<EtcMergePlan | undefined> {
  using old = sysroot.dir.tryOpenDir(`${sides.from.path}/usr/etc`);
  using current = sysroot.dir.tryOpenDir(`${sides.from.path}/etc`);
  using target = sysroot.dir.tryOpenDir(`${sides.to.path}/usr/etc`);
  if (old === undefined || current === undefined) return undefined;
  return await readEtcMergePlan({ old, current, target }, job);
}
