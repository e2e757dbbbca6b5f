import { AtomicError, defined, messageOf, type Job } from '../base/index.ts';
import { computeBootChecksum, findKernel } from '../boot/index.ts';
import { parseDeploymentName, type StagedRecord } from '../format/index.ts';
import { explainSystemErrors, writeFileDurably } from '../platform/index.ts';
import { cleanupDisk } from './cleanup-disk.ts';
import { identify, type Deployment, type NewDeployment } from './deployment.ts';
import { finalizeDeployment } from './finalize-deployment.ts';
import { loadDeployments, readOrigin, type DeploymentList } from './load-deployments.ts';
import { lockSysroot, type Sysroot } from './open-sysroot.ts';
import { copyDefaults } from './prepare-etc.ts';
import { setDeploymentImmutable } from './remove-deployments.ts';
import { planRetention } from './retention.ts';
import { readStaged, removeStaged } from './staged-file.ts';
import { writeDeployments } from './write-deployments.ts';

/** What became of the staged deployment at shutdown. */
export type FinalizeOutcome =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'locked'; readonly id: string }
  | { readonly kind: 'finalized'; readonly id: string };

/** Where a failure waits for the next boot to report it. */
export const failureStamp = 'boot/ostree/finalize-failure.stamp';

/**
 * Makes the staged deployment the default of the next boot; runs while the machine goes down, and takes the sysroot lock.
 * Nothing staged, or locked: nothing happens. A crash at any call leaves the old list or the new one, and it may be run again:
 * /etc is made anew each time, and the record goes only after the swap.
 *
 * A failure is also written to boot/ostree/finalize-failure.stamp, where the next boot finds it. `timeoutMs` is how long
 * another writer of the sysroot is waited for.
 */
export async function finalizeStaged(
  sysroot: Sysroot,
  job: Job,
  options: { readonly timeoutMs?: number } = {},
): Promise<FinalizeOutcome> {
  using _lock = await lockForShutdown(sysroot, job, options.timeoutMs ?? lockTimeoutMs);
  const record = readStaged(sysroot);
  if (record === undefined) return { kind: 'nothing' };
  const { id } = identityOf(record.target);
  if (record.locked) {
    job.report({ kind: 'note', text: 'Not finalizing; deployment is locked for finalization' });
    return { kind: 'locked', id };
  }
  try {
    await finalizeRecord(sysroot, record, job);
  } catch (error) {
    recordFailure(sysroot, error);
    throw error;
  }
  await tidy(sysroot, job);
  return { kind: 'finalized', id };
}

/** Who has the sysroot now may hold it for long and still end in time: a unit has five minutes to stop. */
const lockTimeoutMs = 240_000;

/** An update that is lost because another program holds the sysroot must not be lost silently. */
async function lockForShutdown(sysroot: Sysroot, job: Job, timeoutMs: number): Promise<Disposable> {
  try {
    return await lockSysroot(sysroot, job, { timeoutMs });
  } catch (error) {
    const record = readStaged(sysroot);
    if (record !== undefined && !record.locked) recordFailure(sysroot, error);
    throw error;
  }
}

/**
 * The update is in place by now: what tidying could not remove must not make the shutdown look failed. The record goes with
 * /run anyway, and a finalizer that finds it after the switch only tidies.
 */
async function tidy(sysroot: Sysroot, job: Job): Promise<void> {
  try {
    removeStaged(sysroot);
    await cleanupDisk(sysroot, {}, job);
  } catch (error) {
    job.report({ kind: 'note', text: `Not cleaned up, the next boot will: ${messageOf(error)}` });
  }
}

async function finalizeRecord(sysroot: Sysroot, record: StagedRecord, job: Job): Promise<void> {
  const before = loadDeployments(sysroot);
  const { id } = identityOf(record.target);
  // An earlier run was cut short after its swap: only the tidying is left to do.
  const done = before.deployments.some((deployment) => deployment.id === id && !deployment.staged);
  if (done) return;
  job.report({ kind: 'phase', text: 'Finalizing staged deployment' });
  const made = await restore(sysroot, { record, before });
  await explainSystemErrors('make the staged /etc anew', () => renewEtc(sysroot, made, job));
  const finalized = await finalizeDeployment(sysroot, made, job);
  await writeDeployments(sysroot, planRetention(before, finalized), job);
}

/** What an earlier run left in etc/ may be half of a merge. */
async function renewEtc(sysroot: Sysroot, made: NewDeployment, job: Job): Promise<void> {
  setDeploymentImmutable(sysroot, made.path, false);
  using deployment = sysroot.dir.openDir(made.path);
  await copyDefaults(deployment, job);
}

/** The deployment as `deployTree` had returned it, from what is on disk and in the record. */
async function restore(
  sysroot: Sysroot,
  staged: { readonly record: StagedRecord; readonly before: DeploymentList },
): Promise<NewDeployment> {
  const { record, before } = staged;
  const identity = identityOf(record.target);
  if (record.overlayInitrds.length > 0) {
    throw new AtomicError('NotSupported', `The staged deployment ${identity.name} asks for overlay initramfs images`);
  }
  using deployment = sysroot.dir.tryOpenDir(identity.path);
  if (deployment === undefined) {
    throw new AtomicError('NoDeployment', `The staged deployment ${identity.name} is not there any more`);
  }
  const kernel = findKernel(deployment);
  const merge = findMerge(record, before);
  return {
    ...identity,
    origin: readOrigin(sysroot, identity.path),
    kargs: record.kargs ?? merge?.kargs ?? [],
    kernel,
    bootChecksum: record.target.bootChecksum ?? (await computeBootChecksum(deployment, kernel)),
    merge,
    entryExtra: [...record.bootconfigExtra],
  };
}

function findMerge(record: StagedRecord, before: DeploymentList): Deployment | undefined {
  if (record.merge === undefined) return undefined;
  const { id, name } = identityOf(record.merge);
  const merge = before.deployments.find((deployment) => deployment.id === id);
  if (merge !== undefined && before.booted !== undefined) return merge;
  throw new AtomicError('NoDeployment', `Cannot finalize: the merge deployment ${name} is not there any more`, {
    hint: 'Stage the update again.',
  });
}

function identityOf(deployment: StagedRecord['target']): ReturnType<typeof identify> {
  return identify(
    deployment.stateroot,
    defined(parseDeploymentName(deployment.name), 'a decoded record names a deployment'),
  );
}

/** Best effort: the failure itself is what the caller must see. */
function recordFailure(sysroot: Sysroot, error: unknown): void {
  try {
    sysroot.dir.ensureDir('boot/ostree', 0o755);
    writeFileDurably(sysroot.dir, failureStamp, messageOf(error), 0o644);
  } catch {
    // /boot may be the very thing that failed.
  }
}
