import { AtomicError, checksumFromBytes, checksumToBytes, type Checksum } from '../base/index.ts';
import { decodeVariant, encodeVariant, swap64, type VariantDict, type VariantValue } from './gvariant.ts';
import { maxMetadataObjectBytes } from './limits.ts';

/** One version of a tree. */
export interface Commit {
  readonly metadata: VariantDict;
  readonly parent: Checksum | undefined;
  readonly subject: string;
  readonly body: string;
  /** Seconds since 1970. */
  readonly timestampSeconds: number;
  readonly rootTree: Checksum;
  readonly rootMeta: Checksum;
}

const commitType = '(a{sv}aya(say)sstayay)';

/** The bytes of a commit object, whose SHA-256 is its name. OSTree repository format: commit objects. */
export function encodeCommit(commit: Commit): Uint8Array {
  if (!Number.isSafeInteger(commit.timestampSeconds) || commit.timestampSeconds < 0) {
    throw new AtomicError('InvalidFormat', `Invalid commit: timestamp ${commit.timestampSeconds}`);
  }
  return encodeVariant(commitType, [
    commit.metadata,
    commit.parent === undefined ? new Uint8Array() : checksumToBytes(commit.parent),
    [],
    commit.subject,
    commit.body,
    swap64(BigInt(commit.timestampSeconds)),
    checksumToBytes(commit.rootTree),
    checksumToBytes(commit.rootMeta),
  ]);
}

type CommitTuple = readonly [
  VariantDict,
  Uint8Array,
  readonly VariantValue[],
  string,
  string,
  bigint,
  Uint8Array,
  Uint8Array,
];

/** What a commit object says; `InvalidFormat` if it is not one, or names related objects (nobody ever wrote any). */
export function decodeCommit(bytes: Uint8Array): Commit {
  if (bytes.length > maxMetadataObjectBytes) throw new AtomicError('LimitExceeded', 'Commit object is too large');
  const tuple = decodeVariant(commitType, bytes) as CommitTuple;
  const [metadata, parent, related, subject, body, timestamp, rootTree, rootMeta] = tuple;
  if (related.length > 0) throw new AtomicError('InvalidFormat', 'Invalid commit: it has related objects');
  const timestampSeconds = Number(swap64(timestamp));
  if (!Number.isSafeInteger(timestampSeconds)) throw new AtomicError('InvalidFormat', 'Invalid commit: bad timestamp');
  return {
    metadata,
    parent: parent.length === 0 ? undefined : checksumFromBytes(parent, 'parent of a commit'),
    subject,
    body,
    timestampSeconds,
    rootTree: checksumFromBytes(rootTree, 'root of a commit'),
    rootMeta: checksumFromBytes(rootMeta, 'root of a commit'),
  };
}

/** The text under `key` in the commit's metadata; undefined if it is absent or not a string. */
export function metadataString(commit: Commit, key: string): string | undefined {
  const item = commit.metadata.get(key);
  return item?.type === 's' && typeof item.value === 'string' ? item.value : undefined;
}

/** The list of texts (`as`) under `key` in the commit's metadata; undefined if it is absent or of another type. */
export function metadataStrings(commit: Commit, key: string): readonly string[] | undefined {
  const item = commit.metadata.get(key);
  return item?.type === 'as' ? (item.value as readonly string[]) : undefined;
}

/** The human version of the tree, if the commit carries one. */
export function commitVersion(commit: Commit): string | undefined {
  return metadataString(commit, 'version');
}
