import { AtomicError, isChecksum, type Job, throwIfCancelled } from '../base/index.ts';
import type { Summary } from '../format/index.ts';
import { unlinkDurably, writeFileDurably } from '../platform/index.ts';
import { beginStaging, openRepo, type Repo } from '../repo/index.ts';
import { bringCommit } from './commit-pull.ts';
import { type DeltaPlace, findDelta } from './delta-pull.ts';
import { ObjectPull } from './object-pull.ts';
import { pullFromRepo } from './pull-local.ts';
import { refChanges, refspecFor } from './ref-changes.ts';
import { withNamedErrors } from './system-errors.ts';
import type { PullOptions, PullResult, RemoteRef } from './pull-options.ts';
import { RemoteSignatures } from './remote-signatures.ts';
import { type FetchedSummary, RemoteSource } from './remote-source.ts';
import { noSummary, requireUsable, resolveInSource } from './resolve-ref.ts';

/**
 * Brings commits of a remote into the repo: on return their objects are durable and the refs name them. Nothing of a pull
 * that fails, is killed or cancelled can be seen (but a mark that the commit is partial); what had arrived is used by the
 * next one. Only what is missing is fetched. Errors: `SignatureRequired`, `SignatureInvalid`, `NotSupported`, `RefNotFound`, `Downgrade`,
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
    const local = { ...options, remoteName: remote.name, source, refs: refsOf(options), signedFor: remote };
    return await pullFromRepo(repo, local, job);
  }
  job.report({ kind: 'phase', text: `Fetching from ${remote.name}` });
  await using source = await RemoteSource.open(remote, { timings: options.timings }, job);
  const signatures = new RemoteSignatures(repo, remote, options.systemTrust);
  const wanted = await resolveWanted(source, signatures, options);
  await using staging = await beginStaging(repo, job);
  const objects = new ObjectPull(source, staging, job);
  const place = { source, staging, use: deltaUse(options), summary: wanted.summary?.metadata };
  for (const [name, ref] of wanted.refs) {
    await offerDelta(objects, place, { ...options, name, ref }, job);
    await bringCommit(objects, staging, { ...options, remoteName: remote.name, name, ref, signatures });
  }
  await staging.publish(refChanges({ ...options, remoteName: remote.name }, wanted.refs));
  if (wanted.mirrored !== undefined) keepSummary(repo, wanted.mirrored);
  objects.progress.finish();
  return {
    refs: new Map([...wanted.refs].map(([name, { checksum }]) => [name, checksum])),
    fetchedMetadata: objects.progress.fetchedMetadata,
    fetchedContent: objects.progress.fetchedContent,
    fetchedDeltaParts: objects.fetchedDeltaParts,
    transferredBytes: source.transferredBytes,
  };
}

/** A commit without its tree needs no delta. */
function deltaUse({ staticDeltas, commitMetadataOnly }: PullOptions): DeltaPlace['use'] {
  return commitMetadataOnly === true ? 'disable' : (staticDeltas ?? 'allow');
}

/** Looks for a delta to one wanted commit and lets the objects begin with it. */
async function offerDelta(
  objects: ObjectPull,
  place: DeltaPlace,
  wanted: PullOptions & { readonly name: string; readonly ref: RemoteRef },
  job: Job,
): Promise<void> {
  const { remote, mirror, name, ref } = wanted;
  const refspec = isChecksum(name) ? undefined : refspecFor({ remoteName: remote.name, mirror }, name);
  objects.useDelta(place, await findDelta(place, { checksum: ref.checksum, refspec }, job));
}

/** Our repo offers what the remote offers, with the remote's signature; in this order never with one that does not fit. */
function keepSummary(repo: Repo, { bytes, signatureBytes }: FetchedSummary): void {
  unlinkDurably(repo.dir, 'summary.sig');
  writeFileDurably(repo.dir, 'summary', bytes, 0o644);
  if (signatureBytes !== undefined) writeFileDurably(repo.dir, 'summary.sig', signatureBytes, 0o644);
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
  readonly mirrored?: FetchedSummary;
  /** Undefined if the remote has none, or none was needed. */
  readonly summary?: Summary | undefined;
}

/** Resolves every name, through the summary if one is needed; a name with an override and a checksum need none. */
async function resolveWanted(
  source: RemoteSource,
  signatures: RemoteSignatures,
  options: PullOptions,
): Promise<WantedRefs> {
  const names = refsOf(options);
  const mirrorsAll = names.length === 0;
  const known = (name: string): boolean => isChecksum(name) || options.overrideCommits?.has(name) === true;
  const needsNone = !mirrorsAll && names.every(known) && !signatures.demandsSummary;
  const fetched = needsNone ? undefined : await source.fetchSummary(signatures, { withSignature: mirrorsAll });
  if (mirrorsAll) {
    if (fetched === undefined) throw noSummary(options.remote);
    return { refs: fetched.summary.refs, mirrored: fetched, summary: fetched.summary };
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
  return { refs, summary: fetched?.summary };
}
