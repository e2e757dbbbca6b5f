/** How patient a transfer is. Every field has a default fit for the internet; tests shorten them. */
export interface TransportTimings {
  /** Until a connection stands, TLS included. */
  readonly connectTimeoutMs: number;
  /** A request that receives less than `lowSpeedBytesPerSecond` over this window has stalled. */
  readonly lowSpeedWindowMs: number;
  readonly lowSpeedBytesPerSecond: number;
  /** Further attempts after a network error or a status that invites one (408, 429, 5xx). */
  readonly retries: number;
  /** Further attempts after a stall: each has already cost a whole window. */
  readonly stallRetries: number;
  /** The pause before attempt n is a random part of `backoffBaseMs * 2^n`, at least half of it, at most `backoffMaxMs`. */
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
  /** A server's `Retry-After` is honoured up to this. */
  readonly retryAfterMaxMs: number;
}

/** The patience libostree has (low speed: 1000 B/s for 30 s; five retries), with pauses between the attempts. */
export const defaultTimings: TransportTimings = {
  connectTimeoutMs: 15_000,
  lowSpeedWindowMs: 30_000,
  lowSpeedBytesPerSecond: 1000,
  retries: 5,
  stallRetries: 1,
  backoffBaseMs: 250,
  backoffMaxMs: 10_000,
  retryAfterMaxMs: 60_000,
};
