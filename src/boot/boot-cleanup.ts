import type { Job } from '../base/index.ts';
import { freezeAndThaw, isMountPoint, syncFilesystemNow, type Dir } from '../platform/index.ts';
import { explainBootErrors } from './boot-errors.ts';
import type { BootSlot, BootState, BootVersion } from './boot-state.ts';

/** What is on disk and what somebody still needs, for {@link planBootCleanup}. */
export interface BootCleanupInput {
  readonly state: BootState;
  /** The configuration this boot started from; undefined when the sysroot is not booted. */
  readonly bootedVersion: BootVersion | undefined;
  /** Kernel directories (`OS-BOOTCHECKSUM`) needed by deployments that no entry names: the staged and the booted one. */
  readonly keepKernels: ReadonlySet<string>;
  /** Names in boot/. */
  readonly bootNames: readonly string[];
  /** Names in ostree/. */
  readonly ostreeNames: readonly string[];
  /** Names in boot/ostree/. */
  readonly kernelNames: readonly string[];
}

/** Paths below the sysroot that nothing needs any more, in the order of their removal: entries before what they name. */
export interface BootCleanupPlan {
  readonly remove: readonly string[];
}

/** The slots no cleanup may touch: the current one, and the one this boot started from. */
export function protectedSlots(state: BootState, bootedVersion: BootVersion | undefined): readonly BootSlot[] {
  return state.other.present && bootedVersion === state.other.bootVersion
    ? [state.current, state.other]
    : [state.current];
}

/**
 * Decides what to remove of boot configurations and kernels; pure. Nothing that the current configuration or the one this
 * boot started from names is in the plan; while an entry of these cannot be read, no kernel is.
 */
export function planBootCleanup(input: BootCleanupInput): BootCleanupPlan {
  const slots = protectedSlots(input.state, input.bootedVersion);
  const loaders = new Set(slots.map(({ bootVersion }) => `loader.${bootVersion}`));
  const links = new Set(
    slots.flatMap(({ bootVersion, subBootVersion }) => [
      `boot.${bootVersion}`,
      `boot.${bootVersion}.${subBootVersion}`,
    ]),
  );
  const kernels = new Set([...input.keepKernels, ...slots.flatMap(slotKernels)]);
  const unreadable = slots.some(({ broken }) => broken.length > 0);
  return {
    remove: [
      ...input.bootNames
        .filter((name) => /^loader\.([01]|tmp)$/.test(name) && !loaders.has(name))
        .map((name) => `boot/${name}`),
      ...input.ostreeNames
        .filter((name) => /^boot\.[01](\.[01])?$/.test(name) && !links.has(name))
        .sort((a, b) => a.length - b.length)
        .map((name) => `ostree/${name}`),
      ...input.kernelNames
        .filter((name) => !unreadable && /-[0-9a-f]{64}$/.test(name) && !kernels.has(name))
        .map((name) => `boot/ostree/${name}`),
    ],
  };
}

/** Reads what {@link planBootCleanup} needs to know. */
export function readBootCleanupInput(
  sysroot: Dir,
  state: BootState,
  keep: Pick<BootCleanupInput, 'bootedVersion' | 'keepKernels'>,
): BootCleanupInput {
  const names = (path: string) => (sysroot.exists(path) ? sysroot.list(path).map(({ name }) => name) : []);
  return { state, ...keep, bootNames: names('boot'), ostreeNames: names('ostree'), kernelNames: names('boot/ostree') };
}

/**
 * Carries the plan out; safe to run again. The current configuration is first made visible to a boot loader that replays no
 * journal, so that what is removed is not what such a boot loader would still read.
 */
export async function applyBootCleanup(sysroot: Dir, plan: BootCleanupPlan, job: Job): Promise<void> {
  if (plan.remove.length === 0) return;
  settleBoot(sysroot);
  for (const path of plan.remove) {
    job.report({ kind: 'note', text: `Removing ${path}` });
    await explainBootErrors(`remove ${path}`, () => remove(sysroot, path));
  }
}

/**
 * Makes everything written below boot/ durable: where boot/ is a file system of its own it is frozen and thawed, which
 * empties its journal; returns 'frozen' then. Otherwise ('synced') the file system is synced, a weaker promise for boot
 * loaders that do not replay a journal.
 */
export function settleBoot(sysroot: Dir): 'frozen' | 'synced' {
  using boot = sysroot.openDir('boot');
  if (isMountPoint(sysroot, 'boot') && freezeAndThaw(boot) === 'frozen') return 'frozen';
  syncFilesystemNow(boot);
  return 'synced';
}

async function remove(sysroot: Dir, path: string): Promise<void> {
  if (sysroot.stat(path)?.isDirectory() === true) await sysroot.removeTree(path);
  else sysroot.unlink(path);
}

function slotKernels(slot: BootSlot): readonly string[] {
  return slot.entries.map(({ stateroot, bootChecksum }) => `${stateroot}-${bootChecksum}`);
}
