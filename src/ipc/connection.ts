import type { Socket } from 'node:net';
import { AtomicError, defined } from '../base/index.ts';
import { decodeMessage, encodeMessage, fixedHeaderBytes, messageLength, type WireMessage } from './message.ts';
import type { WireValue } from './values.ts';
import { fromWireFailure } from './wire-errors.ts';

/** The specification's limit on a message. */
export const maxMessageBytes = 128 * 1024 * 1024;
/** What a stranger may send us in one message: our largest request is a few kilobytes of options. */
export const maxRequestBytes = 1024 * 1024;
/** A bus daemon that does not take this much is stuck. */
const maxQueuedBytes = 64 * 1024 * 1024;
/** Anybody may connect to a transaction and not read: what waits for one stranger is bounded by minutes of progress. */
export const maxQueuedForPeerBytes = 4 * 1024 * 1024;
/** The default of other D-Bus libraries. */
const defaultTimeoutMs = 25_000;

/** A method call to be made. */
export interface CallRequest {
  readonly destination?: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature?: string;
  readonly body?: readonly WireValue[];
  readonly noAutoStart?: boolean;
}

/** How long a call waits (milliseconds, 25 s unless told) and what stops the waiting. */
export interface CallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A message before it has its serial. */
export type OutgoingMessage = Omit<WireMessage, 'serial'>;

/** Bytes read past the handshake, how large one incoming message may be, and how much may wait to be read. */
export interface ConnectionOptions {
  readonly firstBytes?: Buffer;
  readonly limitBytes?: number;
  readonly queueBytes?: number;
}

interface Pending {
  readonly settle: (outcome: WireMessage | AtomicError) => void;
}

/**
 * One authenticated D-Bus connection over a socket: frames, encodes, matches replies to calls. Every call ends: with the
 * reply, after its timeout, or when the connection does. A malformed message ends the connection, nothing else.
 */
export class Connection {
  /** Resolves once, when the connection is gone; with the reason if it was not asked for. */
  readonly closed: Promise<AtomicError | undefined>;
  readonly #socket: Socket;
  readonly #limitBytes: number;
  readonly #queueBytes: number;
  readonly #pending = new Map<number, Pending>();
  readonly #signalListeners = new Set<(message: WireMessage) => void>();
  readonly #callListeners = new Set<(message: WireMessage) => void>();
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  #wantedBytes = fixedHeaderBytes;
  #serial = 0;
  #ended = false;
  #reason: AtomicError | undefined;

  /** Takes over a socket whose handshake is done. Nothing is read before the caller's turn ends, so listeners fit in. */
  constructor(socket: Socket, options: ConnectionOptions = {}) {
    this.#socket = socket;
    this.#limitBytes = options.limitBytes ?? maxMessageBytes;
    this.#queueBytes = options.queueBytes ?? maxQueuedBytes;
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#finish();
        resolve(this.#reason);
      });
    });
    socket.on('error', (error) => {
      this.#reason ??= new AtomicError('AgentUnavailable', `D-Bus connection lost: ${error.message}`, { cause: error });
    });
    queueMicrotask(() => {
      if (options.firstBytes !== undefined) this.#receive(options.firstBytes);
      socket.on('data', (chunk: Buffer) => this.#receive(chunk));
      socket.resume();
    });
  }

  /** True once nothing can be sent any more. */
  get ended(): boolean {
    return this.#ended || !this.#socket.writable;
  }

  /** Sends a message; silently dropped if the other side is gone. Returns the serial it was given. */
  send(message: OutgoingMessage): number {
    this.#serial = (this.#serial % 0xffff_fffe) + 1;
    if (this.ended) return this.#serial;
    if (this.#socket.writableLength > this.#queueBytes) {
      this.destroy('the other side does not read');
      return this.#serial;
    }
    const bytes = encodeMessage({ ...message, serial: this.#serial });
    // What is sent in one turn leaves in one packet: several changes of properties reach a watcher together.
    this.#socket.cork();
    queueMicrotask(() => this.#socket.uncork());
    this.#socket.write(bytes);
    return this.#serial;
  }

  /** Calls a method and returns the values of its reply; throws what the reply's error stands for, or `Timeout`. */
  async call(request: CallRequest, options: CallOptions = {}): Promise<readonly WireValue[]> {
    const { timeoutMs = defaultTimeoutMs, signal } = options;
    if (this.ended) throw this.#reason ?? gone();
    const serial = this.send({
      ...request,
      kind: 'call',
      signature: request.signature ?? '',
      body: request.body ?? [],
    });
    const what = `${request.interface}.${request.member}`;
    const outcome = await new Promise<WireMessage | AtomicError>((resolve) => {
      const timer = setTimeout(() => {
        resolve(new AtomicError('Timeout', `No answer to ${what} within ${timeoutMs / 1000} s`));
      }, timeoutMs);
      const abort = (): void => resolve(new AtomicError('Cancelled', `Waiting for ${what} was cancelled`));
      signal?.addEventListener('abort', abort, { once: true });
      if (signal?.aborted === true) abort();
      this.#pending.set(serial, {
        settle: (settled) => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', abort);
          resolve(settled);
        },
      });
    }).finally(() => this.#pending.delete(serial));
    if (outcome instanceof AtomicError) throw outcome;
    if (outcome.kind === 'error') {
      const [text] = outcome.body;
      throw fromWireFailure({ name: outcome.errorName ?? '', text: typeof text === 'string' ? text : '' });
    }
    return outcome.body;
  }

  /** Tells every signal that arrives, until disposed. */
  onSignal(listener: (message: WireMessage) => void): Disposable {
    this.#signalListeners.add(listener);
    return { [Symbol.dispose]: () => this.#signalListeners.delete(listener) };
  }

  /** Tells every method call that arrives, until disposed; whoever listens has to answer. */
  onCall(listener: (message: WireMessage) => void): Disposable {
    this.#callListeners.add(listener);
    return { [Symbol.dispose]: () => this.#callListeners.delete(listener) };
  }

  /** Resolves when everything sent so far is with the kernel, or the connection is gone. */
  async flush(): Promise<void> {
    if (this.ended) return;
    await Promise.race([new Promise<void>((resolve) => this.#socket.write('', () => resolve())), this.closed]);
  }

  /** Ends the connection after what was sent has left. */
  async close(): Promise<void> {
    this.#ended = true;
    this.#socket.end();
    // A peer that keeps its side open must not keep ours.
    const timer = setTimeout(() => this.#socket.destroy(), 1000);
    await this.closed;
    clearTimeout(timer);
  }

  /** Ends the connection at once, giving the reason to whoever waits. */
  destroy(reason: string): void {
    this.#reason ??= new AtomicError('AgentUnavailable', `D-Bus connection cut: ${reason}`);
    this.#ended = true;
    this.#socket.destroy();
  }

  #finish(): void {
    this.#ended = true;
    const reason = this.#reason ?? gone();
    for (const pending of this.#pending.values()) pending.settle(reason);
  }

  /**
   * Cuts the stream into messages. Chunks are joined only when a whole message is there, so a large one costs no more than
   * its length.
   */
  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
    try {
      while (this.#bufferedBytes >= this.#wantedBytes && !this.#socket.destroyed) {
        const bytes = this.#chunks.length === 1 ? defined(this.#chunks[0], 'one chunk') : Buffer.concat(this.#chunks);
        const length = messageLength(bytes, this.#limitBytes);
        this.#wantedBytes = length;
        this.#chunks = [bytes];
        if (bytes.length < length) return;
        this.#chunks = [bytes.subarray(length)];
        this.#bufferedBytes = bytes.length - length;
        this.#wantedBytes = fixedHeaderBytes;
        this.#handle(decodeMessage(bytes.subarray(0, length)));
      }
    } catch (error) {
      this.destroy(error instanceof Error ? error.message : 'malformed message');
    }
  }

  /** Replies nobody waits for (their call timed out) are dropped. */
  #handle(message: WireMessage): void {
    if (message.kind === 'call') for (const listener of this.#callListeners) listener(message);
    else if (message.kind === 'signal') for (const listener of this.#signalListeners) listener(message);
    else if (message.replySerial !== undefined) this.#pending.get(message.replySerial)?.settle(message);
  }
}

/** The reason when nobody gave one. */
function gone(): AtomicError {
  return new AtomicError('AgentUnavailable', 'The D-Bus connection was closed');
}
