import { AtomicError, type Checksum, isChecksum, type Job } from '../base/index.ts';
import { decodeSummary, isRefName, isRemoteName } from '../format/index.ts';
import { listRefs, openRepo, readRef, type Repo } from '../repo/index.ts';
import { maxListedRefs, maxSummaryBytes } from './limits.ts';
import type { RemoteRef } from './pull-options.ts';
import type { RemoteConfig } from './remote-config.ts';
import { requireSupported } from './remote-policy.ts';
import { RemoteSignatures, type SystemTrust } from './remote-signatures.ts';
import { type FetchedSummary, RemoteSource } from './remote-source.ts';
import type { TransportTimings } from './transport-timings.ts';
import { fileUrlPath, parseRemoteUrl } from './url.ts';

/** A question about a remote. */
export interface RemoteQuestion {
  readonly remote: RemoteConfig;
  readonly timings?: Partial<TransportTimings>;
  readonly systemTrust?: SystemTrust;
}

/**
 * The commit that `ref` names on the remote now: as its summary says, else its ref file. Changes nothing. `RefNotFound`
 * names the ref, the remote and some refs that are there; `SignatureRequired`, `SignatureInvalid` (of its summary) and the errors of fetching otherwise.
 */
export async function resolveRemoteRef(
  repo: Repo,
  options: RemoteQuestion & { readonly ref: string },
  job: Job,
): Promise<RemoteRef> {
  const { remote, ref } = options;
  const path = requireUsable(repo, remote);
  if (path !== undefined) {
    using source = openRepo(path);
    await requireRepoSummary(source, signaturesOf(repo, options), [ref]);
    return resolveInRepo(source, remote.name, ref);
  }
  await using source = await RemoteSource.open(remote, { timings: options.timings }, job);
  return await resolveInSource(source, await source.fetchSummary(signaturesOf(repo, options)), ref);
}

/** The refs of the remote's summary; `NotFound` if the remote has no summary. Changes nothing. */
export async function listRemoteRefs(
  repo: Repo,
  options: RemoteQuestion,
  job: Job,
): Promise<ReadonlyMap<string, RemoteRef>> {
  const { remote } = options;
  const path = requireUsable(repo, remote);
  if (path !== undefined) {
    using source = openRepo(path);
    await requireRepoSummary(source, signaturesOf(repo, options), []);
    return new Map([...localRefs(source)].map(([ref, checksum]) => [ref, { checksum, commitSizeBytes: undefined }]));
  }
  await using source = await RemoteSource.open(remote, { timings: options.timings }, job);
  const fetched = await source.fetchSummary(signaturesOf(repo, options));
  if (fetched === undefined) throw noSummary(remote);
  return fetched.summary.refs;
}

function signaturesOf(repo: Repo, { remote, systemTrust }: RemoteQuestion): RemoteSignatures {
  return new RemoteSignatures(repo, remote, systemTrust);
}

/**
 * Returns if the summary of a repo on this machine bears what is demanded of it and names the commits that its refs do;
 * where nothing is demanded of summaries, always.
 */
export async function requireRepoSummary(
  source: Repo,
  signatures: RemoteSignatures,
  refs: readonly string[],
): Promise<void> {
  if (!signatures.demandsSummary) return;
  const bytes = source.dir.readFile('summary', maxSummaryBytes);
  await signatures.requireSummary(bytes, source.dir.readFile('summary.sig', maxSummaryBytes));
  const summary = decodeSummary(bytes ?? new Uint8Array());
  for (const ref of refs.filter((name) => !isChecksum(name))) {
    if (summary.refs.get(ref)?.checksum === readRef(source, ref)) continue;
    throw new AtomicError('SignatureInvalid', `The signed summary of ${source.path} names another commit for ${ref}`, {
      facts: { ref, source: source.path },
      hint: 'Run `ostree summary -u` there and sign it.',
    });
  }
}

/** Returns if we may and can pull from the remote; the path of its repo if that is on this machine. */
export function requireUsable(repo: Repo, remote: RemoteConfig): string | undefined {
  requireSupported(remote);
  requireNoCookies(repo, remote);
  const url = parseRemoteUrl(remote.url, { remote: remote.name, key: 'url' });
  return url.protocol === 'file:' ? fileUrlPath(url) : undefined;
}

/** A server that wants cookies answers something else without them. */
function requireNoCookies(repo: Repo, remote: RemoteConfig): void {
  const name = `${remote.name}.cookies.txt`;
  if (!isRemoteName(remote.name) || !repo.dir.exists(name)) return;
  throw new AtomicError(
    'NotSupported',
    `Remote "${remote.name}" has cookies (${repo.path}/${name}), which are not supported`,
    {
      facts: { remote: remote.name },
      hint: `Remove ${repo.path}/${name}, or use a remote that needs no cookies.`,
    },
  );
}

/** The refusal to list what only a summary lists. */
export function noSummary(remote: RemoteConfig): AtomicError {
  return new AtomicError('NotFound', `Remote "${remote.name}" has no summary, so its refs cannot be listed`, {
    facts: { remote: remote.name },
    hint: 'Name the ref, or run `ostree summary -u` in the repository of the remote.',
  });
}

/** The commit of one ref of an HTTP remote, by its summary if it has one. A checksum names itself. */
export async function resolveInSource(
  source: RemoteSource,
  fetched: FetchedSummary | undefined,
  ref: string,
): Promise<RemoteRef> {
  if (isChecksum(ref)) return { checksum: ref, commitSizeBytes: undefined };
  requireRefName(ref);
  if (fetched !== undefined) {
    const found = fetched.summary.refs.get(ref);
    if (found !== undefined) return found;
    throw refNotFound(ref, source.remote.name, [...fetched.summary.refs.keys()]);
  }
  const checksum = await source.fetchRef(ref);
  if (checksum === undefined) throw refNotFound(ref, source.remote.name, undefined);
  return { checksum, commitSizeBytes: undefined };
}

/** The commit of one ref of a repo on this machine. A checksum names itself. */
export function resolveInRepo(source: Repo, remoteName: string, ref: string): RemoteRef {
  if (isChecksum(ref)) return { checksum: ref, commitSizeBytes: undefined };
  requireRefName(ref);
  const checksum = readRef(source, ref);
  if (checksum === undefined) throw refNotFound(ref, remoteName, [...localRefs(source).keys()]);
  return { checksum, commitSizeBytes: undefined };
}

/** The refs below `refs/heads` of a repo: what it offers to others. */
export function localRefs(source: Repo): ReadonlyMap<string, Checksum> {
  return new Map([...listRefs(source)].filter(([refspec]) => !refspec.includes(':')));
}

/** A name that is not a ref's could leave `refs/heads` on the server. */
function requireRefName(ref: string): void {
  if (!isRefName(ref)) throw new AtomicError('InvalidRefspec', `Invalid ref ${JSON.stringify(ref.slice(0, 200))}`);
}

/** Names the ref, the remote, and a few refs that are there when a summary tells them. */
function refNotFound(ref: string, remote: string, known: readonly string[] | undefined): AtomicError {
  const listed = known?.slice(0, maxListedRefs).join(', ');
  const more = known === undefined || known.length <= maxListedRefs ? '' : ` and ${known.length - maxListedRefs} more`;
  const has = known === undefined ? '' : known.length === 0 ? '; it has no refs' : `; it has ${listed}${more}`;
  return new AtomicError('RefNotFound', `No such branch '${ref}' in remote "${remote}"${has}`, {
    facts: { ref, remote },
    hint: 'Check the spelling, or ask who runs the remote under which name the branch goes on.',
  });
}
