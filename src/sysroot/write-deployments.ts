import { AtomicError, type Job } from '../base/index.ts';
import {
  applySwap,
  flip,
  planSwap,
  readBootState,
  requireSlotFree,
  type BootState,
  type BootVersion,
  type SwapPlan,
} from '../boot/index.ts';
import { explainSystemErrors } from '../platform/index.ts';
import { announceChange } from './announce-change.ts';
import { bootTarget, ensureKernel, isNew } from './boot-targets.ts';
import { sameDeployment, type Deployment, type NewDeployment } from './deployment.ts';
import { writeDeploymentRefs } from './deployment-refs.ts';
import { loadDeployments, requireTrustedList, type DeploymentList } from './load-deployments.ts';
import type { Sysroot } from './open-sysroot.ts';
import { removeStaged } from './staged-file.ts';

/** How the boot configuration changed. */
export type SwapKind = SwapPlan['kind'];

/**
 * Makes the given list, in this order, what boots next: the one commit point of every transaction. Kernels, refs and entries
 * are durable before the switch, the switch on return; nothing is removed. New deployments must have been finalized. A staged
 * deployment stays staged if it is first in the list and is dropped otherwise. Needs the sysroot lock.
 *
 * `InvalidSysroot` while the present list cannot be trusted, see {@link requireTrustedList}; `InvalidArgument` for a list
 * without the booted deployment or without any; `BootFull`, `ReadOnly`, `BootSwapRefused`,
 * `NoSpace`, `Io`.
 */
export async function writeDeployments(
  sysroot: Sysroot,
  wanted: readonly (Deployment | NewDeployment)[],
  job: Job,
): Promise<SwapKind> {
  const before = loadDeployments(sysroot);
  requireTrustedList(sysroot, before);
  const bootable = wanted.filter((deployment) => isNew(deployment) || !deployment.staged);
  requireBootable(before, bootable);
  const kind = await explainSystemErrors('write the list of deployments', async () => {
    const swapped = await swapTo(sysroot, { before, wanted, bootable }, job);
    dropStaged(sysroot, before, wanted);
    return swapped;
  });
  announceChange(sysroot, job);
  return kind;
}

interface ListChange {
  readonly before: DeploymentList;
  readonly wanted: readonly (Deployment | NewDeployment)[];
  readonly bootable: readonly (Deployment | NewDeployment)[];
}

async function swapTo(sysroot: Sysroot, { before, wanted, bootable }: ListChange, job: Job): Promise<SwapKind> {
  for (const deployment of bootable) await ensureKernel(sysroot, deployment, job);
  const plan = planList(sysroot, before, bootable);
  if (plan.kind !== 'none') {
    writeDeploymentRefs(
      sysroot,
      plan,
      wanted.map(({ checksum }) => checksum),
    );
    await applySwap(sysroot.dir, plan, { bootedVersion: bootedVersion(sysroot) }, job);
    reportSwap(plan, bootable.length - before.deployments.filter(({ staged }) => !staged).length, job);
  }
  return plan.kind;
}

/**
 * Throws `BootSwapRefused` if the given list could not be written in this boot; for who will write it later. The deployments
 * of the list must be on disk.
 */
export function requireWritableLater(
  sysroot: Sysroot,
  before: DeploymentList,
  wanted: readonly (Deployment | NewDeployment)[],
): void {
  const plan = planList(sysroot, before, wanted);
  requireSlotFree(sysroot.dir, plan, { bootedVersion: bootedVersion(sysroot) });
}

/**
 * The boot configuration that the running kernel was started from; undefined offline. Where a boot record does not say, the
 * one that is not current: then both are protected.
 */
export function bootedVersion(sysroot: Sysroot): BootVersion | undefined {
  if (sysroot.boot === undefined) return undefined;
  return sysroot.boot.bootVersion ?? flip(readBootState(sysroot.dir).current.bootVersion);
}

function requireBootable(before: DeploymentList, bootable: readonly (Deployment | NewDeployment)[]): void {
  const { booted } = before;
  if (booted !== undefined && !bootable.some((deployment) => sameDeployment(deployment, booted))) {
    throw new AtomicError('InvalidArgument', `Cannot remove the booted deployment ${booted.name}`);
  }
  if (bootable.length > 0) return;
  throw new AtomicError('InvalidArgument', 'Cannot remove the last deployment: nothing would boot', {
    hint: 'Deploy another one first.',
  });
}

function planList(
  sysroot: Sysroot,
  before: DeploymentList,
  bootable: readonly (Deployment | NewDeployment)[],
): SwapPlan {
  const current = before.deployments.filter(({ staged }) => !staged);
  return planSwap(
    withUnusableEntries(readBootState(sysroot.dir), current.length),
    current.map((deployment) => bootTarget(sysroot, deployment)),
    bootable.map((deployment) => bootTarget(sysroot, deployment)),
  );
}

/** An entry whose deployment is gone can be read, but must go: it counts as broken. */
function withUnusableEntries(state: BootState, usable: number): BootState {
  if (state.current.entries.length === usable) return state;
  return {
    ...state,
    current: { ...state.current, broken: [...state.current.broken, 'an entry without a deployment'] },
  };
}

function dropStaged(sysroot: Sysroot, before: DeploymentList, wanted: readonly (Deployment | NewDeployment)[]): void {
  if (before.staged !== undefined && wanted[0]?.id !== before.staged.id) removeStaged(sysroot);
}

function reportSwap(plan: Exclude<SwapPlan, { kind: 'none' }>, countChange: number, job: Job): void {
  const swapped = plan.kind === 'full' ? 'yes' : 'no';
  const version = `boot.${plan.bootVersion}.${plan.subBootVersion}`;
  job.report({
    kind: 'note',
    text: `Bootloader updated; bootconfig swap: ${swapped}; bootversion: ${version}, deployment count change: ${countChange}`,
  });
}
