import { type AtomicError, type Checksum, isChecksum } from '../base/index.ts';
import { type Commit, decodeCommit, decodeVariant, type VariantDict } from '../format/index.ts';
import {
  loadCommit,
  loadCommitMetaBytes,
  type MetadataType,
  readRef,
  type Repo,
  type Staging,
  tryLoadCommit,
} from '../repo/index.ts';
import { requireBoundTo, requireNotOlder } from './commit-checks.ts';
import { commitsToCompare, isComplete } from './local-commits.ts';
import type { RemoteRef } from './pull-options.ts';
import { refspecFor, type RefPlace } from './ref-changes.ts';
import type { RemoteSignatures } from './remote-signatures.ts';

/** Where the objects of a pull come from: a server, or another repo. */
export interface ObjectBringer {
  /** The bytes of a commit, checked against its checksum; undefined if the source lacks it. */
  fetchCommit(checksum: Checksum, sizeBytes: number | undefined): Promise<Uint8Array | undefined>;
  /** The detached metadata of a commit; undefined if it has none. */
  fetchCommitMeta(checksum: Checksum): Promise<Uint8Array | undefined>;
  /** The bytes of metadata that is here already. */
  readHere(type: MetadataType, checksum: Checksum): Uint8Array | undefined;
  /** Stages everything below a commit that is missing. */
  bringTree(commit: Commit, complete: readonly Commit[]): Promise<void>;
  missing(type: MetadataType, checksum: Checksum): AtomicError;
  invalid(type: MetadataType | 'commitmeta', checksum: Checksum, error: unknown): AtomicError;
}

/** One wanted commit and what must be true of it. */
export interface CommitDemand extends RefPlace {
  /** The ref it was found under, or its own checksum. */
  readonly name: string;
  readonly ref: RemoteRef;
  readonly depth?: number;
  readonly commitMetadataOnly?: boolean;
  readonly timestampCheck?: boolean;
  readonly timestampCheckFrom?: Checksum;
  readonly disableBindings?: boolean;
  /** Checks every commit, the parents too; absent where nobody demands a signature. */
  readonly signatures?: RemoteSignatures | undefined;
}

/**
 * Stages a commit, its tree and as many parents as asked for. The commit is checked (checksum, structure, signatures, binding,
 * time) before it is staged or anything of its tree is fetched, also one that is here already, and marked partial before that. A parent that the source lacks ends the walk quietly.
 */
export async function bringCommit(bringer: ObjectBringer, staging: Staging, demand: CommitDemand): Promise<void> {
  const commit = await bringOne(bringer, staging, { ...demand.ref, demand, requested: true });
  if (commit === undefined) throw bringer.missing('commit', demand.ref.checksum);
  let { parent } = commit;
  for (let left = demand.depth ?? 0; left !== 0 && parent !== undefined; left -= 1) {
    const next = { checksum: parent, commitSizeBytes: undefined, demand, requested: false };
    parent = (await bringOne(bringer, staging, next))?.parent;
  }
}

/** A commit of the chain that begins at the wanted one. */
interface OneCommit extends RemoteRef {
  readonly demand: CommitDemand;
  /** False for the parents, which nobody asked for by name. */
  readonly requested: boolean;
}

/** Stages one commit and its tree; undefined if the source lacks it. A commit that is here and complete is not walked again. */
async function bringOne(bringer: ObjectBringer, staging: Staging, one: OneCommit): Promise<Commit | undefined> {
  const { checksum, demand } = one;
  const { repo } = staging;
  const metadataOnly = demand.commitMetadataOnly === true;
  const complete = isComplete(repo, checksum);
  const isDemanded = demand.signatures?.demandsCommits === true;
  const detached = await bringDetached(bringer, { repo, checksum, isDemanded });
  const bytes = bringer.readHere('commit', checksum) ?? (await bringer.fetchCommit(checksum, one.commitSizeBytes));
  if (bytes === undefined) return undefined;
  const commit = understand(bringer, { type: 'commit', checksum }, () => decodeCommit(bytes));
  await demand.signatures?.requireCommit({ checksum, bytes, detached: detached.dict });
  if (one.requested) requireAcceptable(repo, commit, demand);
  if (!complete) staging.markPartial(checksum, { keep: metadataOnly });
  if (detached.changed !== undefined) staging.writeCommitMeta(checksum, detached.changed);
  staging.writeMetadata('commit', bytes);
  if (!complete && !metadataOnly) await bringer.bringTree(commit, commitsToCompare(repo, commit, refspecOf(demand)));
  return commit;
}

/** The detached metadata that counts, and its bytes if they are not those that are here. */
interface Detached {
  readonly dict: VariantDict | undefined;
  readonly changed: Uint8Array | undefined;
}

/** The detached metadata of the source, else ours: a commit may be signed again after it was pulled. */
async function bringDetached(
  bringer: ObjectBringer,
  about: { readonly repo: Repo; readonly checksum: Checksum; readonly isDemanded: boolean },
): Promise<Detached> {
  const { repo, checksum, isDemanded } = about;
  const theirs = await bringer.fetchCommitMeta(checksum);
  const ours = loadCommitMetaBytes(repo, checksum);
  const bytes = theirs ?? ours;
  if (bytes === undefined) return { dict: undefined, changed: undefined };
  const decode = (): VariantDict => decodeVariant('a{sv}', bytes) as VariantDict;
  // What nobody asked for and nobody can read is left where it is; the commit itself is whole without it.
  if (!isDemanded && !canDecode(decode)) return { dict: undefined, changed: undefined };
  const dict = understand(bringer, { type: 'commitmeta', checksum }, decode);
  const isKnown = theirs === undefined || (ours !== undefined && Buffer.compare(ours, theirs) === 0);
  return { dict, changed: isKnown ? undefined : theirs };
}

function canDecode(decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch {
    return false;
  }
}

/** The checks of a commit that was asked for: meant for this ref, and not older than what it would replace. */
function requireAcceptable(repo: Repo, commit: Commit, demand: CommitDemand): void {
  const { checksum } = demand.ref;
  if (demand.disableBindings !== true && !isChecksum(demand.name)) requireBoundTo(commit, checksum, demand.name);
  if (demand.timestampCheckFrom !== undefined) {
    const floor = demand.timestampCheckFrom;
    requireNotOlder({ checksum, commit }, { checksum: floor, commit: loadCommit(repo, floor) });
  }
  const refspec = refspecOf(demand);
  if (demand.timestampCheck !== true || refspec === undefined) return;
  const current = readRef(repo, refspec);
  const currentCommit = current === undefined ? undefined : tryLoadCommit(repo, current);
  if (current === undefined || currentCommit === undefined) return;
  requireNotOlder({ checksum, commit }, { checksum: current, commit: currentCommit });
}

/** The local ref that will name the commit; none when it was asked for by checksum. */
function refspecOf(demand: CommitDemand): string | undefined {
  return isChecksum(demand.name) ? undefined : refspecFor(demand, demand.name);
}

/** Runs a decoder; what it refuses becomes the source's error, with the address of the object. */
function understand<T>(
  bringer: ObjectBringer,
  object: { readonly type: MetadataType | 'commitmeta'; readonly checksum: Checksum },
  decode: () => T,
): T {
  try {
    return decode();
  } catch (error) {
    throw bringer.invalid(object.type, object.checksum, error);
  }
}
