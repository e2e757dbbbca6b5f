import { AtomicError, type Checksum, type Job } from '../base/index.ts';
import type { ObjectType } from '../format/index.ts';
import { Dir, publishStaging, readBootId, syncFilesystem, sys } from '../platform/index.ts';
import { lockRepo } from './lock.ts';
import { hasObject, metadataChecksum, objectPathIn, type MetadataType } from './objects.ts';
import { markPartial, unmarkPartial } from './partial.ts';
import { writeRef } from './refs.ts';
import type { Repo } from './repo.ts';
import { writeSummary } from './summary.ts';
import { cleanTmp, stagingPrefix, tryLockStaging } from './tmp.ts';

/** Names tried before giving up on finding a free one: 62^6 are possible, so a second try is already unlikely. */
const maxNameAttempts = 100;

const nameAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** What changes about refs when a staging is published: undefined removes the ref. */
export type RefChanges = ReadonlyMap<string, Checksum | undefined>;

/**
 * Objects written but not yet part of the repo. Holds the shared repo lock and the lock of its directory from `beginStaging`
 * until it is published, aborted or disposed. `await using` it: disposing without `publish` leaves the directory for the
 * next staging of this boot, so an interrupted pull goes on where it was.
 */
export class Staging implements AsyncDisposable {
  readonly repo: Repo;
  /** `XX/REST.TYPE` below it; the bulk calls write here too. */
  readonly dir: Dir;
  readonly #name: string;
  readonly #locks: readonly Disposable[];
  readonly #job: Job;
  readonly #partial = new Map<Checksum, boolean>();
  /** The `XX` directories known to exist. */
  readonly #prefixes = new Set<string>();
  #open = true;

  constructor(parts: { repo: Repo; dir: Dir; name: string; locks: readonly Disposable[]; job: Job }) {
    this.repo = parts.repo;
    this.dir = parts.dir;
    this.#name = parts.name;
    this.#locks = parts.locks;
    this.#job = parts.job;
  }

  /** True if the object is in this staging, in the repo, or in a parent repo. */
  hasObject(type: ObjectType, checksum: Checksum): boolean {
    return sys.exists(this.dir.fd, objectPathIn(this.repo, checksum, type)) || hasObject(this.repo, type, checksum);
  }

  /** Stages a commit, dirtree or dirmeta object unless it exists already, and returns its checksum. */
  writeMetadata(type: MetadataType, bytes: Uint8Array): Checksum {
    const checksum = metadataChecksum(bytes);
    if (!this.hasObject(type, checksum)) this.#writeObject(objectPathIn(this.repo, checksum, type), bytes);
    return checksum;
  }

  /** Stages the detached metadata of a commit; replaces what there is when published. */
  writeCommitMeta(checksum: Checksum, bytes: Uint8Array): void {
    const path = objectPathIn(this.repo, checksum, 'commitmeta');
    this.dir.unlink(path);
    this.#writeObject(path, bytes);
  }

  /**
   * Marks a commit as not complete, at once and before its `.commit` is staged. `publish` removes the mark unless `keep`
   * says that the commit will stay incomplete.
   */
  markPartial(checksum: Checksum, options: { readonly keep?: boolean } = {}): void {
    markPartial(this.repo, checksum);
    this.#partial.set(checksum, options.keep === true);
  }

  /**
   * Makes everything staged part of the repo, then changes the refs: a ref never names a commit whose objects are not on
   * disk. In order: sync the file system, rename the objects into place, sync their directories, remove the staging, tidy
   * `tmp`, write the refs, remove partial marks, write the summary if configured, drop the locks. Where nothing is staged, no
   * ref is to change and no mark to go, nothing is synced; with `core.fsync=false` never. Cannot be cancelled once begun;
   * closes the staging.
   */
  async publish(refs: RefChanges = new Map()): Promise<void> {
    this.#assertOpen();
    await this.#job.uncancellable(() => this.#publish(refs));
  }

  async #publish(refs: RefChanges): Promise<void> {
    const { repo } = this;
    try {
      const staged = this.dir.list().length > 0;
      // Also without new objects: those that are there may be of a publish that was killed before it had synced them.
      if (repo.settings.fsync && (staged || refs.size > 0 || this.#partial.size > 0)) await syncFilesystem(repo.dir);
      if (staged) {
        await publishStaging({ staging: this.dir, objects: repo.objects, fsync: repo.settings.fsync });
      }
      await repo.dir.removeTree(`tmp/${this.#name}`);
      await cleanTmp(repo);
      for (const [refspec, checksum] of refs) writeRef(repo, refspec, checksum);
      for (const [checksum, keep] of this.#partial) if (!keep) unmarkPartial(repo, checksum);
      if (repo.settings.autoUpdateSummary) await writeSummary(repo, this.#job);
    } finally {
      this.#close();
    }
  }

  /** Throws away what was staged and closes the staging. Partial marks stay: their commits are not complete. */
  async abort(): Promise<void> {
    if (!this.#open) return;
    try {
      await this.repo.dir.removeTree(`tmp/${this.#name}`);
    } finally {
      this.#close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return;
    if (this.dir.list().length === 0) await this.abort();
    else this.#close();
  }

  #close(): void {
    this.#open = false;
    this.dir[Symbol.dispose]();
    for (const lock of this.#locks) lock[Symbol.dispose]();
  }

  #assertOpen(): void {
    if (!this.#open) throw new AtomicError('Failed', 'This staging has already been published or aborted');
  }

  /** Whole or not at all under its final name, even if this process is killed: the next staging may find it. */
  #writeObject(path: string, bytes: Uint8Array): void {
    this.#assertOpen();
    const prefix = path.slice(0, 2);
    if (!this.#prefixes.has(prefix)) this.dir.ensureDir(prefix, 0o775);
    this.#prefixes.add(prefix);
    const fd = sys.tmpfile(this.dir.fd, 0o644);
    try {
      sys.write(fd, bytes);
      sys.fchmod(fd, 0o644);
      sys.linkFd(fd, this.dir.fd, path);
    } finally {
      sys.close(fd);
    }
  }
}

/**
 * Opens a staging: takes the shared repo lock (`RepoLocked` after the configured time), then the first staging directory of
 * this boot that nobody holds, else a new one. OSTree repository format: transactions.
 */
export async function beginStaging(repo: Repo, job: Job): Promise<Staging> {
  const repoLock = await lockRepo(repo, 'shared', job);
  try {
    const prefix = `${stagingPrefix}${readBootId()}-`;
    repo.dir.ensureDir('tmp', 0o775);
    for (const { name, type } of repo.dir.list('tmp')) {
      if (type !== 'directory' || !name.startsWith(prefix)) continue;
      const staging = await tryStaging(repo, name, { repoLock, job });
      if (staging !== undefined) return staging;
    }
    for (let attempt = 0; attempt < maxNameAttempts; attempt += 1) {
      const staging = await tryStaging(repo, `${prefix}${randomName()}`, { repoLock, job });
      if (staging !== undefined) return staging;
    }
    throw new AtomicError('Failed', `Cannot find a free name for a staging in ${repo.path}/tmp`);
  } catch (error) {
    repoLock[Symbol.dispose]();
    throw error;
  }
}

/** The staging of that name, made if absent; undefined if another process holds it. */
async function tryStaging(
  repo: Repo,
  name: string,
  { repoLock, job }: { repoLock: Disposable; job: Job },
): Promise<Staging | undefined> {
  const lock = await tryLockStaging(repo, name);
  if (lock === undefined) return undefined;
  try {
    repo.dir.ensureDir(`tmp/${name}`, 0o700);
    repo.dir.touch(`tmp/${name}`);
    // The directory's lock goes before the repo's: nobody may prune while somebody else could pick the directory up.
    return new Staging({ repo, dir: repo.dir.openDir(`tmp/${name}`), name, locks: [lock, repoLock], job });
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

function randomName(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => nameAlphabet[byte % nameAlphabet.length]).join(
    '',
  );
}
