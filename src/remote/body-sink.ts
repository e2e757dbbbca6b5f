import type { AtomicError, ErrorCode } from '../base/index.ts';
import { type Dir, sys } from '../platform/index.ts';
import { fetchError } from './fetch-errors.ts';
import { smallBodyBytes } from './limits.ts';

/** A received body: in memory, or in an unnamed file whose descriptor the receiver closes. */
export type Body =
  | { readonly kind: 'memory'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly fd: number; readonly sizeBytes: number };

/** What `maxByPrefix` is shown: enough for the size in the header of a `.filez`. */
export const prefixBytes = 16;

/** How a body is taken in. */
export interface BodyLimits {
  /** A longer body is refused, with `RemoteInvalid` unless `maxCode` says otherwise. */
  readonly maxBytes: number;
  readonly maxCode?: ErrorCode;
  /** Why the limit is what it is, for the message. */
  readonly maxReason?: string;
  /** Given the first {@link prefixBytes} bytes, the limit that follows from them, if it is lower. */
  readonly maxByPrefix?: (prefix: Uint8Array) => number;
  /** Directory for an unnamed file that takes bodies above {@link smallBodyBytes}; without it everything stays in memory. */
  readonly spoolDir?: Dir;
}

/** Takes in one body, in memory while it is small, and refuses the byte past the limit. Close it unless `finish` was called. */
export class BodySink {
  readonly #url: URL;
  readonly #limits: BodyLimits;
  #chunks: Uint8Array[] = [];
  #received = 0;
  #maxBytes: number;
  #prefix: Uint8Array = new Uint8Array();
  #fd: number | undefined;

  constructor(url: URL, limits: BodyLimits) {
    this.#url = url;
    this.#limits = limits;
    this.#maxBytes = limits.maxBytes;
  }

  /** Refuses a body that announces more than the limit; picks the file at once for one that announces to be large. */
  expect(contentLength: number | undefined): AtomicError | undefined {
    if (contentLength === undefined) return undefined;
    if (contentLength > this.#maxBytes) return this.#tooLarge(contentLength);
    if (contentLength > smallBodyBytes) this.#spool();
    return undefined;
  }

  /** Takes the next bytes; returns the refusal when they pass the limit. */
  write(chunk: Uint8Array): AtomicError | undefined {
    this.#received += chunk.length;
    this.#lookAtPrefix(chunk);
    if (this.#received > this.#maxBytes) return this.#tooLarge(this.#received);
    if (this.#received > smallBodyBytes) this.#spool();
    if (this.#fd === undefined) this.#chunks.push(detached(chunk));
    else writeAll(this.#fd, chunk);
    return undefined;
  }

  /** The complete body; hands over the descriptor of a file. */
  finish(): Body {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) return { kind: 'file', fd, sizeBytes: this.#received };
    const [only] = this.#chunks;
    const bytes = this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks, this.#received);
    this.#chunks = [];
    return { kind: 'memory', bytes };
  }

  /** Drops what was received. */
  close(): void {
    if (this.#fd !== undefined) sys.close(this.#fd);
    this.#fd = undefined;
    this.#chunks = [];
  }

  #spool(): void {
    const { spoolDir } = this.#limits;
    if (spoolDir === undefined || this.#fd !== undefined) return;
    const fd = sys.tmpfile(spoolDir.fd, 0o600);
    this.#fd = fd;
    for (const chunk of this.#chunks) writeAll(fd, chunk);
    this.#chunks = [];
  }

  #reason(): string {
    return this.#limits.maxReason === undefined ? '' : ` (${this.#limits.maxReason})`;
  }

  #lookAtPrefix(chunk: Uint8Array): void {
    const { maxByPrefix } = this.#limits;
    if (maxByPrefix === undefined || this.#prefix.length >= prefixBytes) return;
    this.#prefix = Buffer.concat([this.#prefix, chunk.subarray(0, prefixBytes - this.#prefix.length)]);
    if (this.#prefix.length === prefixBytes) this.#maxBytes = Math.min(this.#maxBytes, maxByPrefix(this.#prefix));
  }

  #tooLarge(size: number): AtomicError {
    const given = this.#maxBytes === this.#limits.maxBytes;
    const why = !given ? ' (what its own header announces)' : this.#reason();
    return fetchError((given ? this.#limits.maxCode : undefined) ?? 'RemoteInvalid', this.#url, {
      reason: `the body has ${size} bytes or more, at most ${this.#maxBytes} are taken${why}`,
      hint: 'If the limit is not the space left here, the server sends something else than was asked for: tell who runs it.',
    });
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += sys.write(fd, bytes.subarray(done));
}

/** A chunk is a window on the buffer the socket read into; keeping a small one must not keep the whole buffer. */
function detached(chunk: Uint8Array): Uint8Array {
  return chunk.buffer.byteLength > 2 * chunk.length ? Uint8Array.prototype.slice.call(chunk) : chunk;
}
