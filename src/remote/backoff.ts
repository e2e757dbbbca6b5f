import type { TransportTimings } from './transport-timings.ts';

/** The pause before the next attempt: exponential, with a random half so that many clients do not return at once. */
export function backoffMs(attempt: number, timings: TransportTimings): number {
  const fullMs = Math.min(timings.backoffMaxMs, timings.backoffBaseMs * 2 ** attempt);
  return fullMs / 2 + (Math.random() * fullMs) / 2;
}

/** What a `Retry-After` header asks for (seconds or a date), up to the longest wait allowed; undefined if it asks nothing. */
export function retryAfterMs(header: string | string[] | undefined, timings: TransportTimings): number | undefined {
  if (typeof header !== 'string') return undefined;
  const askedMs = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(askedMs) ? undefined : Math.min(Math.max(askedMs, 0), timings.retryAfterMaxMs);
}
