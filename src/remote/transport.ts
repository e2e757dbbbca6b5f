import type { Dispatcher } from 'undici';
import { AtomicError, type Job, throwIfCancelled } from '../base/index.ts';
import { type Body, type BodyLimits, BodySink } from './body-sink.ts';
import { openDispatcher } from './dispatcher.ts';
import { failure, type FetchFailure } from './fetch-errors.ts';
import { Attempt, type AttemptOutcome, type FetchResponse } from './http-attempt.ts';
import { maxRedirects } from './limits.ts';
import { backoffMs, retryAfterMs } from './backoff.ts';
import type { RemoteConfig } from './remote-config.ts';
import { SpeedMonitor } from './speed-monitor.ts';
import { defaultTimings, type TransportTimings } from './transport-timings.ts';
import { basicAuthorization } from './url.ts';

/** Put in by the bundler. */
declare const ATOMIC_VERSION: string | undefined;

/** Run from source there is no version. */
const version = typeof ATOMIC_VERSION === 'string' ? ATOMIC_VERSION : '0';
const userAgent = { 'user-agent': `atomic/${version}` };

/** Statuses that mean the file is not there; static servers answer 403 for what they do not list. */
const absentStatuses = new Set([403, 404, 410]);
const redirectStatuses = new Set([301, 302, 303, 307, 308]);

/** Statuses below 500 that invite another attempt. */
const retriedStatuses = new Set([408, 429]);

/**
 * Fetches files of one remote over kept-alive connections. Retries with growing pauses what a second attempt may mend,
 * follows redirects (never from https to http), ends what stalls. Everything ends within a moment of the job's abort.
 */
export class Transport implements AsyncDisposable {
  readonly #dispatcher: Dispatcher;
  readonly #timings: TransportTimings;
  readonly #monitor: SpeedMonitor;
  readonly #job: Job;
  readonly #pauses = new Set<() => void>();
  #stopped = false;
  readonly #onAbort = (): void => this.stop();
  readonly #onBytes = (count: number): void => {
    this.#receivedBytes += count;
  };
  #receivedBytes = 0;

  private constructor(dispatcher: Dispatcher, timings: TransportTimings, job: Job) {
    this.#dispatcher = dispatcher;
    this.#timings = timings;
    this.#monitor = new SpeedMonitor(timings);
    this.#job = job;
    job.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** A transport with the TLS and proxy settings of the remote; loads the HTTP client on first use. */
  static async open(
    remote: RemoteConfig,
    timings: Partial<TransportTimings> | undefined,
    job: Job,
  ): Promise<Transport> {
    const complete = { ...defaultTimings, ...timings };
    const dispatcher = await openDispatcher(remote, complete);
    return new Transport(dispatcher, complete, job);
  }

  /** Bytes of bodies received up to this moment, failed attempts included. */
  get transferredBytes(): number {
    return this.#receivedBytes;
  }

  /**
   * The body behind `url`, undefined if the server has none (403, 404, 410). Errors: `RemoteUnreachable`,
   * `RemoteTruncated`, `RemoteStalled`, `RemoteInvalid`, `Cancelled`; their messages begin `While fetching URL:`.
   */
  async fetch(url: URL, limits: BodyLimits): Promise<Body | undefined> {
    let stalls = 0;
    for (let attempt = 0; ; attempt++) {
      this.#throwIfStopped();
      const sink = new BodySink(url, limits);
      try {
        const outcome = await this.#follow(url, sink);
        this.#throwIfStopped();
        if (outcome.kind === 'response') return outcome.status === 200 ? sink.finish() : undefined;
        if (outcome.retry === 'stall') stalls += 1;
        const exhausted = attempt >= this.#timings.retries || stalls > this.#timings.stallRetries;
        if (outcome.retry === 'never' || exhausted) throw outcome.error;
        const waitMs = Math.max(backoffMs(attempt, this.#timings), outcome.retryAfterMs ?? 0);
        await this.#pause(waitMs);
      } finally {
        sink.close();
      }
    }
  }

  /** Ends every fetch under way with `Cancelled`, and every later one. */
  stop(): void {
    this.#stopped = true;
    for (const end of this.#pauses) end();
    // Rejects what is queued as well as what runs; a failure to close a socket that is being dropped tells nothing.
    this.#dispatcher.destroy(new Error('stopped')).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#job.signal.removeEventListener('abort', this.#onAbort);
    this.#monitor[Symbol.dispose]();
    await this.#dispatcher.destroy();
  }

  /** Waits, or returns early when everything is stopped. One listener per fetch on one signal would be too many. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#pauses.add(end);
    });
  }

  #throwIfStopped(): void {
    throwIfCancelled(this.#job);
    if (this.#stopped) throw new AtomicError('Cancelled', 'The transfer was stopped');
  }

  /** One attempt, redirects followed: a 200, an absence, or a failure. */
  async #follow(start: URL, sink: BodySink): Promise<AttemptOutcome> {
    let url = start;
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const outcome = await this.#once(url, start, sink);
      if (outcome.kind === 'failed' || !redirectStatuses.has(outcome.status)) {
        return outcome.kind === 'failed' ? outcome : this.#judge(start, outcome);
      }
      const target = redirectTarget(url, outcome);
      if (!(target instanceof URL)) return target;
      url = target;
    }
    return failure('never', start, 'RemoteInvalid', {
      reason: `more than ${maxRedirects} redirects followed one another`,
      hint: 'Check the URL of the remote.',
    });
  }

  /** What a status that is no redirect means: the file, its absence, or a failure with advice. */
  #judge(url: URL, response: FetchResponse): AttemptOutcome {
    const { status } = response;
    if (status === 200 || absentStatuses.has(status)) return response;
    const retried = status >= 500 || retriedStatuses.has(status);
    const waitMs = retryAfterMs(response.headers['retry-after'], this.#timings);
    return {
      ...failure(retried ? 'always' : 'never', url, retried ? 'RemoteUnreachable' : 'RemoteInvalid', {
        reason: `Server returned HTTP ${status}`,
        hint: status === 401 ? 'Put USER:PASSWORD@ into the URL of the remote.' : 'Try again later.',
      }),
      ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
    };
  }

  /** One request on one connection. Errors name the address asked for first, whatever it redirected to. */
  #once(url: URL, start: URL, sink: BodySink): Promise<AttemptOutcome> {
    return new Promise((resolve) => {
      const attempt = new Attempt({ url: start, sink, monitor: this.#monitor, onBytes: this.#onBytes }, resolve);
      // A password is for the origin it was given for, not for where that one sends us.
      const authorization = url.origin === start.origin ? basicAuthorization(start) : undefined;
      this.#dispatcher.dispatch(
        {
          origin: url.origin,
          path: url.pathname + url.search,
          method: 'GET',
          headers: authorization === undefined ? userAgent : { ...userAgent, authorization },
        },
        attempt,
      );
    });
  }
}

/** Where a redirect leads, or why it is not followed: never from https to http, never out of HTTP. */
function redirectTarget(from: URL, response: FetchResponse): URL | FetchFailure {
  const location = response.headers['location'];
  const refuse = (reason: string): FetchFailure =>
    failure('never', from, 'RemoteInvalid', { reason, hint: 'Check the URL of the remote.' });
  if (typeof location !== 'string' || !URL.canParse(location, from.href)) return refuse('a redirect leads nowhere');
  const target = new URL(location, from);
  if (target.protocol === 'https:' || (target.protocol === 'http:' && from.protocol === 'http:')) return target;
  return refuse(`a redirect leads to ${target.protocol}//, which is not allowed`);
}
