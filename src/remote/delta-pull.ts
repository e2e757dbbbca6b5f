import { createHash } from 'node:crypto';
import { AtomicError, type Checksum, isAtomicError, type Job, messageOf } from '../base/index.ts';
import {
  decodeDeltaIndex,
  decodeDeltaSuperblock,
  deltaIndexPath,
  deltaName,
  type DeltaOffer,
  deltaOffers,
  deltaPath,
  inlineDeltaPart,
  maxMetadataObjectBytes,
  type VariantDict,
} from '../format/index.ts';
import { sys } from '../platform/index.ts';
import {
  applyDelta,
  listRefs,
  type OpenDelta,
  readRef,
  type Repo,
  requireDeltaMode,
  type Staging,
  tryLoadCommit,
} from '../repo/index.ts';
import type { Body } from './body-sink.ts';
import { isComplete } from './local-commits.ts';
import { maxDeltaIndexBytes } from './limits.ts';
import { bytesOf, type RemoteSource } from './remote-source.ts';

/** Whether static deltas are used: where they are offered, never, or with an error where none can be. */
export type DeltaUse = 'allow' | 'disable' | 'require';

/** A commit that is wanted, and the local ref that will name it. */
export interface DeltaTarget {
  readonly checksum: Checksum;
  /** Undefined: it was asked for by checksum. */
  readonly refspec: string | undefined;
}

/** What deltas of one pull have in common. */
export interface DeltaPlace {
  readonly source: RemoteSource;
  readonly staging: Staging;
  readonly use: DeltaUse;
  /** What the summary says of the repository; undefined if none was fetched. */
  readonly summary: VariantDict | undefined;
}

/**
 * What is wrong with a delta or its delivery; the objects themselves may still be had. Space too: a part is reckoned whole,
 * even if most of what it makes is here.
 */
const deltaFaults = [
  'CorruptObject',
  'InvalidFormat',
  'LimitExceeded',
  'MissingObject',
  'NoSpace',
  'NotFound',
  'RemoteInvalid',
  'RemoteStalled',
  'RemoteTruncated',
] as const;

/**
 * The best delta that the remote offers for a commit, with its superblock fetched and checked against what the summary or the
 * delta index says; undefined if there is none, deltas are not wanted, or the superblock is at fault (which is noted). With
 * `require` all of that is an error.
 */
export async function findDelta(place: DeltaPlace, target: DeltaTarget, job: Job): Promise<OpenDelta | undefined> {
  const { repo } = place.staging;
  if (place.use === 'disable' || isComplete(repo, target.checksum)) return undefined;
  if (place.use === 'require') requireDeltaMode(repo);
  // Such a repo takes signed deltas only; their signatures are not checked yet, those of commits are.
  const takesSigned = repo.config.getBoolean('core', 'sign-verify-deltas') === true;
  if (repo.mode === 'archive' || takesSigned) return noneFor(place, target);
  return await forgiving(place, `for ${target.checksum}`, job, async () => {
    const offer = chooseDelta(repo, await listOffers(place, target.checksum), target);
    return offer === undefined ? noneFor(place, target) : await openDelta(place, offer);
  });
}

/**
 * Stages what the delta makes and returns how many of its parts were fetched. A delta that is at fault is noted, and left for
 * the walk over the tree, which fetches whatever is missing; with `require` it is an error.
 */
export async function applyFetchedDelta(place: DeltaPlace, delta: OpenDelta, job: Job): Promise<number> {
  const name = deltaName(delta.superblock);
  const totals = await forgiving(place, name, job, () => applyDelta(place.staging, delta, job));
  return totals?.parts ?? 0;
}

/** Runs a step; where objects will do, a fault of the delta is a note and the answer undefined. */
async function forgiving<T>(
  place: DeltaPlace,
  name: string,
  job: Job,
  step: () => Promise<T | undefined>,
): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    if (place.use === 'require' || !isAtomicError(error, ...deltaFaults)) throw error;
    const text = `Static delta ${name} cannot be used, objects are fetched instead: ${messageOf(error)}`;
    job.report({ kind: 'note', text });
    return undefined;
  }
}

function noneFor({ use, source }: DeltaPlace, { checksum }: DeltaTarget): undefined {
  if (use !== 'require') return undefined;
  throw new AtomicError('NotFound', `Static deltas required, but none found for ${checksum}`, {
    facts: { remote: source.remote.name, checksum },
    hint: 'Pull without --require-static-deltas to fetch objects.',
  });
}

/** The deltas to a commit: those of the summary; of its index where the summary lists none or was not needed. */
async function listOffers({ source, summary }: DeltaPlace, to: Checksum): Promise<readonly DeltaOffer[]> {
  if (summary?.has('ostree.static-deltas') === true) return deltaOffers(summary).filter((offer) => offer.to === to);
  if (summary !== undefined && summary.get('ostree.summary.indexed-deltas')?.value !== true) return [];
  const body = await source.fetchDeltaFile(deltaIndexPath(to), { maxBytes: maxDeltaIndexBytes });
  return body === undefined ? [] : decodeDeltaIndex(bytesOf(body)).filter((offer) => offer.to === to);
}

/**
 * The offer to take: of those whose source is here and complete the one with the newest source; a delta from nothing only if
 * there is nothing to build on, for it brings everything again. OSTree repository format: static deltas.
 */
export function chooseDelta(
  repo: Repo,
  offers: readonly DeltaOffer[],
  { refspec }: DeltaTarget,
): DeltaOffer | undefined {
  const usable = offers.flatMap((offer) => {
    const timestamp = offer.from === undefined ? undefined : timestampOf(repo, offer.from);
    return timestamp === undefined ? [] : [{ offer, timestamp }];
  });
  const [newest] = usable.toSorted((left, right) => right.timestamp - left.timestamp);
  if (newest !== undefined) return newest.offer;
  const isFirst = refspec === undefined ? listRefs(repo).size === 0 : readRef(repo, refspec) === undefined;
  return isFirst ? offers.find(({ from }) => from === undefined) : undefined;
}

/** When the commit was made, if it is here, complete and whole. */
function timestampOf(repo: Repo, checksum: Checksum): number | undefined {
  if (!isComplete(repo, checksum)) return undefined;
  try {
    return tryLoadCommit(repo, checksum)?.timestampSeconds;
  } catch (error) {
    if (isAtomicError(error, 'CorruptObject')) return undefined;
    throw error;
  }
}

/** The superblock, proven to be the one offered and to lead from and to where the offer says. */
async function openDelta({ source, staging }: DeltaPlace, offer: DeltaOffer): Promise<OpenDelta> {
  const path = deltaPath(offer);
  const limits = { maxBytes: maxMetadataObjectBytes, spoolDir: staging.dir };
  const body = await source.fetchDeltaFile(`${path}/superblock`, limits);
  if (body === undefined) throw new AtomicError('NotFound', 'the remote lists it and does not have it');
  const bytes = bytesOf(body);
  const actual = createHash('sha256').update(bytes).digest('hex');
  if (actual !== offer.superblockChecksum) {
    throw new AtomicError('CorruptObject', `the superblock has the checksum ${actual}`);
  }
  const superblock = decodeDeltaSuperblock(bytes);
  if (superblock.from !== offer.from || superblock.to !== offer.to) {
    throw new AtomicError('RemoteInvalid', `it is another delta (${deltaName(superblock)})`);
  }
  return {
    superblock,
    isInline: (index) => inlineDeltaPart(superblock, index) !== undefined,
    readPart: async (index) => {
      const data = inlineDeltaPart(superblock, index);
      if (data !== undefined) return { data };
      const maxBytes = superblock.parts[index]?.sizeBytes ?? 0;
      const maxReason = 'the size the superblock names';
      const part = await source.fetchDeltaFile(`${path}/${index}`, { maxBytes, maxReason, spoolDir: staging.dir });
      if (part === undefined) throw new AtomicError('NotFound', `the remote lacks part ${index}`);
      return sourceOf(part, maxBytes);
    },
  };
}

/** A part as it arrived; one of another size than the superblock names is not that part. */
function sourceOf(part: Body, sizeBytes: number): { readonly data: Uint8Array } | { readonly fd: number } {
  const received = part.kind === 'memory' ? part.bytes.length : part.sizeBytes;
  if (received === sizeBytes) return part.kind === 'memory' ? { data: part.bytes } : { fd: part.fd };
  if (part.kind === 'file') sys.close(part.fd);
  throw new AtomicError('RemoteTruncated', `a part has ${received} bytes instead of ${sizeBytes}`);
}
