import { AtomicError, type Checksum, type Job, throwIfCancelled } from '../base/index.ts';
import type { Commit } from '../format/index.ts';
import { importObjects, ingestFilez, ingestFilezFd, sys, type IngestResult } from '../platform/index.ts';
import {
  beginStaging,
  corruptObject,
  createBreather,
  loadCommitMetaBytes,
  loadMetadata,
  type MetadataType,
  missingObject,
  objectPathIn,
  type Repo,
  type Staging,
  tryLoadMetadata,
} from '../repo/index.ts';
import { encodeArchived } from './encode-archived.ts';
import { bringCommit, type ObjectBringer } from './commit-pull.ts';
import { isComplete } from './local-commits.ts';
import type { PullLocalOptions, PullOptions, PullResult, RemoteRef } from './pull-options.ts';
import { PullProgress } from './pull-progress.ts';
import { refChanges } from './ref-changes.ts';
import { RemoteSignatures } from './remote-signatures.ts';
import { localRefs, requireRepoSummary, resolveInRepo } from './resolve-ref.ts';
import { withNamedErrors } from './system-errors.ts';
import { TreeWalk, type Wanted, type WantedTree } from './tree-walk.ts';

/** Objects linked or copied in one native call: enough to keep the threads busy, few enough to report in between. */
const maxBatchObjects = 4096;

/** Converted objects held in memory at once, so that one call has work for all threads. */
const maxConvertedBytes = 16 * 1024 * 1024;

/** Files of an archive repo opened at once; each costs a descriptor. */
const maxOpenFiles = 128;

/** A pull between repos: what `pullLocal` is told, and what a `file:` remote adds. */
export type RepoPullOptions = PullLocalOptions &
  Pick<PullOptions, 'mirror' | 'overrideCommits' | 'timestampCheck' | 'timestampCheckFrom' | 'disableBindings'>;

/**
 * Brings commits of another repo of this machine into `repo`: by hard link where both have the same mode and file system,
 * by reflink or copy otherwise; between modes file objects are turned into those of `repo`. On return objects are durable and refs name
 * them. The other repo is trusted unless `untrusted`, which copies and hashes everything again. `NotSupported` for modes
 * that cannot be turned into each other. OSTree repository format: local import.
 */
export function pullLocal(repo: Repo, options: PullLocalOptions, job: Job): Promise<PullResult> {
  return withNamedErrors(repo, () => pullFromRepo(repo, { ...options, disableBindings: true }, job));
}

/** As {@link pullLocal}, with everything a remote may ask for. */
export async function pullFromRepo(repo: Repo, options: RepoPullOptions, job: Job): Promise<PullResult> {
  const { source } = options;
  requireWhole(source);
  job.report({ kind: 'phase', text: `Importing from ${source.path}` });
  const { signedFor, systemTrust } = options;
  const signatures = signedFor === undefined ? undefined : new RemoteSignatures(repo, signedFor, systemTrust);
  const wanted = resolveWanted(options);
  if (signatures !== undefined) await requireRepoSummary(source, signatures, [...wanted.keys()]);
  await using staging = await beginStaging(repo, job);
  const objects = new RepoPull(options, staging, job);
  for (const [name, ref] of wanted) await bringCommit(objects, staging, { ...options, name, ref, signatures });
  await staging.publish(refChanges(options, wanted));
  objects.progress.finish();
  return {
    refs: new Map([...wanted].map(([name, { checksum }]) => [name, checksum])),
    fetchedMetadata: objects.progress.fetchedMetadata,
    fetchedContent: objects.progress.fetchedContent,
    transferredBytes: objects.copiedBytes,
  };
}

/** A commit of a repo with a parent lies in more than one place; refused by name. */
function requireWhole(source: Repo): void {
  if (source.parent === undefined) return;
  throw new AtomicError('NotSupported', `Cannot import objects: ${source.path} has a parent repo`, {
    facts: { source: source.path },
    hint: 'Pull into a repo without core.parent first.',
  });
}

/** The commits asked for; each must be complete in the source. */
function resolveWanted(options: RepoPullOptions): ReadonlyMap<string, RemoteRef> {
  const { source, refs, overrideCommits } = options;
  const names = refs.length > 0 ? refs : [...localRefs(source).keys()];
  const wanted = new Map<string, RemoteRef>();
  for (const name of names) {
    const checksum =
      overrideCommits?.get(name) ?? resolveInRepo(source, options.remoteName ?? source.path, name).checksum;
    wanted.set(name, { checksum, commitSizeBytes: undefined });
    if (isComplete(source, checksum) || options.commitMetadataOnly === true) continue;
    // A commit that is absent is reported as such below; one that is here but lacks objects would end half-way.
    if (tryLoadMetadata(source, 'commit', checksum) === undefined)
      throw missingObject(source, { type: 'commit', checksum });
    throw new AtomicError('MissingObject', `Commit ${checksum} is not complete in ${source.path}`, {
      facts: { checksum, source: source.path },
      hint: 'Pull it completely into that repo first.',
    });
  }
  return wanted;
}

/** Takes over the missing objects of commits from another repo, in batches. */
class RepoPull implements ObjectBringer {
  readonly progress: PullProgress;
  copiedBytes = 0;
  readonly #source: Repo;
  readonly #untrusted: boolean;
  readonly #staging: Staging;
  readonly #job: Job;
  readonly #walk: TreeWalk;
  #trees: WantedTree[] = [];
  #metadataNames: string[] = [];
  #files: Checksum[] = [];

  constructor(options: RepoPullOptions, staging: Staging, job: Job) {
    this.#source = options.source;
    this.#untrusted = options.untrusted === true;
    this.#staging = staging;
    this.#job = job;
    this.#walk = new TreeWalk({ staging, breathe: createBreather(job), want: (item) => this.#want(item) });
    this.progress = new PullProgress(job, () => ({
      outstandingFetches: 0,
      outstandingWrites: this.#files.length + this.#metadataNames.length,
      scannedMetadata: this.#walk.scanned,
      transferredBytes: this.copiedBytes,
    }));
  }

  async bringTree(commit: Commit, complete: readonly Commit[]): Promise<void> {
    this.#walk.begin(commit, complete);
    for (let item = this.#trees.pop(); item !== undefined; item = this.#trees.pop()) {
      await this.#look(item);
      if (this.#files.length + this.#metadataNames.length >= maxBatchObjects) await this.#import();
    }
    await this.#import();
  }

  fetchCommit(checksum: Checksum): Promise<Uint8Array | undefined> {
    return Promise.resolve(tryLoadMetadata(this.#source, 'commit', checksum));
  }

  fetchCommitMeta(checksum: Checksum): Promise<Uint8Array | undefined> {
    return Promise.resolve(loadCommitMetaBytes(this.#source, checksum));
  }

  readHere(type: MetadataType, checksum: Checksum): Uint8Array | undefined {
    return this.#walk.readHere(type, checksum);
  }

  missing(type: MetadataType, checksum: Checksum): AtomicError {
    return missingObject(this.#source, { type, checksum });
  }

  invalid(type: MetadataType | 'commitmeta', checksum: Checksum, error: unknown): AtomicError {
    return corruptObject(this.#source, { type, checksum }, error instanceof Error ? error.message : String(error));
  }

  /** Sorts what the walk has found missing into what is looked into and what is imported. */
  #want(item: Wanted): void {
    if (item.type === 'dirtree') this.#trees.push(item);
    else if (item.type === 'dirmeta') this.#wantMetadata('dirmeta', item.checksum);
    else {
      this.#files.push(item.checksum);
      this.progress.requestedContent += 1;
    }
  }

  /** Lists a metadata object for import; reading it checks it when the other repo is not trusted. */
  #wantMetadata(type: MetadataType, checksum: Checksum): void {
    if (this.#untrusted) loadMetadata(this.#source, type, checksum);
    this.#metadataNames.push(objectPathIn(this.#source, checksum, type));
    this.progress.requestedMetadata += 1;
  }

  /** Looks into one directory, here or in the source. */
  async #look(item: WantedTree): Promise<void> {
    const here = this.#walk.readHere('dirtree', item.checksum);
    const bytes = here ?? loadMetadata(this.#source, 'dirtree', item.checksum);
    await this.#walk.scan(item, bytes);
    if (here === undefined) this.#wantMetadata('dirtree', item.checksum);
  }

  /** Brings everything listed so far into the staging, metadata first. */
  async #import(): Promise<void> {
    throwIfCancelled(this.#job);
    const names = this.#metadataNames;
    const files = this.#files;
    this.#metadataNames = [];
    this.#files = [];
    await this.#importNames(names);
    this.progress.fetchedMetadata += names.length;
    if (this.#source.mode === this.#staging.repo.mode) {
      await this.#importNames(files.map((checksum) => objectPathIn(this.#source, checksum, 'file')));
      this.progress.fetchedContent += files.length;
    } else if (this.#source.mode === 'archive') {
      await this.#unpack(files);
    } else {
      await this.#convert(files);
    }
    this.progress.tell();
  }

  /** Links or copies objects as they are. */
  async #importNames(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const { repo, dir } = this.#staging;
    const stats = await importObjects(
      {
        from: this.#source.objects,
        objects: repo.objects,
        staging: dir,
        mode: repo.mode,
        names,
        how: this.#untrusted ? 'copy' : 'link',
        verify: this.#untrusted,
      },
      { signal: this.#job.signal },
    );
    this.copiedBytes += stats.bytes;
  }

  /** Archive to bare: the native threads inflate from open files. That checks each object, trusted or not. */
  async #unpack(files: readonly Checksum[]): Promise<void> {
    for (let start = 0; start < files.length; start += maxOpenFiles) {
      throwIfCancelled(this.#job);
      const items: { checksum: Checksum; fd: number }[] = [];
      try {
        for (const checksum of files.slice(start, start + maxOpenFiles))
          items.push({ checksum, fd: this.#open(checksum) });
        await this.#unpackOpen(items);
      } finally {
        for (const { fd } of items) sys.close(fd);
      }
      this.progress.fetchedContent += items.length;
      this.progress.tell();
    }
  }

  /** Any mode to any other: through the archive form, which the native threads unpack, check and store. */
  async #convert(files: readonly Checksum[]): Promise<void> {
    const level = this.#staging.repo.settings.zlibLevel;
    let items: { checksum: Checksum; data: Uint8Array }[] = [];
    let bytes = 0;
    for (const [index, checksum] of files.entries()) {
      throwIfCancelled(this.#job);
      const data = encodeArchived(this.#source, checksum, level);
      items.push({ checksum, data });
      bytes += data.length;
      if (bytes < maxConvertedBytes && index < files.length - 1) continue;
      this.#require(await ingestFilez(items, this.#target(), { signal: this.#job.signal }), items);
      this.progress.fetchedContent += items.length;
      this.progress.tell();
      items = [];
      bytes = 0;
    }
  }

  /** The descriptor of a file object of the source. */
  #open(checksum: Checksum): number {
    const path = objectPathIn(this.#source, checksum, 'file');
    if (!this.#source.objects.exists(path)) throw missingObject(this.#source, { type: 'file', checksum });
    return this.#source.objects.openFile(path);
  }

  /** Inflates, checks and stages what is open; fails for the first object that is damaged. */
  async #unpackOpen(items: readonly { readonly checksum: Checksum; readonly fd: number }[]): Promise<void> {
    this.#require(await ingestFilezFd(items, this.#target(), { signal: this.#job.signal }), items);
  }

  #target() {
    const { repo, dir } = this.#staging;
    return { objects: repo.objects, staging: dir, mode: repo.mode };
  }

  /** Counts what was stored; throws for the first object that is damaged in the source. */
  #require(results: readonly IngestResult[], items: readonly { readonly checksum: Checksum }[]): void {
    results.forEach(({ status, actual, bytes }, index) => {
      const item = items[index];
      if (status !== 'corrupt' || item === undefined) {
        this.copiedBytes += bytes;
        return;
      }
      const reason = actual === undefined ? 'its content cannot be read' : `its checksum is ${actual}`;
      throw corruptObject(this.#source, { type: 'file', checksum: item.checksum }, reason);
    });
  }
}
