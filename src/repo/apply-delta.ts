import { AtomicError, throwIfCancelled, type Checksum, type Job } from '../base/index.ts';
import { deltaRecordBytes, maxDeltaPayloadBytes, type DeltaPartEntry, type DeltaSuperblock } from '../format/index.ts';
import { applyDeltaPart, sys } from '../platform/index.ts';
import { requireFreeSpace } from './free-space.ts';
import type { Repo } from './repo.ts';
import type { Staging } from './staging.ts';

/** Parts fetched or applied at once, as OSTree does it: each may take some hundred megabytes of memory. */
const maxPartsAtOnce = 2;

/** A part as it was received: in memory, or in a file whose descriptor is closed when the part was applied. */
export type DeltaPartSource = { readonly data: Uint8Array } | { readonly fd: number };

/** A delta and the way to its parts. */
export interface OpenDelta {
  readonly superblock: DeltaSuperblock;
  /** Part `index`, of at most the size its entry names. Called for parts that make something new only. */
  readPart(index: number): Promise<DeltaPartSource>;
  /** True if the superblock carries the part itself and so vouches for it. */
  isInline(index: number): boolean;
}

/** What applying a delta did. */
export interface DeltaTotals {
  /** Parts that were read; those whose objects are all here are not. */
  readonly parts: number;
  readonly writtenObjects: number;
  readonly writtenBytes: number;
}

/**
 * Room for the payload beside the content: old checksums, and 24 bytes for each step of a patch. A part that needs more is
 * worth less than the objects it makes.
 */
const payloadAllowanceBytes = 16 * 1024 * 1024;

/** Returns if the mode of the repo can take static deltas; `NotSupported` for an archive, as OSTree has it. */
export function requireDeltaMode(repo: Repo): void {
  if (repo.mode !== 'archive') return;
  throw new AtomicError('NotSupported', `Static deltas cannot be applied in the archive repo ${repo.path}`, {
    facts: { path: repo.path },
    hint: 'Use a bare repo, or pull the objects.',
  });
}

/**
 * Stages the objects that the parts of a delta make, each proven to have its checksum; the commit and the fallback objects
 * are the caller's business, and so is to find out whether the tree is complete. Parts whose objects are all here are
 * skipped. `InvalidFormat`, `LimitExceeded`, `CorruptObject` and `MissingObject` when the delta is at fault, `NoSpace` before
 * the reserve of the repo is touched; what was staged by then is good and stays. OSTree repository format: static deltas.
 */
export async function applyDelta(staging: Staging, delta: OpenDelta, job: Job): Promise<DeltaTotals> {
  requireDeltaMode(staging.repo);
  const wanted = [...delta.superblock.parts.entries()].filter(([, part]) => !hasAll(staging, part));
  requireFreeSpace(
    staging.repo,
    wanted.reduce((sum, [, part]) => sum + BigInt(part.contentBytes), 0n),
  );
  const totals = { parts: 0, writtenObjects: 0, writtenBytes: 0 };
  const failures: unknown[] = [];
  const work = async (): Promise<void> => {
    for (let next = wanted.shift(); next !== undefined && failures.length === 0; next = wanted.shift()) {
      try {
        const stats = await applyPart(staging, { delta, index: next[0], part: next[1] }, job);
        totals.parts += 1;
        totals.writtenObjects += stats.written;
        totals.writtenBytes += stats.bytes;
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: maxPartsAtOnce }, work));
  if (failures.length > 0) throw failures[0];
  return totals;
}

interface WantedPart {
  readonly delta: OpenDelta;
  readonly index: number;
  readonly part: DeltaPartEntry;
}

async function applyPart(
  staging: Staging,
  { delta, index, part }: WantedPart,
  job: Job,
): Promise<{ written: number; bytes: number }> {
  throwIfCancelled(job);
  const { repo } = staging;
  const source = await delta.readPart(index);
  try {
    return await applyDeltaPart(
      {
        part: source,
        checksum: delta.isInline(index) ? undefined : part.checksum,
        records: part.records,
        maxContentBytes: part.contentBytes,
        maxPayloadBytes: Math.min(maxDeltaPayloadBytes, 2 * part.contentBytes + payloadAllowanceBytes),
        objects: repo.objects,
        staging: staging.dir,
        mode: repo.mode === 'archive' ? 'bare' : repo.mode,
        parent: repo.parent,
      },
      { signal: job.signal },
    );
  } finally {
    if ('fd' in source) sys.close(source.fd);
  }
}

const recordTypes = [undefined, 'file', 'dirtree', 'dirmeta'] as const;

/** True if everything the part makes is here. An object of a type no part may make is not. */
function hasAll(staging: Staging, { records }: DeltaPartEntry): boolean {
  for (let at = 0; at < records.length; at += deltaRecordBytes) {
    const type = recordTypes[records[at] ?? 0];
    const checksum = Buffer.from(records.subarray(at + 1, at + deltaRecordBytes)).toString('hex') as Checksum;
    if (type === undefined || !staging.hasObject(type, checksum)) return false;
  }
  return true;
}
