/**
 * boot: what boots next, as files below `boot/` and `ostree/boot.N`. Reads both boot configurations of a sysroot, finds and
 * installs kernels, decides how to get to a wanted list of deployments (`planSwap`, pure) and carries that out (`applySwap`),
 * in an order that survives a crash at any call and boot loaders that replay no journal. Works on any directory as the sysroot.
 *
 * Terms: a *slot* is one of the two boot configurations 0 and 1 (`loader.N` and `boot.N`); the *current* one is what
 * `boot/loader` names, the *booted* one is what the running kernel was started from.
 */
export { applySwap, mayRewriteBootedSlot, requireSlotFree, type SwapOptions } from './apply-swap.ts';
export {
  applyBootCleanup,
  planBootCleanup,
  protectedSlots,
  readBootCleanupInput,
  settleBoot,
  type BootCleanupInput,
  type BootCleanupPlan,
} from './boot-cleanup.ts';
export { explainBootErrors, systemCode } from './boot-errors.ts';
export { readBootState, type BootEntry, type BootSlot, type BootState, type BootVersion } from './boot-state.ts';
export { assignBootLinks, type BootLink, type BootTarget, type KernelPaths } from './boot-target.ts';
export { renderGrubConfig } from './grub-config.ts';
export {
  computeBootChecksum,
  installKernel,
  kernelDirectory,
  planKernelInstall,
  requireBootSpace,
  type KernelDestination,
  type KernelInstallPlan,
} from './install-kernel.ts';
export { findKernel, kernelPaths, type KernelFile, type KernelLayout } from './kernel-layout.ts';
export { flip, planSwap, type FullSwap, type NoSwap, type SubBootSwap, type SwapPlan } from './plan-swap.ts';
export { renderEntry, type EntryFile, type EntryPlace } from './render-entry.ts';
