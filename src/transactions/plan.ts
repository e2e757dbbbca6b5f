import type { Checksum, Job } from '../base/index.ts';
import { commitVersion, type Origin, withOverrideCommit, withoutTransient, withRefspec } from '../format/index.ts';
import { type RemoteConfig, requireRemote } from '../remote/index.ts';
import { freeSpaceBudget, hasObject, isPartial, loadCommit } from '../repo/index.ts';
import { type DeploymentList, loadDeployments, openSysroot, type Sysroot } from '../sysroot/index.ts';

import { ensureCommit, findBranchTip, findRevision } from './candidate.ts';
import { decideSource, type Source, type Weighed } from './decide.ts';
import { findEtcConflicts } from './etc-preview.ts';
import type { Host } from './host.ts';
import { chooseMergeDeployments, type MergeDeployments } from './merge-deployments.ts';
import { estimateMissing } from './missing.ts';
import type { DeployOptions, FetchOptions, UpgradeOptions } from './options.ts';
import type { CommitInfo } from './outcome.ts';
import { parseRevision } from './revision.ts';

/** Where a plan starts: everything that is known before a remote is asked. */
export interface Basis extends MergeDeployments {
  readonly source: Source;
  /** Where to fetch from; `undefined` when the network is not to be touched or the source is local. */
  readonly remote: RemoteConfig | undefined;
  readonly bootedChecksum: Checksum | undefined;
  /** Changes whenever the list of deployments does. */
  readonly stamp: DeploymentList['stamp'];
}

/** A basis and the commit chosen for it. */
interface Choice extends Basis {
  readonly checksum: Checksum;
  /** The origin of the new deployment. */
  readonly origin: Origin;
  /** True when the caller asked for a commit that need not belong to the branch. */
  readonly disableBindings: boolean;
  readonly unchangedMessage: string;
}

/** What a verb is going to deploy and over what; the same value `--check` shows and `upgrade` executes. */
export interface UpdatePlan extends Choice, Weighed {
  /** Paths below /etc that the merge could not settle; `undefined` while the candidate's tree is not here. */
  readonly etcConflicts: readonly string[] | undefined;
}

/**
 * Plans what `upgrade` with these options would do, without doing it: reads the sysroot, asks the remote which commit its
 * ref names and fetches that commit object, nothing more. Throws what stands in the way of any plan:
 * `UnsupportedOrigin`, `RemoteNotFound`, `SignatureRequired`, `SignatureInvalid`, `RefNotFound`, `RemoteUnreachable` …
 */
export async function planUpgrade(host: Host, options: UpgradeOptions, job: Job): Promise<UpdatePlan> {
  using sysroot = openSysroot(host.sysrootPath, host.boot);
  return await planBranchUpdate(sysroot, options, job);
}

/** {@link planUpgrade} on an open sysroot. The plan's origin has lost an `override-commit`: an upgrade follows the branch. */
export async function planBranchUpdate(sysroot: Sysroot, options: UpgradeOptions, job: Job): Promise<UpdatePlan> {
  const basis = readBasis(sysroot, options);
  const { source, originMerge, remote } = basis;
  const origin = withOverrideCommit(withoutTransient(originMerge.origin), undefined);
  const choice = { ...basis, origin, disableBindings: false };
  if (source.kind === 'pinned') {
    const { checksum } = originMerge;
    return completePlan(sysroot, { ...choice, checksum, unchangedMessage: source.message }, job);
  }
  if (remote !== undefined) job.report({ kind: 'note', text: `Updating from: ${source.refspec}` });
  const checksum = await findBranchTip(sysroot.repo, { source, remote }, job);
  return completePlan(sysroot, { ...choice, checksum, unchangedMessage: 'No upgrade available.' }, job);
}

/**
 * Plans the deployment of a named commit or version of the branch: searches its history by commit objects alone. The
 * plan's origin remembers the commit as `override-commit`; an origin pinned to a commit is pinned to the new one.
 */
export async function planRevision(sysroot: Sysroot, options: DeployOptions, job: Job): Promise<UpdatePlan> {
  const revision = parseRevision(options.revision);
  const basis = readBasis(sysroot, options);
  const skipBranchCheck = options.skipBranchCheck ?? false;
  const checksum = await findRevision(sysroot.repo, { ...basis, revision, skipBranchCheck }, job);
  const kept = withoutTransient(basis.originMerge.origin);
  const origin = basis.source.kind === 'pinned' ? withRefspec(kept, checksum) : withOverrideCommit(kept, checksum);
  const choice = { ...basis, origin, checksum, disableBindings: skipBranchCheck, unchangedMessage: 'No change.' };
  return completePlan(sysroot, choice, job);
}

/** Reads deployments, origin and remote; refuses what no plan can be made for. */
function readBasis(sysroot: Sysroot, options: FetchOptions): Basis {
  const loaded = loadDeployments(sysroot);
  const merge = chooseMergeDeployments(loaded, options.stateroot);
  const source = decideSource(merge.originMerge.origin);
  const remote = options.cacheOnly === true ? undefined : remoteOf(sysroot, source);
  return { ...merge, source, remote, bootedChecksum: loaded.booted?.checksum, stamp: loaded.stamp };
}

function remoteOf(sysroot: Sysroot, source: Source): RemoteConfig | undefined {
  if (source.kind === 'pinned' || source.remote === undefined) return undefined;
  return requireRemote(sysroot.repo, source.remote, { remotesDir: `${sysroot.path}/etc/ostree/remotes.d` });
}

/** Adds what the repo knows about the candidate; its commit object is fetched when it is not here. */
async function completePlan(sysroot: Sysroot, choice: Choice, job: Job): Promise<UpdatePlan> {
  const { repo } = sysroot;
  const { checksum, remote, originMerge } = choice;
  const commit = await ensureCommit(repo, { remote, checksum }, job);
  const complete = hasObject(repo, 'commit', checksum) && !isPartial(repo, checksum);
  const sides = { merge: choice.configMerge, checksum };
  return {
    ...choice,
    etcConflicts: complete ? await findEtcConflicts(sysroot, sides, job) : undefined,
    candidate: commitInfo(sysroot, checksum),
    current: commitInfo(sysroot, originMerge.checksum),
    complete,
    fetchable: remote !== undefined,
    missing: complete ? { objects: 0, downloadBytes: 0, storedBytes: 0 } : await estimateMissing(repo, commit, job),
    freeBytes: Number(freeSpaceBudget(repo)),
  };
}

function commitInfo(sysroot: Sysroot, checksum: Checksum): CommitInfo {
  const commit = loadCommit(sysroot.repo, checksum);
  return { checksum, version: commitVersion(commit), timestampSeconds: commit.timestampSeconds };
}
