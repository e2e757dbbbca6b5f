import type { Job } from '../base/index.ts';
import { demandsSignedCommits } from '../remote/index.ts';
import type { DeploymentIdentity } from '../sysroot/index.ts';

import type { Decision } from './decide.ts';
import type { FetchOptions } from './options.ts';
import type { Outcome, UpdateInfo } from './outcome.ts';
import type { UpdatePlan } from './plan.ts';

/** The outcome, its message reported line by line as notes, so that whoever watches the job reads it too. */
export function tell(job: Job, outcome: Outcome): Outcome {
  for (const text of outcome.message?.split('\n') ?? []) job.report({ kind: 'note', text });
  return outcome;
}

/**
 * The outcome when `decision` says that nothing is to be deployed, `undefined` when the plan is to be carried out; throws
 * the refusal. With `checkOnly` every plan ends here, and an older candidate is then no update rather than an error.
 */
export function stopHere(plan: UpdatePlan, decision: Decision, options: FetchOptions): Outcome | undefined {
  const update = updateInfo(plan, decision.kind === 'proceed');
  const checkOnly = options.checkOnly === true;
  if (decision.kind === 'proceed') return checkOnly ? { kind: 'checked', rebootRequested: false, update } : undefined;
  if (decision.kind === 'unchanged') {
    if (checkOnly) return { kind: 'checked', rebootRequested: false, update };
    return { kind: 'unchanged', message: decision.message, rebootRequested: false, update };
  }
  if (!checkOnly || decision.error.code !== 'Downgrade') throw decision.error;
  return { kind: 'checked', message: decision.error.message, rebootRequested: false, update };
}

/** Everything is here and nothing was deployed. */
export function downloadedOutcome(plan: UpdatePlan): Outcome {
  return { kind: 'downloaded', message: 'Update downloaded.', rebootRequested: false, update: updateInfo(plan, true) };
}

/** A deployment was made of the plan. */
export function deployedOutcome(plan: UpdatePlan, deployment: DeploymentIdentity, options: FetchOptions): Outcome {
  return {
    kind: 'deployed',
    deploymentId: deployment.id,
    rebootRequested: options.reboot === true,
    update: updateInfo(plan, true),
  };
}

/** What a plan tells about the update, for those who only look. */
export function updateInfo(plan: UpdatePlan, available: boolean): UpdateInfo {
  const { stateroot, candidate, current, bootedChecksum, missing } = plan;
  const { source, remote, etcConflicts } = plan;
  return {
    stateroot,
    origin: source.kind === 'branch' ? source.refspec : candidate.checksum,
    candidate,
    current,
    bootedChecksum,
    available,
    signatureRequired: remote !== undefined && demandsSignedCommits(remote),
    missingObjects: missing?.objects,
    missingBytes: missing?.downloadBytes,
    etcConflicts,
  };
}
