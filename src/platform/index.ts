/**
 * platform: the kernel, and the only room that touches it. `Dir` is an open directory below which everything is named;
 * `durable` are the verbs whose effect is on disk when they return; `bulk` are asynchronous calls that handle many files
 * on native threads; `sys` is the table of thin system calls that all of them go through, and `interceptSyscalls` the
 * one place where tests come between. Locks, child processes, the clock and facts of the host live here too. The native
 * addon is loaded at the first call, not at import.
 */
export {
  checkoutTree,
  copyTree,
  hashFiles,
  hashJoined,
  importObjects,
  ingestFilez,
  ingestFilezFd,
  ingestTree,
  listObjects,
  ObjectList,
  publishStaging,
  removeTrees,
  unlinkMany,
  verifyObjects,
  type CheckoutStats,
  type CheckoutTreeRequest,
  type ImportRequest,
  type ImportStats,
  type IngestResult,
  type IngestTarget,
  type IngestTreeRequest,
  type ListedObject,
  type ListedObjectType,
  type StoreMode,
  type VerifyResult,
} from './bulk.ts';
export type { BulkOptions } from './bulk-call.ts';
export { systemClock, type Clock } from './clock.ts';
export type { CopyOptions } from './copy-file.ts';
export { applyDeltaPart, decodeXz, type DeltaPartRequest, type DeltaPartStats } from './delta-part.ts';
export { defaultReadLimitBytes, Dir, type RenameOptions } from './dir.ts';
export {
  copyFileDurably,
  ensureDirDurably,
  freezeAndThaw,
  renameDurably,
  replaceSymlinkDurably,
  syncDir,
  syncFilesystem,
  syncFilesystemNow,
  unlinkDurably,
  writeFileDurably,
  type DurableCopy,
} from './durable.ts';
export { isTemporaryName, readAll } from './file-content.ts';
export { flags } from './flags.ts';
export { isMountPoint, notifyServiceManager, readBootId, readKernelCommandLine } from './host-facts.ts';
export { lockFile, type LockOptions } from './locks.ts';
export { findAddon, type NativeCall } from './native.ts';
export type { OpenDirectory } from './open-directory.ts';
export { run, type RunOptions, type RunResult } from './processes.ts';
export type { Stat } from './stat.ts';
export {
  armCrash,
  armError,
  interceptSyscalls,
  isSystemError,
  mutationCount,
  sys,
  type DirEntry,
  type FilesystemFacts,
  type Interceptor,
  type PeerCredentials,
  type Syscalls,
  type SystemError,
} from './syscalls.ts';
export { errorCodeOf, explainedError, explainSystemErrors } from './system-errors.ts';
export type { ListedDirectory, ListedXattr, TreeListing, TreeStats } from './tree-listing.ts';
