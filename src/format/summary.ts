import { AtomicError, checksumFromBytes, checksumToBytes, type Checksum } from '../base/index.ts';
import { decodeVariant, encodeVariant, type VariantDict } from './gvariant.ts';
import { maxMetadataObjectBytes } from './limits.ts';
import { isRefName } from './refspec.ts';
import { compareBytes } from './text.ts';

/** What a summary says about one ref. */
export interface SummaryRef {
  readonly checksum: Checksum;
  /** Size of the commit object. */
  readonly commitSizeBytes: number;
  readonly metadata: VariantDict;
}

/** What a repository offers: its refs in byte order, and facts about itself. */
export interface Summary {
  readonly refs: ReadonlyMap<string, SummaryRef>;
  readonly metadata: VariantDict;
}

const summaryType = '(a(s(taya{sv}))a{sv})';
type RefItem = readonly [string, readonly [bigint, Uint8Array, VariantDict]];

/** The bytes of a `summary` file; refs are sorted. OSTree repository format: summary. */
export function encodeSummary(summary: Summary): Uint8Array {
  const refs = [...summary.refs].toSorted(([a], [b]) => compareBytes(a, b));
  const items = refs.map(([name, ref]) => {
    if (!isRefName(name)) throw badSummary(`${JSON.stringify(name)} is not a ref name`);
    return [name, [BigInt(ref.commitSizeBytes), checksumToBytes(ref.checksum), ref.metadata]];
  });
  return encodeVariant(summaryType, [items, summary.metadata]);
}

/**
 * What a `summary` file says. `InvalidFormat` if it is not in normal form, a ref name could leave the refs directory,
 * or the refs are not in strict order.
 */
export function decodeSummary(bytes: Uint8Array): Summary {
  if (bytes.length > maxMetadataObjectBytes) throw new AtomicError('LimitExceeded', 'Summary is too large');
  const [items, metadata] = decodeVariant(summaryType, bytes) as readonly [readonly RefItem[], VariantDict];
  const refs = new Map<string, SummaryRef>();
  let previous: string | undefined;
  for (const [name, [size, checksum, refMetadata]] of items) {
    if (!isRefName(name)) throw badSummary(`${JSON.stringify(name.slice(0, 80))} is not a ref name`);
    if (previous !== undefined && compareBytes(previous, name) >= 0) throw badSummary('refs are not in order');
    previous = name;
    const commitSizeBytes = Number(size);
    if (commitSizeBytes > maxMetadataObjectBytes) throw badSummary(`commit of ${size} bytes`);
    refs.set(name, { checksum: checksumFromBytes(checksum), commitSizeBytes, metadata: refMetadata });
  }
  return { refs, metadata };
}

function badSummary(reason: string): AtomicError {
  return new AtomicError('InvalidFormat', `Invalid summary: ${reason}`);
}
