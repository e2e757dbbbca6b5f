import { createHash } from 'node:crypto';
import type { Checksum, Job } from '../base/index.ts';
import {
  commitVersion,
  decodeSummary,
  encodeSummary,
  maxMetadataObjectBytes,
  swap64,
  variant,
  type Summary,
  type SummaryRef,
  type Variant,
  type VariantDict,
  type VariantValue,
} from '../format/index.ts';
import { systemClock, writeFileDurably } from '../platform/index.ts';
import { listDeltas } from './deltas.ts';
import { lockRepo } from './lock.ts';
import { loadCommit, loadMetadata } from './objects.ts';
import { listMirrorRefs, listRefs } from './refs.ts';
import type { Repo } from './repo.ts';
import { modeConfigName } from './settings.ts';

/** A superblock carries a whole commit and maybe its parts; more than a metadata object may have is refused. */
const maxSuperblockBytes = maxMetadataObjectBytes;

/**
 * Writes `summary`, the list of local refs for clients, durably and with the shared repo lock; an old signature of it is
 * removed, for it no longer fits. Signs nothing. OSTree repository format: summary.
 */
export async function writeSummary(repo: Repo, job: Job, extraMetadata: VariantDict = new Map()): Promise<void> {
  using _lock = await lockRepo(repo, 'shared', job);
  const summary: Summary = {
    refs: new Map(localRefs(repo).map(([ref, checksum]) => [ref, summaryRef(repo, checksum)])),
    metadata: new Map([...extraMetadata, ...globalMetadata(repo)]),
  };
  // In this order a client never sees the new summary with a signature of the old one.
  repo.dir.unlink('summary.sig');
  const bytes = encodeSummary(summary);
  if (repo.settings.fsync) writeFileDurably(repo.dir, 'summary', bytes, 0o644);
  else repo.dir.writeFile('summary', bytes, 0o644);
}

/** The repo's own summary; undefined if it has none. Throws `InvalidFormat` when it is damaged. */
export function readSummary(repo: Repo): Summary | undefined {
  const bytes = repo.dir.readFile('summary', maxMetadataObjectBytes);
  return bytes === undefined ? undefined : decodeSummary(bytes);
}

function localRefs(repo: Repo): (readonly [string, Checksum])[] {
  return [...listRefs(repo)].filter(([refspec]) => !refspec.includes(':'));
}

function summaryRef(repo: Repo, checksum: Checksum): SummaryRef {
  const commit = loadCommit(repo, checksum);
  const metadata = new Map<string, Variant>([
    ['ostree.commit.timestamp', variant('t', swap64(BigInt(commit.timestampSeconds)))],
  ]);
  const version = commitVersion(commit);
  if (version !== undefined) metadata.set('ostree.commit.version', variant('s', version));
  return { checksum, commitSizeBytes: loadMetadata(repo, 'commit', checksum).length, metadata };
}

function globalMetadata(repo: Repo): VariantDict {
  const { settings } = repo;
  const nowSeconds = BigInt(Math.floor(systemClock.now().getTime() / 1000));
  const metadata = new Map<string, Variant>([
    ['ostree.summary.mode', variant('s', modeConfigName(settings.mode))],
    ['ostree.summary.tombstone-commits', variant('b', settings.tombstoneCommits)],
    ['ostree.summary.indexed-deltas', variant('b', true)],
    ['ostree.summary.last-modified', variant('t', swap64(nowSeconds))],
  ]);
  if (settings.deltasInSummary) metadata.set('ostree.static-deltas', variant('a{sv}', deltaMap(repo)));
  if (settings.collectionId !== undefined) {
    metadata.set('ostree.summary.collection-id', variant('s', settings.collectionId));
    metadata.set('ostree.summary.collection-map', variant('a{sa(s(taya{sv}))}', collectionMap(repo)));
  }
  return metadata;
}

/** Delta names with the checksums of their superblock files. */
function deltaMap(repo: Repo): VariantDict {
  const deltas = new Map<string, Variant>();
  for (const { from, to, path } of listDeltas(repo)) {
    const superblock = repo.dir.readFile(`${path}/superblock`, maxSuperblockBytes);
    if (superblock === undefined) continue;
    const digest = new Uint8Array(createHash('sha256').update(superblock).digest());
    deltas.set(from === undefined ? to : `${from}-${to}`, variant('ay', digest));
  }
  return deltas;
}

/** The mirrored refs by collection, each list in byte order. */
function collectionMap(repo: Repo): ReadonlyMap<string, VariantValue> {
  const collections = new Map<string, VariantValue[]>();
  const refs = listMirrorRefs(repo).toSorted((left, right) => (left.ref < right.ref ? -1 : 1));
  for (const { collection, ref, checksum } of refs) {
    if (collection === repo.settings.collectionId) continue;
    const { commitSizeBytes, metadata } = summaryRef(repo, checksum);
    const items = collections.get(collection) ?? [];
    items.push([ref, [BigInt(commitSizeBytes), new Uint8Array(Buffer.from(checksum, 'hex')), metadata]]);
    collections.set(collection, items);
  }
  return collections;
}
