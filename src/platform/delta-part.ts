import { checksumToBytes, type Checksum } from '../base/index.ts';
import { bulkCall, type BulkOptions } from './bulk-call.ts';
import type { StoreMode } from './bulk.ts';
import type { OpenDirectory } from './open-directory.ts';

/** One part of a static delta, and the repo it is to be applied in. */
export interface DeltaPartRequest {
  /** The bytes of the part file, or the file, read from its start. */
  readonly part: { readonly data: Uint8Array } | { readonly fd: number };
  /** What the part file must have; undefined if the superblock that carries the part vouches for it. */
  readonly checksum: Checksum | undefined;
  /** Type and checksum of the objects it makes, 33 bytes each. */
  readonly records: Uint8Array;
  /** Refused beyond: what its objects have together, and what it may have once decompressed. */
  readonly maxContentBytes: number;
  readonly maxPayloadBytes: number;
  readonly objects: OpenDirectory;
  readonly staging: OpenDirectory;
  readonly mode: 'bare' | 'bare-user' | 'bare-user-only';
  /** Where an old file is looked for that `objects` lacks. */
  readonly parent?: { readonly objects: OpenDirectory; readonly mode: StoreMode } | undefined;
}

/** What became of the objects of a part; `bytes` counts the content written. */
export interface DeltaPartStats {
  readonly written: number;
  readonly present: number;
  readonly bytes: number;
}

/**
 * Carries out the operations of one part: writes into `staging` what neither `objects` nor `staging` has, each object whole
 * and proven to have its checksum. Not durable. `InvalidFormat`, `LimitExceeded`, `CorruptObject` (the part, or an object
 * it makes) and `MissingObject` (an old file it builds on); what was written before stays.
 */
export async function applyDeltaPart(request: DeltaPartRequest, options: BulkOptions = {}): Promise<DeltaPartStats> {
  const args = {
    ...('fd' in request.part ? request.part : { data: [request.part.data] }),
    ...(request.checksum === undefined ? {} : { checksum: checksumToBytes(request.checksum) }),
    records: request.records,
    maxContentBytes: request.maxContentBytes,
    maxPayloadBytes: request.maxPayloadBytes,
    objects: request.objects.fd,
    staging: request.staging.fd,
    mode: request.mode,
    parentObjects: request.parent?.objects.fd ?? -1,
    parentMode: request.parent?.mode ?? request.mode,
  };
  return (await bulkCall(
    'applyDeltaPart',
    'Could not apply a part of a static delta',
    args,
    options,
  )) as DeltaPartStats;
}

/**
 * The content of one or several xz streams in a row. `InvalidFormat` if they are damaged or end early, `LimitExceeded` past
 * `maxBytes`, or if decoding needs more than `memoryLimitBytes` (256 MiB by default).
 */
export async function decodeXz(
  data: Uint8Array,
  limits: { readonly maxBytes: number; readonly memoryLimitBytes?: number },
  options: BulkOptions = {},
): Promise<Uint8Array> {
  const { maxBytes, memoryLimitBytes } = limits;
  const args = {
    data: [data],
    maxBytes,
    ...(memoryLimitBytes === undefined ? {} : { memoryLimit: memoryLimitBytes }),
  };
  return (await bulkCall('decodeXz', 'Could not decompress', args, options)) as Uint8Array;
}
