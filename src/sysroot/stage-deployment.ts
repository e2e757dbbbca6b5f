import { AtomicError, defined, throwIfCancelled, type Job } from '../base/index.ts';
import { installKernel, readBootState } from '../boot/index.ts';
import type { StagedRecord } from '../format/index.ts';
import { explainSystemErrors, syncFilesystem } from '../platform/index.ts';
import { announceChange } from './announce-change.ts';
import type { DeploymentIdentity, NewDeployment } from './deployment.ts';
import { writeDeploymentRefs } from './deployment-refs.ts';
import { rehearseEtcMerge } from './finalize-deployment.ts';
import { loadDeployments, type DeploymentList } from './load-deployments.ts';
import type { Sysroot } from './open-sysroot.ts';
import { discardDeployment } from './remove-deployments.ts';
import { planRetention } from './retention.ts';
import { readStaged, writeStaged } from './staged-file.ts';
import { requireWritableLater } from './write-deployments.ts';

/**
 * Leaves a new deployment for the next shutdown: on return it is durable, its kernel is in /boot, its /etc merge has been
 * rehearsed, and the record in /run names it. It replaces an earlier staged one. Needs the sysroot lock.
 *
 * `NotBooted` where nothing of this sysroot runs; `EtcConflict`; `BootFull`, `BootSwapRefused`, found now and not at shutdown;
 * `ReadOnly`. On an error the deployment is removed again and what was staged before stays.
 */
export async function stageDeployment(sysroot: Sysroot, made: NewDeployment, job: Job): Promise<void> {
  const before = loadDeployments(sysroot);
  const runDir = sysroot.boot?.runDir;
  if (before.booted === undefined || runDir === undefined) {
    throw new AtomicError('NotBooted', `Cannot stage a deployment: ${sysroot.path} is not what this machine runs from`);
  }
  await explainSystemErrors(`stage the deployment ${made.name}`, async () => {
    await prepareForShutdown(sysroot, { made, before }, job);
    writeStaged(runDir, recordOf(made));
  });
  announceChange(sysroot, job);
}

/** Everything the finalizer will need is on disk on return; on an error the deployment is gone. */
async function prepareForShutdown(
  sysroot: Sysroot,
  { made, before }: { readonly made: NewDeployment; readonly before: DeploymentList },
  job: Job,
): Promise<void> {
  try {
    await rehearseEtcMerge(sysroot, made, job);
    await placeKernel(sysroot, made, job);
    requireWritableLater(sysroot, before, planRetention(before, made));
    await syncOstree(sysroot);
    throwIfCancelled(job);
    writeDeploymentRefs(
      sysroot,
      currentSet(sysroot),
      [made, ...bootable(before)].map(({ checksum }) => checksum),
    );
  } catch (error) {
    await discardDeployment(sysroot, made.path);
    throw error;
  }
}

/** Locks or unlocks the staged deployment: a locked one is not finalized at shutdown. `NoDeployment` if nothing is staged. */
export function setStagedLocked(sysroot: Sysroot, locked: boolean): void {
  const record = readStaged(sysroot);
  if (record === undefined) throw new AtomicError('NoDeployment', 'No staged deployment');
  writeStaged(defined(sysroot.boot, 'a staged record belongs to a booted host').runDir, { ...record, locked });
  sysroot.dir.touch('ostree/deploy');
}

async function placeKernel(sysroot: Sysroot, made: NewDeployment, job: Job): Promise<void> {
  using deployment = sysroot.dir.openDir(made.path);
  const kernel = { deployment, layout: made.kernel, destination: made };
  await installKernel(sysroot.dir, kernel, job);
}

function recordOf(made: NewDeployment): StagedRecord {
  return {
    target: named(made),
    merge: made.merge === undefined ? undefined : named(made.merge),
    kargs: made.kargs,
    overlayInitrds: [],
    locked: false,
    bootconfigExtra: new Map(made.entryExtra),
  };
}

function named(deployment: DeploymentIdentity): StagedRecord['target'] {
  const { name, stateroot, bootChecksum } = deployment;
  return { name, stateroot, bootChecksum };
}

function bootable(list: DeploymentList): readonly DeploymentIdentity[] {
  return list.deployments.filter(({ staged }) => !staged);
}

function currentSet(sysroot: Sysroot): { bootVersion: 0 | 1; subBootVersion: 0 | 1 } {
  return readBootState(sysroot.dir).current;
}

async function syncOstree(sysroot: Sysroot): Promise<void> {
  using deploy = sysroot.dir.openDir('ostree/deploy');
  await syncFilesystem(deploy);
}
