import { type AtomicError, type Checksum, isAtomicError, type Job, throwIfCancelled } from '../base/index.ts';
import { type Commit, decodeCommit, decodeDirMeta, detachedDeltaMetadata } from '../format/index.ts';
import { createBreather, type MetadataType, type OpenDelta, type Staging } from '../repo/index.ts';
import type { ObjectBringer } from './commit-pull.ts';
import { ContentStore } from './content-store.ts';
import { applyFetchedDelta, type DeltaPlace } from './delta-pull.ts';
import { maxBufferedBytes, maxReportsPerSecond, maxRequestsInFlight, smallBodyBytes } from './limits.ts';
import { PullProgress } from './pull-progress.ts';
import type { RemoteSource } from './remote-source.ts';
import { TreeWalk, type Wanted, type WantedTree } from './tree-walk.ts';
import { Turns } from './turns.ts';
import { WorkQueue } from './work-queue.ts';

/**
 * Brings the missing objects of commits into a staging: walks the trees breadth first, fetches what is missing with up to
 * {@link maxRequestsInFlight} requests, checks everything, and holds no more than {@link maxBufferedBytes} of bodies in
 * memory. The first failure ends all of it; what has been stored stays in the staging for the next pull.
 */
export class ObjectPull implements ObjectBringer {
  readonly progress: PullProgress;
  readonly #walk: TreeWalk;
  readonly #source: RemoteSource;
  readonly #staging: Staging;
  readonly #queue: WorkQueue<Wanted>;
  readonly #store: ContentStore;
  readonly #job: Job;
  #delta: { readonly place: DeltaPlace; readonly open: OpenDelta } | undefined;
  #fetchedDeltaParts = 0;
  /** Of metadata too large for a small body: decoded, one object may take half a gigabyte. */
  readonly #largeTurns = new Turns();

  constructor(source: RemoteSource, staging: Staging, job: Job) {
    this.#source = source;
    this.#staging = staging;
    this.#job = job;
    this.#queue = new WorkQueue<Wanted>({
      maxRunning: maxRequestsInFlight,
      mayStart: () => this.#store.bufferedBytes + (this.#queue.running + 1) * smallBodyBytes <= maxBufferedBytes,
      run: (item) => this.#bring(item),
      // The store goes on: what has arrived whole need not be fetched again.
      onFailure: () => source.stop(),
    });
    this.#store = new ContentStore(
      staging,
      { onStored: (n) => this.#stored(n), onFailure: (e) => this.#queue.fail(e) },
      job,
    );
    this.#walk = new TreeWalk({ staging, breathe: createBreather(job), want: (item) => this.#want(item) });
    this.progress = new PullProgress(job, () => ({
      outstandingFetches: this.#queue.running,
      outstandingWrites: this.#store.outstanding,
      scannedMetadata: this.#walk.scanned,
      transferredBytes: source.transferredBytes,
    }));
  }

  get fetchedDeltaParts(): number {
    return this.#fetchedDeltaParts;
  }

  /** Lets a delta make what it can of the commit it leads to; undefined: objects alone. */
  useDelta(place: DeltaPlace, open: OpenDelta | undefined): void {
    this.#delta = open === undefined ? undefined : { place, open };
  }

  async bringTree(commit: Commit, complete: readonly Commit[]): Promise<void> {
    // A single large file ends nothing for minutes, and its bytes are news too.
    const timer = setInterval(() => this.progress.tell(), 1000 / maxReportsPerSecond);
    try {
      await this.#applyDelta(commit);
      // What the delta has made is found in the staging; what it left out or could not make is fetched.
      this.#walk.begin(commit, complete);
      await this.#queue.drain();
    } finally {
      await this.#store.settle();
      clearInterval(timer);
    }
    // The last batch may have failed after the last fetch had ended.
    await this.#queue.drain();
    throwIfCancelled(this.#job);
  }

  /** Only for the tree it leads to: parents of the commit are brought by the same pull. */
  async #applyDelta(commit: Commit): Promise<void> {
    const delta = this.#delta;
    if (delta === undefined || decodeCommit(delta.open.superblock.commit).rootTree !== commit.rootTree) return;
    this.#delta = undefined;
    this.#fetchedDeltaParts += await applyFetchedDelta(delta.place, delta.open, this.#job);
  }

  async fetchCommit(checksum: Checksum, sizeBytes: number | undefined): Promise<Uint8Array | undefined> {
    const carried = this.#delta?.open.superblock;
    if (carried?.to === checksum) return carried.commit;
    const bytes = await this.#source.fetchMetadata('commit', checksum, {
      maxBytes: sizeBytes,
      maxReason: 'the size the summary names',
      spoolDir: this.#staging.dir,
    });
    if (bytes === undefined) return undefined;
    this.progress.requestedMetadata += 1;
    this.progress.fetchedMetadata += 1;
    return bytes;
  }

  readHere(type: MetadataType, checksum: Checksum): Uint8Array | undefined {
    return this.#walk.readHere(type, checksum);
  }

  /** The server's first: a commit may have been signed after the delta was made. */
  async fetchCommitMeta(checksum: Checksum): Promise<Uint8Array | undefined> {
    const carried = this.#delta?.open.superblock;
    const theirs = await this.#source.fetchCommitMeta(checksum);
    return theirs ?? (carried?.to === checksum ? detachedDeltaMetadata(carried) : undefined);
  }

  missing(type: MetadataType | 'file', checksum: Checksum): AtomicError {
    return this.#source.missing(type, checksum);
  }

  invalid(type: MetadataType | 'commitmeta', checksum: Checksum, error: unknown): AtomicError {
    return this.#source.invalid(type, checksum, error);
  }

  /** Queues what the walk has found missing. Metadata first: it tells what else is to be fetched. */
  #want(item: Wanted): void {
    if (item.type === 'file') this.progress.requestedContent += 1;
    else this.progress.requestedMetadata += 1;
    this.#queue.push(item, item.type !== 'file');
  }

  /** One item of the queue, from request to staging (for a file: to the store that stages it). */
  async #bring(item: Wanted): Promise<void> {
    throwIfCancelled(this.#job);
    if (item.type === 'dirtree') await this.#bringTree(item);
    else if (item.type === 'dirmeta') await this.#bringMeta(item.checksum);
    else await this.#bringFile(item.checksum);
    this.progress.tell();
  }

  /** Scans before staging: a dirtree that cannot be read never gets in. */
  async #bringTree(item: WantedTree): Promise<void> {
    const here = this.#walk.readHere('dirtree', item.checksum);
    if (here === undefined) await this.#withFetched('dirtree', item.checksum, (bytes) => this.#scan(item, bytes));
    else await this.#scan(item, here);
    this.progress.requestedMetadata -= here === undefined ? 0 : 1;
    this.progress.fetchedMetadata += here === undefined ? 1 : 0;
  }

  /** Looks into a directory; what is none is the remote's error. */
  async #scan(item: WantedTree, bytes: Uint8Array): Promise<void> {
    try {
      await this.#walk.scan(item, bytes);
    } catch (error) {
      if (!isAtomicError(error, 'InvalidFormat')) throw error;
      throw this.#source.invalid('dirtree', item.checksum, error);
    }
  }

  /** Fetches a dirmeta and stages it if it is one. */
  async #bringMeta(checksum: Checksum): Promise<void> {
    await this.#withFetched('dirmeta', checksum, (bytes) => {
      try {
        decodeDirMeta(bytes);
      } catch (error) {
        throw this.#source.invalid('dirmeta', checksum, error);
      }
    });
    this.progress.fetchedMetadata += 1;
  }

  /** Fetches a file object and hands it to the store, which checks it. */
  async #bringFile(checksum: Checksum): Promise<void> {
    const limits = { maxBytes: this.#store.maxFileBytes, spoolDir: this.#staging.dir };
    const file = await this.#source.fetchFile(checksum, limits);
    if (file === undefined) throw this.#source.missing('file', checksum);
    this.#store.add(checksum, file);
  }

  /** Fetches a tree object that the commit needs and stages it after `use`; absent is an error of the remote. */
  async #withFetched(
    type: 'dirtree' | 'dirmeta',
    checksum: Checksum,
    use: (bytes: Uint8Array) => Promise<void> | void,
  ): Promise<void> {
    const turn = { end: (): void => undefined };
    const beforeLarge = async (): Promise<void> => {
      turn.end = await this.#largeTurns.take();
    };
    try {
      const bytes = await this.#source.fetchMetadata(type, checksum, { spoolDir: this.#staging.dir, beforeLarge });
      if (bytes === undefined) throw this.#source.missing(type, checksum);
      await use(bytes);
      this.#staging.writeMetadata(type, bytes);
    } finally {
      turn.end();
    }
  }

  /** Files were stored: their memory is free, so more may be fetched. */
  #stored(files: number): void {
    this.progress.fetchedContent += files;
    this.progress.tell();
    this.#queue.kick();
  }
}
