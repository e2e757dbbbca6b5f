import { type Checksum, type Job } from '../base/index.ts';
import { computeBootChecksum, findKernel } from '../boot/index.ts';
import { formatOrigin, parseDeploymentName, withoutTransient, type Origin } from '../format/index.ts';
import { explainSystemErrors, writeFileDurably, type Dir } from '../platform/index.ts';
import { checkoutCommit } from '../repo/index.ts';
import { identify, type Deployment, type NewDeployment } from './deployment.ts';
import { requireStateroot, type Sysroot } from './open-sysroot.ts';
import { checkOriginSupported } from './origin-check.ts';
import { prepareEtc } from './prepare-etc.ts';
import { requireSupportedTree } from './tree-demands.ts';
import { discardDeployment } from './remove-deployments.ts';

/** What to deploy, where, and what to take over. */
export interface DeployOptions {
  readonly stateroot: string;
  /** A commit whose whole tree is in the repo. */
  readonly checksum: Checksum;
  readonly origin: Origin;
  /** Kernel arguments (an `ostree=` among them is ignored); those of the merge deployment unless given. */
  readonly kargs?: readonly string[];
  /** Where changes of /etc come from; none for the first deployment of a stateroot. */
  readonly merge?: Deployment | undefined;
}

/**
 * Checks a commit out as a new deployment: a farm of hard links, a copy of the default /etc, the origin. Nothing boots it
 * yet; hand it to `stageDeployment`, or to `finalizeDeployment` and `writeDeployments`. Needs the sysroot lock.
 *
 * `StaterootNotFound`; `UnsupportedOrigin`; `KernelMissing` or `NotSupported` for a tree that cannot boot; `MissingObject`;
 * `NoSpace`, `ReadOnly`, `Io`. On an error what was written is removed again; what a crash leaves behind is removed by the
 * next cleanup.
 */
export async function deployTree(sysroot: Sysroot, options: DeployOptions, job: Job): Promise<NewDeployment> {
  requireStateroot(sysroot, options.stateroot);
  checkOriginSupported(options.origin);
  return await explainSystemErrors(`deploy ${options.checksum}`, () => makeTree(sysroot, options, job));
}

async function makeTree(sysroot: Sysroot, options: DeployOptions, job: Job): Promise<NewDeployment> {
  const parent = `ostree/deploy/${options.stateroot}/deploy`;
  sysroot.dir.ensureDir(parent, 0o755);
  using deployments = sysroot.dir.openDir(parent);
  const identity = identify(options.stateroot, {
    checksum: options.checksum,
    serial: nextSerial(deployments, options.checksum),
  });
  job.report({ kind: 'phase', text: 'Checking out tree' });
  try {
    await checkoutCommit(
      sysroot.repo,
      { commit: options.checksum, destination: deployments, name: identity.name, how: 'link' },
      job,
    );
    return { ...identity, ...(await complete(sysroot, deployments, { identity, options }, job)) };
  } catch (error) {
    await discardDeployment(sysroot, identity.path);
    throw error;
  }
}

async function complete(
  sysroot: Sysroot,
  deployments: Dir,
  made: { readonly identity: { readonly name: string; readonly path: string }; readonly options: DeployOptions },
  job: Job,
): Promise<Omit<NewDeployment, keyof ReturnType<typeof identify>>> {
  const { identity, options } = made;
  using deployment = deployments.openDir(identity.name);
  requireSupportedTree(deployment);
  const kernel = findKernel(deployment);
  const bootChecksum = await computeBootChecksum(deployment, kernel);
  await prepareEtc(deployment, job);
  // A pin or an unlocked /usr belongs to one deployment and is not handed on.
  const origin = withoutTransient(options.origin);
  writeFileDurably(sysroot.dir, `${identity.path}.origin`, formatOrigin(origin), 0o644);
  const kargs = (options.kargs ?? options.merge?.kargs ?? []).filter((karg) => !karg.startsWith('ostree='));
  return { origin, kargs, kernel, bootChecksum, merge: options.merge, entryExtra: [] };
}

/** One more than the largest serial that this checksum has, so that no name is ever used twice while it may be known. */
function nextSerial(deployments: Dir, checksum: Checksum): number {
  const serials = deployments
    .list()
    .map(({ name }) => parseDeploymentName(name.replace(/\.origin$/, '')))
    .filter((parsed) => parsed?.checksum === checksum)
    .map((parsed) => parsed?.serial ?? 0);
  return Math.max(-1, ...serials) + 1;
}
