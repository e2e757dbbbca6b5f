import { checksumFromBytes, checksumToBytes, type Checksum } from '../base/index.ts';
import { bulkCall, type BulkOptions } from './bulk-call.ts';
import type { OpenDirectory } from './open-directory.ts';
import { decodeTreeListing, type TreeListing } from './tree-listing.ts';

/** The repo modes whose file objects the addon reads and writes. */
export type StoreMode = 'bare' | 'archive' | 'bare-user' | 'bare-user-only';

/** What is ingested, and how it is stored. */
export interface IngestTreeRequest {
  readonly source: OpenDirectory;
  readonly objects: OpenDirectory;
  readonly staging: OpenDirectory;
  readonly mode: StoreMode;
  /** 1–9, archive repos only; 6 by default. */
  readonly zlibLevel?: number;
  /** Owner 0:0, permissions masked with 0755, no extended attributes. */
  readonly canonicalPermissions?: boolean;
  readonly owner?: { readonly uid?: number | undefined; readonly gid?: number | undefined };
  readonly skipXattrs?: boolean;
  /** Paths below `source` that are left out with all below them. */
  readonly skipPaths?: readonly string[];
  /** New permission bits by path below `source` ('' is itself): those of `set` instead of, those of `add` besides its own. */
  readonly modes?: ReadonlyMap<string, { readonly set: number } | { readonly add: number }>;
  /** `NoSpace` before more bytes of new content than this are written; no limit by default. */
  readonly maxNewBytes?: bigint;
}

/** What is checked out, from where, to where. */
export interface CheckoutTreeRequest {
  readonly objects: OpenDirectory;
  readonly mode: StoreMode;
  /** Where an object is looked for that `objects` lacks; of the same mode. */
  readonly parentObjects?: OpenDirectory | undefined;
  readonly destination: OpenDirectory;
  /** The new directory's name in `destination`. */
  readonly name: string;
  readonly rootTree: Checksum;
  readonly rootMeta: Checksum;
  readonly how: 'link' | 'copy';
  /** No owners, no extended attributes, no set-id bits. */
  readonly userMode?: boolean;
  /** `fail` (default) refuses an existing `name`; `union` adds to it and replaces files. */
  readonly existing?: 'fail' | 'union';
}

/** What a checkout made. `bytes` counts copied content only. */
export interface CheckoutStats {
  readonly files: number;
  readonly symlinks: number;
  readonly directories: number;
  readonly bytes: number;
  readonly linked: number;
  readonly copied: number;
}

/** Where ingested objects go, and in which form. */
export interface IngestTarget {
  readonly objects: OpenDirectory;
  readonly staging: OpenDirectory;
  readonly mode: 'bare' | 'archive' | 'bare-user' | 'bare-user-only';
}

/** What became of a received object. `corrupt` comes with the checksum its content has, if it can be read at all. */
export interface IngestResult {
  readonly status: 'stored' | 'present' | 'corrupt';
  readonly actual?: Checksum;
  /** Size of the content. */
  readonly bytes: number;
}

/** What a look at a file object found. */
export interface VerifyResult {
  readonly status: 'ok' | 'missing' | 'corrupt';
  readonly actual?: Checksum;
}

/** Which objects of another repo of the same mode are taken over. */
export interface ImportRequest {
  /** The other repo's objects directory. */
  readonly from: OpenDirectory;
  readonly objects: OpenDirectory;
  readonly staging: OpenDirectory;
  readonly mode: StoreMode;
  /** As 'ab/cdef….file', relative to an objects directory. */
  readonly names: readonly string[];
  /** `link` falls back to a copy, object by object, where linking is impossible. */
  readonly how: 'link' | 'copy';
  /** Checks each object against its name first; `CorruptObject` names the first that fails. */
  readonly verify?: boolean;
}

/** What an import did; `bytes` counts copied content. */
export interface ImportStats {
  readonly linked: number;
  readonly copied: number;
  readonly present: number;
  readonly bytes: number;
}

/** An object found in an objects directory. */
export interface ListedObject {
  readonly checksum: Checksum;
  readonly type: ListedObjectType;
}

/** The types of objects that have a file of their own. */
export type ListedObjectType = (typeof listedTypes)[number];

const listedTypes = ['file', 'dirtree', 'dirmeta', 'commit', 'tombstone-commit', 'commitmeta', 'payload-link'] as const;

/**
 * Objects in a compact form: 33 bytes each instead of some hundred as JavaScript objects, which matters for the hundred
 * thousands of a real repo. Iterating makes the objects one at a time.
 */
export class ObjectList implements Iterable<ListedObject> {
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get length(): number {
    return this.#bytes.length / 33;
  }

  *[Symbol.iterator](): Iterator<ListedObject> {
    for (let at = 0; at < this.#bytes.length; at += 33) {
      const type = listedTypes[(this.#bytes[at] ?? 0) - 1];
      if (type !== undefined) yield { type, checksum: this.#bytes.toString('hex', at + 1, at + 33) as Checksum };
    }
  }
}

/** SHA-256 of each file's content, 32 bytes each in the order of `paths`; symlinks are followed. */
export async function hashFiles(paths: readonly string[], options: BulkOptions = {}): Promise<Uint8Array> {
  return (await bulkCall('hashFiles', 'Could not hash files', { paths }, options)) as Uint8Array;
}

/** SHA-256 of the contents of all files, one after the other, as of one file; 32 bytes. Symlinks are followed. */
export async function hashJoined(paths: readonly string[], options: BulkOptions = {}): Promise<Uint8Array> {
  return (await bulkCall('hashJoined', 'Could not hash files', { paths }, options)) as Uint8Array;
}

/**
 * Walks `source`, computes each file's OSTree checksum and writes into `staging` what neither `objects` nor `staging`
 * has: complete files under their final names, nothing if it fails. Not durable. `InvalidFormat` names an entry that a
 * commit cannot hold: a device, fifo or socket, or a name that is not UTF-8.
 */
export async function ingestTree(request: IngestTreeRequest, options: BulkOptions = {}): Promise<TreeListing> {
  const args = {
    source: request.source.fd,
    objects: request.objects.fd,
    staging: request.staging.fd,
    mode: request.mode,
    zlibLevel: request.zlibLevel ?? 6,
    canonicalPermissions: request.canonicalPermissions === true,
    uid: request.owner?.uid ?? -1,
    gid: request.owner?.gid ?? -1,
    skipXattrs: request.skipXattrs === true,
    skipPaths: request.skipPaths ?? [],
    ...modeArguments(request.modes ?? new Map()),
    maxNewBytes: Number(request.maxNewBytes ?? Number.MAX_SAFE_INTEGER),
  };
  return decodeTreeListing(
    (await bulkCall('ingestTree', `Could not read the tree ${request.source.path}`, args, options)) as Uint8Array,
  );
}

/** Texts only: `=0644` sets, `+04000` adds. */
function modeArguments(modes: NonNullable<IngestTreeRequest['modes']>) {
  return {
    modePaths: [...modes.keys()],
    modeTexts: Array.from(modes.values(), (mode) => ('set' in mode ? `=${mode.set}` : `+${mode.add}`)),
  };
}

/**
 * Makes the directory `name` as the commit's tree says: hard links to the objects or copies; empty files and what the
 * file system refuses to link are copied. Directory objects are checked against their names. Not durable.
 * `MissingObject` and `CorruptObject` name type and checksum. (OSTree: checkout.)
 */
export async function checkoutTree(request: CheckoutTreeRequest, options: BulkOptions = {}): Promise<CheckoutStats> {
  const args = {
    objects: request.objects.fd,
    parentObjects: request.parentObjects?.fd ?? -1,
    destination: request.destination.fd,
    name: request.name,
    mode: request.mode,
    rootTree: checksumToBytes(request.rootTree),
    rootMeta: checksumToBytes(request.rootMeta),
    link: request.how === 'link',
    userMode: request.userMode === true,
    union: request.existing === 'union',
  };
  const what = `Could not check out to ${request.destination.path}/${request.name}`;
  return (await bulkCall('checkoutTree', what, args, options)) as CheckoutStats;
}

/**
 * Checks each `.filez` received against its checksum while inflating it (at most the size its header names) and stores
 * it in the form of the repo's mode; an archive repo keeps the received bytes. One bad item does not stop the others.
 */
export async function ingestFilez(
  items: readonly { readonly checksum: Checksum; readonly data: Uint8Array }[],
  target: IngestTarget,
  options: BulkOptions = {},
): Promise<readonly IngestResult[]> {
  const data = items.map((item) => item.data);
  return await ingestAny(items, { data }, target, options);
}

/** As {@link ingestFilez}, from open files, read from their start; for objects too large to hold in memory. */
export async function ingestFilezFd(
  items: readonly { readonly checksum: Checksum; readonly fd: number }[],
  target: IngestTarget,
  options: BulkOptions = {},
): Promise<readonly IngestResult[]> {
  const fds = items.map((item) => item.fd);
  return await ingestAny(items, { fds }, target, options);
}

async function ingestAny(
  items: readonly { readonly checksum: Checksum }[],
  input: Readonly<Record<string, unknown>>,
  target: IngestTarget,
  options: BulkOptions,
): Promise<readonly IngestResult[]> {
  const checksums = joinChecksums(items.map((item) => item.checksum));
  const args = { ...input, checksums, objects: target.objects.fd, staging: target.staging.fd, mode: target.mode };
  const answer = (await bulkCall('ingestFilez', 'Could not store received objects', args, options)) as Uint8Array;
  const view = Buffer.from(answer.buffer, answer.byteOffset, answer.length);
  return items.map((_, index) => {
    const at = index * 41;
    const status = (['stored', 'present', 'corrupt', 'corrupt'] as const)[view[at] ?? 3] ?? 'corrupt';
    const bytes = Number(view.readBigUInt64LE(at + 33));
    return view[at] === 2
      ? { status, bytes, actual: checksumFromBytes(view.subarray(at + 1, at + 33)) }
      : { status, bytes };
  });
}

/** Compares file objects with their names: reads, inflates and hashes each. */
export async function verifyObjects(
  request: { readonly objects: OpenDirectory; readonly mode: StoreMode; readonly checksums: readonly Checksum[] },
  options: BulkOptions = {},
): Promise<readonly VerifyResult[]> {
  const args = { objects: request.objects.fd, mode: request.mode, checksums: joinChecksums(request.checksums) };
  const answer = (await bulkCall(
    'verifyObjects',
    `Could not check ${request.objects.path}`,
    args,
    options,
  )) as Uint8Array;
  return request.checksums.map((_, index) => {
    const at = index * 33;
    const status = (['ok', 'missing', 'corrupt', 'corrupt'] as const)[answer[at] ?? 3] ?? 'corrupt';
    return answer[at] === 2 ? { status, actual: checksumFromBytes(answer.slice(at + 1, at + 33)) } : { status };
  });
}

/** Brings objects of another repo of the same mode into `staging`, but for those already here. Not durable. */
export async function importObjects(request: ImportRequest, options: BulkOptions = {}): Promise<ImportStats> {
  const args = {
    from: request.from.fd,
    objects: request.objects.fd,
    staging: request.staging.fd,
    mode: request.mode,
    names: request.names,
    link: request.how === 'link',
    verify: request.verify === true,
  };
  return (await bulkCall('importObjects', `Could not import from ${request.from.path}`, args, options)) as ImportStats;
}

/**
 * Moves every staged object into `objects` and returns, with their number, when the names are on disk. The contents must
 * have been synced before. An object that is already there stays; only `.commitmeta` is replaced. Without `fsync` nothing is
 * durable on return.
 */
export async function publishStaging(
  request: { readonly staging: OpenDirectory; readonly objects: OpenDirectory; readonly fsync?: boolean },
  options: BulkOptions = {},
): Promise<number> {
  const args = { staging: request.staging.fd, objects: request.objects.fd, sync: request.fsync !== false };
  return (await bulkCall('publishStaging', `Could not publish into ${request.objects.path}`, args, options)) as number;
}

/** Every object below an objects directory, in no particular order; names that are none are skipped. */
export async function listObjects(objects: OpenDirectory, options: BulkOptions = {}): Promise<ObjectList> {
  const answer = await bulkCall('listObjects', `Could not list ${objects.path}`, { objects: objects.fd }, options);
  return new ObjectList(answer as Uint8Array);
}

/** Removes files (paths below `dir`); absent ones are fine. `bytes` is what no other name holds any more. */
export async function unlinkMany(
  dir: OpenDirectory,
  names: readonly string[],
  options: BulkOptions = {},
): Promise<{ readonly removed: number; readonly bytes: number }> {
  const answer = await bulkCall(
    'unlinkMany',
    `Could not remove files below ${dir.path}`,
    { dir: dir.fd, names },
    options,
  );
  return answer as { removed: number; bytes: number };
}

/** Removes files or whole trees, clearing the immutable attribute of their top first; absent ones are fine. Follows no symlink. */
export async function removeTrees(
  dir: OpenDirectory,
  names: readonly string[],
  options: BulkOptions = {},
): Promise<number> {
  return (await bulkCall(
    'removeTrees',
    `Could not remove ${names.join(', ')} below ${dir.path}`,
    { dir: dir.fd, names },
    options,
  )) as number;
}

/** Copies a tree with owners, modes, times and extended attributes to a name that must be free; never links. Not durable. */
export async function copyTree(
  request: {
    readonly from: OpenDirectory;
    readonly fromName: string;
    readonly to: OpenDirectory;
    readonly toName: string;
  },
  options: BulkOptions = {},
): Promise<{
  readonly files: number;
  readonly symlinks: number;
  readonly directories: number;
  readonly bytes: number;
}> {
  const args = { from: request.from.fd, fromName: request.fromName, to: request.to.fd, toName: request.toName };
  const what = `Could not copy ${request.from.path}/${request.fromName} to ${request.to.path}/${request.toName}`;
  return (await bulkCall('copyTree', what, args, options)) as {
    files: number;
    symlinks: number;
    directories: number;
    bytes: number;
  };
}

function joinChecksums(checksums: readonly Checksum[]): Uint8Array {
  return new Uint8Array(Buffer.from(checksums.join(''), 'hex'));
}
