import { AtomicError, checksumFromBytes, isChecksum, type Checksum } from '../base/index.ts';
import { decodeVariant, type VariantDict } from './gvariant.ts';
import { maxMetadataObjectBytes } from './limits.ts';

/** Which commits a static delta leads from and to. */
export interface DeltaEnds {
  /** Undefined: it starts from nothing. */
  readonly from: Checksum | undefined;
  readonly to: Checksum;
}

/** A static delta that a summary or an index lists. */
export interface DeltaOffer extends DeltaEnds {
  /** Of the file `superblock`. */
  readonly superblockChecksum: Checksum;
}

/** The 32 bytes of a checksum in base64 without padding. */
const encodedDigits = 43;

/** The name of a delta in summaries and on command lines: `FROM-TO`, or `TO` alone. */
export function deltaName({ from, to }: DeltaEnds): string {
  return from === undefined ? to : `${from}-${to}`;
}

/** The delta of that name (`FROM-TO` or `TO`, in hex digits); undefined if it is none. */
export function parseDeltaName(name: string): DeltaEnds | undefined {
  const [first = '', second, ...rest] = name.split('-');
  if (rest.length > 0 || !isChecksum(first)) return undefined;
  if (second === undefined) return { from: undefined, to: first };
  return isChecksum(second) ? { from: first, to: second } : undefined;
}

/** The directory of a delta, relative to its repo; holds `superblock` and the parts `0`, `1`, …. */
export function deltaPath({ from, to }: DeltaEnds): string {
  const name = from === undefined ? shortName(to) : `${shortName(from)}-${shortName(to)}`;
  return `deltas/${name.slice(0, 2)}/${name.slice(2)}`;
}

/** The file that lists all deltas to a commit, relative to its repo. */
export function deltaIndexPath(to: Checksum): string {
  const name = shortName(to);
  return `delta-indexes/${name.slice(0, 2)}/${name.slice(2)}.index`;
}

/** The delta whose directory is `deltas/OUTER/INNER`; undefined if those are not such names. */
export function parseDeltaPath(outer: string, inner: string): DeltaEnds | undefined {
  const name = `${outer}${inner}`;
  const from = name.length > encodedDigits ? decodeShortName(name.slice(0, encodedDigits)) : undefined;
  const to = decodeShortName(name.slice(-encodedDigits));
  const expected = from === undefined ? encodedDigits : 2 * encodedDigits + 1;
  return to === undefined || name.length !== expected ? undefined : { from, to };
}

/** The deltas listed under `ostree.static-deltas`; what is not one is left out. */
export function deltaOffers(metadata: VariantDict): readonly DeltaOffer[] {
  const item = metadata.get('ostree.static-deltas');
  if (item?.type !== 'a{sv}') return [];
  return [...(item.value as VariantDict)].flatMap(([name, { type, value }]) => {
    const ends = parseDeltaName(name);
    if (ends === undefined || type !== 'ay' || !(value instanceof Uint8Array) || value.length !== 32) return [];
    return [{ ...ends, superblockChecksum: checksumFromBytes(value) }];
  });
}

/** What a delta index says: the deltas it lists. `InvalidFormat` if it is not in normal form. */
export function decodeDeltaIndex(bytes: Uint8Array): readonly DeltaOffer[] {
  if (bytes.length > maxMetadataObjectBytes) throw new AtomicError('LimitExceeded', 'Delta index is too large');
  return deltaOffers(decodeVariant('a{sv}', bytes) as VariantDict);
}

/** Base64 with `_` for `/`, which cannot stand in a name, and without its padding. */
function shortName(checksum: Checksum): string {
  return Buffer.from(checksum, 'hex').toString('base64').replaceAll('/', '_').slice(0, encodedDigits);
}

function decodeShortName(text: string): Checksum | undefined {
  const hex = Buffer.from(text.replaceAll('_', '/'), 'base64').toString('hex');
  return isChecksum(hex) ? hex : undefined;
}
