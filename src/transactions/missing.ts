import { type Job, throwIfCancelled } from '../base/index.ts';
import { type Commit, commitObjectSizes } from '../format/index.ts';
import { hasObject, type Repo } from '../repo/index.ts';

/** What is still to be fetched of a commit. */
export interface Missing {
  readonly objects: number;
  /** Bytes over the wire. */
  readonly downloadBytes: number;
  /** Bytes of file content to be stored. */
  readonly storedBytes: number;
}

/** How long a loop over objects may hold the event loop. */
const sliceMs = 10;

/**
 * What a pull of `commit` would have to fetch, by the sizes its writer recorded; `undefined` when there are none, which is
 * usual, or when they do not say what they are sizes of.
 */
export async function estimateMissing(repo: Repo, commit: Commit, job: Job): Promise<Missing | undefined> {
  const sizes = commitObjectSizes(commit);
  if (sizes === undefined) return undefined;
  const missing = { objects: 0, downloadBytes: 0, storedBytes: 0 };
  let sliceStart = performance.now();
  for (const { checksum, type, archivedBytes, unpackedBytes } of sizes) {
    if (type === undefined) return undefined;
    if (!hasObject(repo, type, checksum)) {
      missing.objects += 1;
      missing.downloadBytes += archivedBytes;
      missing.storedBytes += unpackedBytes;
    }
    if (performance.now() - sliceStart < sliceMs) continue;
    await new Promise((resolve) => setImmediate(resolve));
    throwIfCancelled(job);
    sliceStart = performance.now();
  }
  return missing;
}
