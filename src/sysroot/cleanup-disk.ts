import { isAtomicError, type Checksum, type Job } from '../base/index.ts';
import {
  applyBootCleanup,
  planBootCleanup,
  protectedSlots,
  readBootCleanupInput,
  readBootState,
  type BootSlot,
} from '../boot/index.ts';
import { parseDeploymentName } from '../format/index.ts';
import { explainSystemErrors, isTemporaryName } from '../platform/index.ts';
import { hasObject, pruneRepo } from '../repo/index.ts';
import { kernelDirectoryOf } from './boot-targets.ts';
import { removeOldDeploymentRefs, writeDeploymentRefs } from './deployment-refs.ts';
import { identify } from './deployment.ts';
import {
  isBooted,
  isStagedReadable,
  loadDeployments,
  requireTrustedList,
  type DeploymentList,
} from './load-deployments.ts';
import type { Sysroot } from './open-sysroot.ts';
import { removeDeployments } from './remove-deployments.ts';
import { bootedVersion } from './write-deployments.ts';

/** What a cleanup removed. */
export interface DiskCleanup {
  /** Ids of deployments whose directories were removed. */
  readonly removed: readonly string[];
  /** What the prune of the repo freed; 0 without one. */
  readonly freedBytes: number;
}

/**
 * Removes what no list of deployments needs: boot configurations, kernels, deployment directories, refs, and with `prune` the
 * objects nobody reaches. What the current configuration or the one this boot started from names stays, as do the booted and
 * the staged deployment. Safe to run again; needs the sysroot lock. `InvalidSysroot`, and nothing removed, while the list
 * cannot be trusted: see {@link requireTrustedList}.
 */
export async function cleanupDisk(
  sysroot: Sysroot,
  options: { readonly prune?: boolean },
  job: Job,
): Promise<DiskCleanup> {
  return await explainSystemErrors('remove what is not needed any more', () => removeUnneeded(sysroot, options, job));
}

async function removeUnneeded(sysroot: Sysroot, options: { readonly prune?: boolean }, job: Job): Promise<DiskCleanup> {
  const state = readBootState(sysroot.dir);
  const list = loadDeployments(sysroot);
  requireTrustedList(sysroot, list);
  const slots = protectedSlots(state, bootedVersion(sysroot));
  const keepKernels = new Set(list.deployments.map(kernelDirectoryOf));
  const input = readBootCleanupInput(sysroot.dir, state, { bootedVersion: bootedVersion(sysroot), keepKernels });
  // Entries and links go before what they name, so that no crash leaves one that leads nowhere.
  await applyBootCleanup(sysroot.dir, planBootCleanup(input), job);
  const orphans = findOrphans(sysroot, list, slots);
  await removeDeployments(
    sysroot,
    orphans.map(({ path }) => path),
  );
  writeDeploymentRefs(
    sysroot,
    state.current,
    list.deployments.map(({ checksum }) => checksum),
  );
  const kept = {
    set: state.current,
    count: list.deployments.length,
    slots: slots.map(({ bootVersion }) => bootVersion),
  };
  removeOldDeploymentRefs(sysroot, kept);
  removeTemporaries(sysroot);
  const freedBytes = options.prune === true ? await prune(sysroot, job) : 0;
  return { removed: orphans.map(({ id }) => id), freedBytes };
}

type Identity = ReturnType<typeof identify>;

/** Deployment directories that nothing names: none while an entry or the staged record cannot be read, for who knows what it names. */
function findOrphans(sysroot: Sysroot, list: DeploymentList, slots: readonly BootSlot[]): readonly Identity[] {
  if (slots.some(({ broken }) => broken.length > 0) || !isStagedReadable(sysroot)) return [];
  const named = new Set([
    ...list.deployments.map(({ path }) => path),
    ...slots.flatMap(({ entries }) =>
      entries.map(({ stateroot, name }) => `ostree/deploy/${stateroot}/deploy/${name}`),
    ),
  ]);
  return listDeploymentDirectories(sysroot).filter(
    (identity) => !named.has(identity.path) && !isBooted(sysroot, identity),
  );
}

/** Every deployment directory of every stateroot, named by something or not; a lone origin file counts as one. */
function listDeploymentDirectories(sysroot: Sysroot): readonly Identity[] {
  const stateroots = sysroot.dir.list('ostree/deploy').filter(({ type }) => type === 'directory');
  return stateroots.flatMap(({ name: stateroot }) => {
    const parent = `ostree/deploy/${stateroot}/deploy`;
    if (!sysroot.dir.exists(parent)) return [];
    const names = new Set(sysroot.dir.list(parent).map(({ name }) => name.replace(/\.origin$/, '')));
    return [...names].flatMap((name) => {
      const parsed = parseDeploymentName(name);
      return parsed === undefined ? [] : [identify(stateroot, parsed)];
    });
  });
}

/** Temporary files of writers that were killed; with the sysroot lock held none is in use. */
function removeTemporaries(sysroot: Sysroot): void {
  const stateroots = sysroot.dir.list('ostree/deploy').map(({ name }) => `ostree/deploy/${name}/deploy`);
  for (const parent of ['ostree', 'boot/ostree', ...stateroots]) {
    for (const { name, type } of sysroot.dir.exists(parent) ? sysroot.dir.list(parent) : []) {
      if (type !== 'directory' && isTemporaryName(name)) sysroot.dir.unlink(`${parent}/${name}`);
    }
  }
}

/** Objects of whatever is still on disk stay, whether or not a ref names them. */
async function prune(sysroot: Sysroot, job: Job): Promise<number> {
  const present: readonly Checksum[] = listDeploymentDirectories(sysroot).map(({ checksum }) => checksum);
  const extraRoots = present.filter((checksum) => hasObject(sysroot.repo, 'commit', checksum));
  try {
    return (await pruneRepo(sysroot.repo, { refsOnly: true, depth: 0, extraRoots }, job)).freedBytes;
  } catch (error) {
    if (!isAtomicError(error, 'RepoLocked')) throw error;
    job.report({ kind: 'note', text: 'Not pruning the repo: another program is using it' });
    return 0;
  }
}
