import type { Checksum, Job } from '../base/index.ts';
import { ingestFilez, ingestFilezFd, sys } from '../platform/index.ts';
import { freeSpaceBudget, requireFreeSpace, type Staging } from '../repo/index.ts';
import { prefixBytes } from './body-sink.ts';
import { claimedContentBytes, corruptObject, type FetchedFile } from './remote-source.ts';

/** A batch given to the native threads: enough to keep them busy, small enough to report progress between two. */
const maxBatchBytes = 16 * 1024 * 1024;
const maxBatchFiles = 1024;

/** A file object that arrived and is not yet checked. */
interface Arrived extends FetchedFile {
  readonly checksum: Checksum;
  /** What its content takes in a repo that stores it inflated. */
  readonly contentBytes: bigint;
}

/** What a store tells its owner. */
export interface ContentStoreEvents {
  /** So many files were stored; their memory is free again. */
  readonly onStored: (files: number) => void;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Checks and stores arrived file objects in batches on the native threads, one batch at a time: what arrives meanwhile is
 * the next batch. A file whose bytes are not those of its checksum fails with `CorruptObject` and is not stored; content
 * that would touch the repo's free-space reserve fails with `NoSpace`.
 */
export class ContentStore {
  readonly #staging: Staging;
  readonly #job: Job;
  readonly #events: ContentStoreEvents;
  #arrived: Arrived[] = [];
  #bufferedBytes = 0;
  #outstanding = 0;
  #pump: Promise<void> | undefined;
  #budget: bigint;
  #failed = false;

  constructor(staging: Staging, events: ContentStoreEvents, job: Job) {
    this.#staging = staging;
    this.#events = events;
    this.#job = job;
    this.#budget = freeSpaceBudget(staging.repo);
  }

  /** Bytes of bodies held in memory, those of the running batch included. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Files arrived and not yet stored. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** The largest body that may still be fetched. */
  get maxFileBytes(): number {
    return Math.max(0, Math.min(Number(this.#budget), Number.MAX_SAFE_INTEGER));
  }

  /** Takes over an arrived file; its descriptor is closed when it is stored or given up. */
  add(checksum: Checksum, file: FetchedFile): void {
    try {
      const contentBytes = contentSizeOf(file);
      this.#reserve(this.#staging.repo.mode === 'archive' ? BigInt(bodySize(file)) : contentBytes);
      this.#arrived.push({ ...file, checksum, contentBytes });
    } catch (error) {
      closeBody(file);
      throw error;
    }
    this.#outstanding += 1;
    if (file.body.kind === 'memory') this.#bufferedBytes += file.body.bytes.length;
    this.#pump ??= this.#run();
  }

  /** Resolves when everything added is stored or given up. */
  async settle(): Promise<void> {
    while (this.#pump !== undefined) await this.#pump;
  }

  /** Stores batch after batch until nothing is left; after a failure the rest is only given up. */
  async #run(): Promise<void> {
    // One turn of the event loop, so that what arrived in the same read of the sockets comes along.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    while (this.#arrived.length > 0) {
      const batch = this.#takeBatch();
      try {
        if (!this.#failed) await this.#store(batch);
      } catch (error) {
        this.#failed = true;
        this.#events.onFailure(error);
      }
      this.#release(batch);
    }
    this.#pump = undefined;
  }

  /** The oldest files, at least one, as many as a batch may have. */
  #takeBatch(): Arrived[] {
    let bytes = 0;
    const end = this.#arrived.findIndex((file, index) => {
      bytes += bodySize(file);
      return index > 0 && (index >= maxBatchFiles || bytes > maxBatchBytes);
    });
    return this.#arrived.splice(0, end < 0 ? this.#arrived.length : end);
  }

  /** Hands one batch to the native threads, bodies in memory and bodies in files apart. */
  async #store(batch: readonly Arrived[]): Promise<void> {
    const { repo, dir } = this.#staging;
    const target = { objects: repo.objects, staging: dir, mode: repo.mode };
    const inMemory: { file: Arrived; data: Uint8Array }[] = [];
    const inFiles: { file: Arrived; fd: number }[] = [];
    for (const file of batch) {
      if (file.body.kind === 'memory') inMemory.push({ file, data: file.body.bytes });
      else inFiles.push({ file, fd: file.body.fd });
    }
    const options = { signal: this.#job.signal };
    if (inMemory.length > 0) {
      const items = inMemory.map(({ file, data }) => ({ checksum: file.checksum, data }));
      this.#judge(inMemory, await ingestFilez(items, target, options));
    }
    if (inFiles.length > 0) {
      const items = inFiles.map(({ file, fd }) => ({ checksum: file.checksum, fd }));
      this.#judge(inFiles, await ingestFilezFd(items, target, options));
    }
    this.#events.onStored(batch.length);
  }

  /** Fails for the first file that is not what its name promises; the others of the batch stay stored. */
  #judge(
    items: readonly { readonly file: Arrived }[],
    results: readonly { readonly status: string; readonly actual?: Checksum | undefined }[],
  ): void {
    results.forEach((result, index) => {
      const item = items[index];
      if (result.status !== 'corrupt' || item === undefined) return;
      throw corruptObject(item.file.url, `file ${item.file.checksum}`, result.actual);
    });
  }

  /** Takes bytes from the space that may be used; asks the file system anew before it refuses. */
  #reserve(bytes: bigint): void {
    this.#budget -= bytes;
    if (this.#budget >= 0n) return;
    // Files are smaller on disk than feared, or space was freed: ask the file system before giving up.
    requireFreeSpace(this.#staging.repo, bytes);
    this.#budget = freeSpaceBudget(this.#staging.repo) - bytes;
  }

  /** Frees the memory and descriptors of a batch, whatever became of it. */
  #release(batch: readonly Arrived[]): void {
    for (const file of batch) {
      this.#outstanding -= 1;
      if (file.body.kind === 'memory') this.#bufferedBytes -= file.body.bytes.length;
      else closeBody(file);
    }
    this.#events.onStored(0);
  }
}

/** Bytes as they came over the wire. */
function bodySize(file: FetchedFile): number {
  return file.body.kind === 'memory' ? file.body.bytes.length : file.body.sizeBytes;
}

/** Closes the descriptor of a body that is in a file. */
function closeBody(file: FetchedFile): void {
  if (file.body.kind === 'file') sys.close(file.body.fd);
}

/** The size of the content as the header claims it; inflating stops there. `CorruptObject` if there is no header. */
function contentSizeOf(file: FetchedFile): bigint {
  const prefix = new Uint8Array(prefixBytes);
  if (file.body.kind === 'memory') prefix.set(file.body.bytes.subarray(0, prefixBytes));
  else sys.pread(file.body.fd, prefix, 0);
  if (bodySize(file) < prefixBytes) throw corruptObject(file.url, 'file', undefined);
  return claimedContentBytes(prefix);
}
