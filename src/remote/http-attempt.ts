import type { Dispatcher } from 'undici';
import type { AtomicError } from '../base/index.ts';
import type { BodySink } from './body-sink.ts';
import { failure, type FetchFailure, localFailure, networkFailure } from './fetch-errors.ts';
import { maxDiscardedBytes } from './limits.ts';
import type { SpeedMonitor } from './speed-monitor.ts';

/** Header fields in lower case, as undici hands them over. */
type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** A response that came to its end; the body is in the sink if the status is 200, dropped otherwise. */
export interface FetchResponse {
  readonly kind: 'response';
  readonly status: number;
  readonly headers: Headers;
}

/** How one attempt ended. */
export type AttemptOutcome = FetchResponse | FetchFailure;

/** One GET as undici calls it back: bytes go to the sink, ends exactly once with an outcome, never throws into undici. */
export class Attempt implements Dispatcher.DispatchHandler {
  readonly #url: URL;
  readonly #sink: BodySink;
  readonly #monitor: SpeedMonitor;
  readonly #onBytes: (count: number) => void;
  readonly #settle: (outcome: AttemptOutcome) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #response: FetchResponse | undefined;
  #failure: FetchFailure | undefined;
  #discarded = 0;
  /** Bytes of body received in this attempt; read by the monitor. */
  receivedBytes = 0;

  constructor(
    request: {
      readonly url: URL;
      readonly sink: BodySink;
      readonly monitor: SpeedMonitor;
      readonly onBytes: (count: number) => void;
    },
    settle: (outcome: AttemptOutcome) => void,
  ) {
    this.#url = request.url;
    this.#sink = request.sink;
    this.#monitor = request.monitor;
    this.#onBytes = request.onBytes;
    this.#settle = settle;
  }

  /** The request goes out on a connection; from here on the monitor watches. Connecting has a timeout of its own. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#monitor.add(this);
  }

  /** The header has come: a body that cannot be taken is refused before its first byte. */
  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    this.#response = { kind: 'response', status, headers };
    if (status !== 200) return;
    const encoding = headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      this.fail(
        failure('never', this.#url, 'RemoteInvalid', {
          reason: `the server answers with content-encoding ${String(encoding)}, which was not asked for`,
          hint: 'Switch off compression for the repository on the server.',
        }),
      );
      return;
    }
    this.#refuse(() => this.#sink.expect(contentLength(headers)));
  }

  /** Passes bytes on to the sink, or drops them when only the status counts. */
  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.receivedBytes += chunk.length;
    this.#onBytes(chunk.length);
    if (this.#failure !== undefined) return;
    if (this.#response?.status === 200) {
      this.#refuse(() => this.#sink.write(chunk));
      return;
    }
    this.#discarded += chunk.length;
    if (this.#discarded <= maxDiscardedBytes || this.#response === undefined) return;
    // The status is known and is all that counts: settle with it, then drop the connection with the endless error page.
    this.#end(this.#response);
    this.#controller?.abort(new Error('the body of an error answer is too long'));
  }

  /** The body is complete as far as HTTP can tell; whether it is right is for the checksum. */
  onResponseEnd(): void {
    this.#end(this.#failure ?? this.#response ?? networkFailure(this.#url, new Error('no response'), false));
  }

  /** The connection failed, or was ended by {@link fail}, which has told why. */
  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#end(this.#failure ?? networkFailure(this.#url, error, this.#response !== undefined));
  }

  /** Ends the attempt with this failure and closes its connection. */
  fail(reason: FetchFailure): void {
    this.#failure ??= reason;
    this.#controller?.abort(reason.error);
    this.#end(this.#failure);
  }

  /** Ends the attempt because nothing or too little arrives. */
  stalled(bytesPerSecond: number, windowMs: number): void {
    this.fail(
      failure('stall', this.#url, 'RemoteStalled', {
        reason: `less than ${bytesPerSecond} bytes per second arrived for ${windowMs / 1000} s`,
        hint: 'Check the network, then try again; what had arrived is kept.',
      }),
    );
  }

  /** Runs a step of the sink; its refusal, or a full disk, ends the attempt. */
  #refuse(step: () => AtomicError | undefined): void {
    try {
      const error = step();
      if (error !== undefined) this.fail({ kind: 'failed', retry: 'never', error });
    } catch (error) {
      this.fail(localFailure(this.#url, error));
    }
  }

  /** Settles the attempt; every later ending is ignored by the promise behind `settle`. */
  #end(outcome: AttemptOutcome): void {
    this.#monitor.remove(this);
    this.#settle(outcome);
  }
}

/** The announced length; undefined if there is none or it is no number (then the limits work on what arrives). */
function contentLength(headers: Headers): number | undefined {
  const text = headers['content-length'];
  return typeof text === 'string' && /^\d{1,20}$/.test(text) ? Number(text) : undefined;
}
