import { AtomicError, type Job } from '../base/index.ts';
import {
  isMountPoint,
  replaceSymlinkDurably,
  syncDir,
  syncFilesystem,
  writeFileDurably,
  type Dir,
} from '../platform/index.ts';
import { settleBoot } from './boot-cleanup.ts';
import { explainBootErrors } from './boot-errors.ts';
import type { BootVersion } from './boot-state.ts';
import type { BootLink } from './boot-target.ts';
import { renderGrubConfig } from './grub-config.ts';
import type { FullSwap, SubBootSwap, SwapPlan } from './plan-swap.ts';

/** What the swap must know about the running machine. */
export interface SwapOptions {
  /** The configuration this boot started from; undefined when the sysroot is not booted. */
  readonly bootedVersion: BootVersion | undefined;
}

/**
 * Turns the boot configuration to the planned one: the only point where a transaction changes what will boot. Deployments
 * and kernels must be in place. Everything the plan names is durable before the switch, the switch is durable on return, and
 * nothing is removed that the configuration this boot started from names. A crash at any point leaves the old or the new one.
 *
 * `BootSwapRefused` if the slot to rewrite is the one this boot started from and the switch away from it cannot be made
 * visible to the boot loader; `ReadOnly`, `BootFull` about /boot. OSTree sysroot format: boot versions.
 */
export async function applySwap(sysroot: Dir, plan: SwapPlan, options: SwapOptions, job: Job): Promise<void> {
  switch (plan.kind) {
    case 'none':
      return;
    case 'subboot':
      return await applySubBootSwap(sysroot, plan, job);
    case 'full':
      return await applyFullSwap(sysroot, plan, options, job);
  }
}

/** Whether the slot a boot started from may be rewritten within that same boot; pure. */
export function mayRewriteBootedSlot(settled: 'frozen' | 'synced', bootIsMountPoint: boolean): boolean {
  return settled === 'frozen' || !bootIsMountPoint;
}

async function applySubBootSwap(sysroot: Dir, plan: SubBootSwap, job: Job): Promise<void> {
  await writeBootLinks(sysroot, plan);
  const name = `boot.${plan.bootVersion}`;
  await syncOstree(sysroot);
  job.uncancellable(() => replaceSymlinkDurably(sysroot, `ostree/${name}`, `${name}.${plan.subBootVersion}`));
}

async function applyFullSwap(sysroot: Dir, plan: FullSwap, options: SwapOptions, job: Job): Promise<void> {
  const name = `boot.${plan.bootVersion}`;
  requireSlotFree(sysroot, plan, options);
  await explainBootErrors('write the boot entries', () => writeLoader(sysroot, plan));
  await writeBootLinks(sysroot, plan);
  await syncOstree(sysroot);
  replaceSymlinkDurably(sysroot, `ostree/${name}`, `${name}.${plan.subBootVersion}`);
  await explainBootErrors('switch the boot configuration', () => {
    prepareSwitch(sysroot, plan.bootVersion);
    settleBoot(sysroot);
    job.uncancellable(() => switchLoader(sysroot));
  });
}

/** The commit point. The second settling makes it visible to boot loaders that replay no journal. */
function switchLoader(sysroot: Dir): void {
  sysroot.rename('boot/loader.tmp', sysroot, 'boot/loader');
  syncDir(sysroot, 'boot');
  settleBoot(sysroot);
}

/**
 * Throws `BootSwapRefused` if the plan would rewrite the slot this boot started from and the switch away from it cannot be
 * made visible to the boot loader, which freezing /boot proves. Changes nothing.
 */
export function requireSlotFree(sysroot: Dir, plan: SwapPlan, options: SwapOptions): void {
  if (plan.kind !== 'full' || options.bootedVersion !== plan.bootVersion) return;
  if (mayRewriteBootedSlot(settleBoot(sysroot), isMountPoint(sysroot, 'boot'))) return;
  throw new AtomicError(
    'BootSwapRefused',
    'Cannot change the boot configuration a second time in this boot: /boot cannot be frozen, so the boot loader may still see the first one',
    { hint: 'Reboot first (systemctl reboot), then try again.' },
  );
}

async function writeLoader(sysroot: Dir, plan: FullSwap): Promise<void> {
  const loader = `boot/loader.${plan.bootVersion}`;
  if (sysroot.exists(loader)) await sysroot.removeTree(loader);
  sysroot.ensureDir(`${loader}/entries`, 0o755);
  for (const { file, text } of plan.entries) writeFileDurably(sysroot, `${loader}/entries/${file}`, text, 0o644);
  writeFileDurably(sysroot, `${loader}/grub.cfg`, renderGrubConfig(plan.entries), 0o644);
  syncDir(sysroot, loader);
  syncDir(sysroot, 'boot');
}

/** `boot/boot` lets `/boot/…` name the same file whether or not boot/ is a file system of its own. */
function prepareSwitch(sysroot: Dir, bootVersion: BootVersion): void {
  if (sysroot.stat('boot/boot') === undefined) sysroot.symlink('.', 'boot/boot');
  sysroot.unlink('boot/loader.tmp');
  sysroot.symlink(`loader.${bootVersion}`, 'boot/loader.tmp');
}

/** Writes `ostree/boot.N.M` anew; nothing refers to it yet. */
async function writeBootLinks(sysroot: Dir, plan: SubBootSwap | FullSwap): Promise<void> {
  const directory = `ostree/boot.${plan.bootVersion}.${plan.subBootVersion}`;
  if (sysroot.exists(directory)) await sysroot.removeTree(directory);
  sysroot.ensureDir(directory, 0o755);
  for (const link of plan.links) {
    const below = `${directory}/${link.stateroot}/${link.bootChecksum}`;
    sysroot.ensureDir(below, 0o755);
    sysroot.symlink(linkTarget(link), `${below}/${link.bootSerial}`);
  }
}

function linkTarget(link: BootLink): string {
  return `../../../deploy/${link.stateroot}/deploy/${link.name}`;
}

/** Deployments, links, origins and objects: all on the file system of ostree/. */
async function syncOstree(sysroot: Dir): Promise<void> {
  using ostree = sysroot.openDir('ostree/deploy');
  await syncFilesystem(ostree);
}
