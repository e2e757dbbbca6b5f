import { AssertionError, type Job, messageOf } from '../base/index.ts';
import { pull } from '../remote/index.ts';
import { lockRepo, resolveRev, writeRef } from '../repo/index.ts';
import {
  cleanup,
  type DeploymentIdentity,
  deployTree,
  finalizeDeployment,
  loadDeployments,
  planRetention,
  stageDeployment,
  type Sysroot,
  writeDeployments,
} from '../sysroot/index.ts';

import type { UpdatePlan } from './plan.ts';

/**
 * Brings everything the plan's candidate needs into the repo and lets the local ref name it; both are durable on return.
 * Nothing that boots changes. A candidate that is here already costs no network.
 */
export async function fetchCandidate(sysroot: Sysroot, plan: UpdatePlan, job: Job): Promise<void> {
  const { repo } = sysroot;
  const { source, candidate, remote } = plan;
  if (source.kind === 'pinned') return;
  if (!plan.complete && remote !== undefined) {
    const overrideCommits = new Map([[source.ref, candidate.checksum]]);
    const { disableBindings } = plan;
    await pull(repo, { remote, refs: [source.ref], overrideCommits, disableBindings }, job);
  }
  if (resolveRev(repo, source.refspec) !== candidate.checksum) writeRef(repo, source.refspec, candidate.checksum);
}

/** The plan, or what `replan` makes of it when somebody changed the deployments or the local ref since it was made. */
export async function settlePlan(
  sysroot: Sysroot,
  plan: UpdatePlan,
  replan: () => Promise<UpdatePlan>,
): Promise<UpdatePlan> {
  const { source, candidate, stamp } = plan;
  const refStands = source.kind === 'pinned' || resolveRev(sysroot.repo, source.refspec) === candidate.checksum;
  return refStands && loadDeployments(sysroot).stamp === stamp ? plan : await replan();
}

/**
 * Makes the deployment of the plan and hands it over: staged for the shutdown on a booted host, written as the next boot
 * in an offline sysroot. That hand-over is the one step after which something else boots.
 */
export async function deployCandidate(sysroot: Sysroot, plan: UpdatePlan, job: Job): Promise<DeploymentIdentity> {
  const { stateroot, candidate, origin, originMerge, configMerge } = plan;
  using _noPrune = await lockRepo(sysroot.repo, 'shared', job);
  const tree = { stateroot, checksum: candidate.checksum, origin, kargs: originMerge.kargs, merge: configMerge };
  const made = await deployTree(sysroot, tree, job);
  if (plan.bootedChecksum !== undefined) {
    job.report({ kind: 'phase', text: 'Staging deployment' });
    await stageDeployment(sysroot, made, job);
    return made;
  }
  job.report({ kind: 'phase', text: 'Writing deployment' });
  const finalized = await finalizeDeployment(sysroot, made, job);
  await writeDeployments(sysroot, planRetention(loadDeployments(sysroot), finalized), job);
  return made;
}

/**
 * Removes what the new list no longer needs: old deployments, kernels and objects. The new deployment stands whatever
 * happens here, so a failure or a cancellation is a note, and the next run tidies what is left.
 */
export async function tidyUp(sysroot: Sysroot, job: Job): Promise<void> {
  job.report({ kind: 'phase', text: 'Cleaning up' });
  try {
    await cleanup(sysroot, { base: true }, job);
  } catch (error) {
    if (error instanceof AssertionError) throw error;
    job.report({ kind: 'note', text: `Not everything could be tidied up: ${messageOf(error)}` });
  }
}
