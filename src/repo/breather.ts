import { throwIfCancelled, type Job } from '../base/index.ts';
import { systemClock } from '../platform/index.ts';

/** How long a loop may keep the event loop to itself. */
const sliceMs = 10;

/**
 * A function to await in every turn of a loop over many small things: lets the event loop run every 10 ms, and throws
 * `Cancelled` if the job was asked to stop.
 */
export function createBreather(job: Job): () => Promise<void> {
  const slice = { endsAt: performance.now() + sliceMs };
  return async () => {
    if (performance.now() < slice.endsAt) return;
    await systemClock.sleep(0);
    throwIfCancelled(job);
    slice.endsAt = performance.now() + sliceMs;
  };
}
