import { AtomicError } from '../base/index.ts';
import { openConnection, type OpenOptions } from './client-handshake.ts';
import type { Connection } from './connection.ts';
import { transactionInterface, transactionPath } from './contract.ts';
import type { WireMessage } from './message.ts';
import { dictString, wireText, type WireDict, type WireValue } from './values.ts';

/** What a transaction tells its clients; a closed union. Sizes in bytes, times in seconds. */
export type TransactionEvent =
  | { readonly kind: 'message'; readonly text: string }
  | { readonly kind: 'task-begin'; readonly text: string }
  | { readonly kind: 'task-end'; readonly text: string }
  | { readonly kind: 'percent'; readonly text: string; readonly percent: number }
  | ({ readonly kind: 'download' } & DownloadProgress)
  | { readonly kind: 'progress-end' };

/** The six structs of the signal `DownloadProgress` by name. */
export interface DownloadProgress {
  readonly startSeconds: number;
  readonly elapsedSeconds: number;
  readonly outstandingFetches: number;
  readonly outstandingWrites: number;
  readonly scannedMetadata: number;
  readonly fetchedMetadata: number;
  readonly outstandingMetadata: number;
  readonly deltaParts: number;
  readonly fetchedDeltaParts: number;
  readonly deltaSuperblocks: number;
  readonly deltaBytes: number;
  readonly fetchedContent: number;
  readonly requestedContent: number;
  readonly transferredBytes: number;
  readonly bytesPerSecond: number;
}

/** How a transaction ended; `error` is empty on success. */
export interface TransactionEnd {
  readonly success: boolean;
  readonly error: string;
}

/**
 * A connection to a running (or waiting) transaction. Open it, listen, then {@link TransactionClient.start}: a client that
 * listens later misses the first events, and that is what Start is for.
 */
export class TransactionClient {
  /** Resolves with how it ended; rejects `AgentUnavailable` if the agent went away before it told. */
  readonly finished: Promise<TransactionEnd>;
  readonly #connection: Connection;

  private constructor(connection: Connection, onEvent: (event: TransactionEvent) => void) {
    this.#connection = connection;
    this.finished = new Promise((resolve, reject) => {
      connection.onSignal((signal) => {
        if (signal.path !== transactionPath || signal.interface !== transactionInterface.name) return;
        if (signal.member === 'Finished')
          resolve({ success: signal.body[0] === true, error: wireText(signal.body[1]) });
        const event = toEvent(signal);
        if (event !== undefined) onEvent(event);
      });
      void connection.closed.then(() => {
        reject(
          new AtomicError('AgentUnavailable', 'The agent went away before the transaction ended', {
            hint: 'See its log with: journalctl -xe -u rpm-ostreed',
          }),
        );
      });
    });
    // Whoever never looks at `finished` is not to be killed by its rejection.
    this.finished.catch(() => undefined);
  }

  /** Connects to the address a transaction method returned; every event from now on goes to `onEvent`. */
  static async open(
    address: string,
    onEvent: (event: TransactionEvent) => void,
    options: OpenOptions = {},
  ): Promise<TransactionClient> {
    return new TransactionClient(await openConnection(address, options), onEvent);
  }

  /** Lets the work begin; false if it had begun already (then events until now were missed). */
  async start(): Promise<boolean> {
    const [started] = await this.#call('Start');
    return started === true;
  }

  /** Asks it to stop; {@link finished} tells when it has. */
  async cancel(): Promise<void> {
    await this.#call('Cancel');
  }

  /** Its title and the description of who began it. */
  async describe(): Promise<{ readonly title: string; readonly initiator: string }> {
    const request = { path: transactionPath, interface: 'org.freedesktop.DBus.Properties', member: 'GetAll' };
    const body = [transactionInterface.name];
    const [dict] = await this.#connection.call({ ...request, signature: 's', body });
    const properties: WireDict = dict instanceof Map ? (dict as WireDict) : new Map();
    return {
      title: dictString(properties, 'Title') ?? '',
      initiator: dictString(properties, 'InitiatingClientDescription') ?? '',
    };
  }

  /** Leaves. The work goes on if it had begun. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #call(member: string): Promise<readonly WireValue[]> {
    return await this.#connection.call({ path: transactionPath, interface: transactionInterface.name, member });
  }
}

/** The event of a signal; undefined for those that are none (Finished) or unknown to us. */
function toEvent(signal: WireMessage): TransactionEvent | undefined {
  const [first, second] = signal.body;
  switch (signal.member ?? '') {
    case 'Message':
      return { kind: 'message', text: wireText(first) };
    case 'TaskBegin':
      return { kind: 'task-begin', text: wireText(first) };
    case 'TaskEnd':
      return { kind: 'task-end', text: wireText(first) };
    case 'PercentProgress':
      return { kind: 'percent', text: wireText(first), percent: Number(second) };
    case 'DownloadProgress':
      return { kind: 'download', ...toDownload(signal.body) };
    case 'ProgressEnd':
      return { kind: 'progress-end' };
    default:
      return undefined;
  }
}

/** Missing numbers read as 0: a newer agent may send other structs. */
function toDownload(body: readonly WireValue[]): DownloadProgress {
  const number = (struct: number, member: number): number => {
    const values = body[struct];
    return Array.isArray(values) ? Number(values[member] ?? 0) : 0;
  };
  return {
    startSeconds: number(0, 0),
    elapsedSeconds: number(0, 1),
    outstandingFetches: number(1, 0),
    outstandingWrites: number(1, 1),
    scannedMetadata: number(2, 0),
    fetchedMetadata: number(2, 1),
    outstandingMetadata: number(2, 2),
    deltaParts: number(3, 0),
    fetchedDeltaParts: number(3, 1),
    deltaSuperblocks: number(3, 2),
    deltaBytes: number(3, 3),
    fetchedContent: number(4, 0),
    requestedContent: number(4, 1),
    transferredBytes: number(5, 0),
    bytesPerSecond: number(5, 1),
  };
}
