import { AtomicError, isChecksum, type Job, throwIfCancelled } from '../base/index.ts';
import { writeFileDurably } from '../platform/index.ts';
import { beginStaging, openRepo, type Repo } from '../repo/index.ts';
import { bringCommit } from './commit-pull.ts';
import { ObjectPull } from './object-pull.ts';
import { pullFromRepo } from './pull-local.ts';
import { refChanges } from './ref-changes.ts';
import { withNamedErrors } from './system-errors.ts';
import type { PullOptions, PullResult, RemoteRef } from './pull-options.ts';
import { RemoteSource } from './remote-source.ts';
import { noSummary, requireUsable, resolveInSource } from './resolve-ref.ts';

/**
 * Brings commits of a remote into the repo: on return their objects are durable and the refs name them. Nothing of a pull
 * that fails, is killed or cancelled can be seen (but a mark that the commit is partial); what had arrived is used by the
 * next one. Only what is missing is fetched. Errors: `SignatureRequired`, `NotSupported`, `RefNotFound`, `Downgrade`,
 * `NoSpace`, `Cancelled`, and of the remote `RemoteUnreachable`, `RemoteTruncated`, `RemoteStalled`, `RemoteInvalid` and
 * `CorruptObject`, whose messages name the URL. OSTree repository format: pull.
 */
export function pull(repo: Repo, options: PullOptions, job: Job): Promise<PullResult> {
  return withNamedErrors(repo, () => pullAnywhere(repo, options, job));
}

/** The pull as the list of its steps: what is wanted, bring it, publish it. */
async function pullAnywhere(repo: Repo, options: PullOptions, job: Job): Promise<PullResult> {
  const { remote } = options;
  const localPath = requireUsable(repo, remote);
  requireSomeRef(options);
  throwIfCancelled(job);
  if (localPath !== undefined) {
    using source = openRepo(localPath);
    return await pullFromRepo(repo, { ...options, remoteName: remote.name, source, refs: refsOf(options) }, job);
  }
  job.report({ kind: 'phase', text: `Fetching from ${remote.name}` });
  await using source = await RemoteSource.open(remote, { timings: options.timings }, job);
  const wanted = await resolveWanted(source, options);
  await using staging = await beginStaging(repo, job);
  const objects = new ObjectPull(source, staging, job);
  for (const [name, ref] of wanted.refs) {
    await bringCommit(objects, staging, { ...options, remoteName: remote.name, name, ref });
  }
  await staging.publish(refChanges({ ...options, remoteName: remote.name }, wanted.refs));
  if (wanted.summaryBytes !== undefined) writeFileDurably(repo.dir, 'summary', wanted.summaryBytes, 0o644);
  objects.progress.finish();
  return {
    refs: new Map([...wanted.refs].map(([name, { checksum }]) => [name, checksum])),
    fetchedMetadata: objects.progress.fetchedMetadata,
    fetchedContent: objects.progress.fetchedContent,
    transferredBytes: source.transferredBytes,
  };
}

/** What is asked for by name: the caller's refs, else the remote's `branches`. */
function refsOf(options: PullOptions): readonly string[] {
  return options.refs.length > 0 ? options.refs : options.remote.branches;
}

/** Pulling nothing is a mistake of the caller, except when a whole remote is mirrored. */
function requireSomeRef(options: PullOptions): void {
  if (refsOf(options).length > 0 || options.mirror === true) return;
  throw new AtomicError('InvalidArgument', `No refs to pull from remote "${options.remote.name}"`, {
    facts: { remote: options.remote.name },
    hint: 'Name a ref, or set branches for the remote.',
  });
}

/** What the names asked for stand for now. */
interface WantedRefs {
  readonly refs: ReadonlyMap<string, RemoteRef>;
  /** Set when the whole remote is mirrored: then its summary describes our repo too. */
  readonly summaryBytes?: Uint8Array;
}

/** Resolves every name, through the summary if one is needed; a name with an override and a checksum need none. */
async function resolveWanted(source: RemoteSource, options: PullOptions): Promise<WantedRefs> {
  const names = refsOf(options);
  const mirrorsAll = names.length === 0;
  const known = (name: string): boolean => isChecksum(name) || options.overrideCommits?.has(name) === true;
  const fetched = !mirrorsAll && names.every(known) ? undefined : await source.fetchSummary();
  if (mirrorsAll) {
    if (fetched === undefined) throw noSummary(options.remote);
    return { refs: fetched.summary.refs, summaryBytes: fetched.bytes };
  }
  const refs = new Map<string, RemoteRef>();
  for (const name of names) {
    const override = options.overrideCommits?.get(name);
    refs.set(
      name,
      override === undefined
        ? await resolveInSource(source, fetched, name)
        : { checksum: override, commitSizeBytes: undefined },
    );
  }
  return { refs };
}
