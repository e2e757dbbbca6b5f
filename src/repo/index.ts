/**
 * repo: the object store. A `Repo` is opened (or made) and handed to everything else; a task opens its own, because the repo
 * lock nests per `Repo`. Reading takes no lock. Writing goes through a `Staging`: objects are written beside the repo, then
 * `publish` makes them durable and only then changes refs, so a ref never names what is not on disk. `commitDirectory`,
 * `checkoutCommit` and `fsckRepo` leave the work on many files to platform's bulk calls; `pruneRepo` walks a flat set.
 * Every reader checks metadata against its checksum and throws `CorruptObject` or `MissingObject` naming it.
 */
export { applyDelta, requireDeltaMode, type DeltaPartSource, type DeltaTotals, type OpenDelta } from './apply-delta.ts';
export { applyOfflineDelta, openDeltaFile, type DeltaFile } from './delta-file.ts';
export { createBreather } from './breather.ts';
export { checkoutCommit, type CheckoutOptions } from './checkout.ts';
export {
  commitDirectory,
  writeCommit,
  type CommitDescription,
  type CommitDirectoryOptions,
  type CommitLayer,
  type CommitResult,
  type ModeOverride,
} from './commit-directory.ts';
export { type TreeRoot } from './commit-layers.ts';
export { listDeltas, type DeltaName } from './deltas.ts';
export { corruptObject, missingObject } from './errors.ts';
export { loadFile, type LoadedFile } from './file-object.ts';
export { freeSpaceBudget, requireFreeSpace } from './free-space.ts';
export {
  fsckRepo,
  type BrokenRefReport,
  type CorruptObjectReport,
  type FsckOptions,
  type FsckReport,
  type MissingObjectReport,
} from './fsck.ts';
export { lockRepo } from './lock.ts';
export {
  hasObject,
  loadCommit,
  loadCommitMeta,
  loadCommitMetaBytes,
  loadDirMeta,
  loadDirTree,
  loadMetadata,
  metadataChecksum,
  objectPathIn,
  tryLoadCommit,
  tryLoadMetadata,
  type MetadataType,
} from './objects.ts';
export { ObjectSet } from './object-set.ts';
export { isPartial, listPartial, markPartial, partialReason, unmarkPartial } from './partial.ts';
export { pruneRepo, removeCommit, type PruneOptions, type PruneResult } from './prune.ts';
export { listMirrorRefs, listRefs, readRef, writeMirrorRef, writeRef, writeRefAlias, type MirrorRef } from './refs.ts';
export { initRepo, listRemoteNames, openRepo, Repo, updateRepoConfig, type InitOptions } from './repo.ts';
export { requireRev, resolveRev } from './resolve.ts';
export { type FreeSpaceReserve, type RepoMode, type RepoSettings } from './settings.ts';
export { beginStaging, Staging, type RefChanges } from './staging.ts';
export { readSummary, writeSummary } from './summary.ts';
export { Traversal, type BrokenObject, type TraverseOptions } from './traverse.ts';
export {
  findEntry,
  followEntry,
  lsTree,
  readPath,
  type DirectoryEntry,
  type FileEntry,
  type TreeEntry,
} from './tree.ts';
