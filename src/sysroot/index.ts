/**
 * sysroot: the deployments of a host. A sysroot is opened (`openSysroot`, with a boot record if the machine runs from it),
 * locked (`lockSysroot`) by whoever writes, and read by `loadDeployments`, which needs no lock. An update is `deployTree`,
 * then either `stageDeployment` (finalized by `finalizeStaged` at shutdown) or `finalizeDeployment` and `writeDeployments`,
 * the one step after which something else boots. Which deployments stay is decided by pure planners (`planRetention`,
 * `rollbackOrder`, `planCleanup`); `cleanup` and `completeBoot` remove the rest. The formats on disk are OSTree's.
 */
export { applyEtcMerge, readEtcMergePlan, type EtcSides } from './apply-etc-merge.ts';
export { readBootRecord, type BootRecord } from './boot-record.ts';
export { cleanup, undeploy, type CleanupOptions } from './cleanup.ts';
export { cleanupDisk, type DiskCleanup } from './cleanup-disk.ts';
export { completeBoot, type BootReport } from './complete-boot.ts';
export { deployTree, type DeployOptions } from './deploy-tree.ts';
export { type Deployment, type DeploymentIdentity, type NewDeployment } from './deployment.ts';
export { readEtcListings } from './etc-listing.ts';
export { finalizeDeployment, rehearseEtcMerge } from './finalize-deployment.ts';
export { finalizeStaged, type FinalizeOutcome } from './finalize-staged.ts';
export { loadDeployments, reportNotes, type DeploymentList } from './load-deployments.ts';
export { initStateroot, initSysroot, lockSysroot, openSysroot, requireStateroot, Sysroot } from './open-sysroot.ts';
export { checkOriginSupported } from './origin-check.ts';
export { pinDeployment } from './pin.ts';
export { planEtcMerge, type EtcCopy, type EtcEntry, type EtcListing, type EtcMergePlan } from './plan-etc-merge.ts';
export {
  planCleanup,
  planRetention,
  planUndeploy,
  rollbackOrder,
  type CleanupChoice,
  type IncomingDeployment,
  type ListedDeployment,
  type OrderedDeployments,
} from './retention.ts';
export { setStagedLocked, stageDeployment } from './stage-deployment.ts';
export { writeDeployments, type SwapKind } from './write-deployments.ts';
