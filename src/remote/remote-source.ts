import { AtomicError, type Checksum, isChecksum, type Job, messageOf } from '../base/index.ts';
import {
  decodeSummary,
  maxFileHeaderBytes,
  maxMetadataObjectBytes,
  objectPath,
  parseKeyfile,
  type Summary,
} from '../format/index.ts';
import { type Dir, sys } from '../platform/index.ts';
import { metadataChecksum, type MetadataType } from '../repo/index.ts';
import type { Body, BodyLimits } from './body-sink.ts';
import { fetchError } from './fetch-errors.ts';
import { maxSmallTextBytes, maxSummaryBytes } from './limits.ts';
import type { RemoteConfig } from './remote-config.ts';
import type { RemoteSignatures } from './remote-signatures.ts';
import { Transport } from './transport.ts';
import type { TransportTimings } from './transport-timings.ts';
import { joinUrl, parseRemoteUrl } from './url.ts';

/** A summary with the bytes it was read from. */
export interface FetchedSummary {
  readonly summary: Summary;
  readonly bytes: Uint8Array;
  /** `summary.sig`, if it was fetched and is there. */
  readonly signatureBytes: Uint8Array | undefined;
}

/** A file object as it arrived, with the address it came from for messages; not yet checked. */
export interface FetchedFile {
  readonly url: URL;
  readonly body: Body;
}

/** An archive repo behind a web server: asks for its files by what they are, checks the bytes of all metadata. */
export class RemoteSource implements AsyncDisposable {
  readonly remote: RemoteConfig;
  readonly #base: URL;
  readonly #contentBase: URL;
  readonly #transport: Transport;

  private constructor(parts: { remote: RemoteConfig; base: URL; contentBase: URL; transport: Transport }) {
    this.remote = parts.remote;
    this.#base = parts.base;
    this.#contentBase = parts.contentBase;
    this.#transport = parts.transport;
  }

  /** A source for the remote; nothing is fetched yet. `RemoteInvalid` if an address cannot be used. */
  static async open(
    remote: RemoteConfig,
    options: { readonly timings?: Partial<TransportTimings> | undefined },
    job: Job,
  ): Promise<RemoteSource> {
    const base = httpUrl(remote, 'url', remote.url);
    const contentBase = remote.contentUrl === undefined ? base : httpUrl(remote, 'contenturl', remote.contentUrl);
    const transport = await Transport.open(remote, options.timings, job);
    return new RemoteSource({ remote, base, contentBase, transport });
  }

  get transferredBytes(): number {
    return this.#transport.transferredBytes;
  }

  /**
   * The summary, undefined if the server has none; with its signatures checked where the remote demands them
   * (`SignatureRequired`, `SignatureInvalid`). Checks the remote's config too: it must be an archive repo.
   */
  async fetchSummary(
    signatures: RemoteSignatures,
    options: { readonly withSignature?: boolean } = {},
  ): Promise<FetchedSummary | undefined> {
    const url = joinUrl(this.#base, 'summary');
    const wantsSignature = signatures.demandsSummary || options.withSignature === true;
    const signatureBytes = wantsSignature ? await this.#fetchSummarySignature() : undefined;
    const bytes = await this.#fetchBytes(url, maxSummaryBytes);
    await signatures.requireSummary(bytes, signatureBytes);
    if (bytes === undefined) return undefined;
    const summary = understand(url, 'summary', () => decodeSummary(bytes));
    await this.#checkConfig();
    return { summary, bytes, signatureBytes };
  }

  #fetchSummarySignature(): Promise<Uint8Array | undefined> {
    return this.#fetchBytes(joinUrl(this.#base, 'summary.sig'), maxSummaryBytes);
  }

  /** What the ref file of the remote names; undefined if there is none. */
  async fetchRef(ref: string): Promise<Checksum | undefined> {
    const url = joinUrl(this.#base, `refs/heads/${ref}`);
    const bytes = await this.#fetchBytes(url, maxSmallTextBytes);
    if (bytes === undefined) return undefined;
    const text = Buffer.from(bytes).toString('latin1').trim();
    if (isChecksum(text)) return text;
    throw fetchError('RemoteInvalid', url, {
      reason: 'the ref file does not hold a checksum',
      hint: 'Check the URL of the remote: the server may answer every request with the same page.',
    });
  }

  /** The detached metadata of a commit, unchecked; undefined if there is none. */
  fetchCommitMeta(checksum: Checksum): Promise<Uint8Array | undefined> {
    return this.#fetchBytes(this.#objectUrl('commitmeta', checksum), maxMetadataObjectBytes);
  }

  /**
   * The bytes of a commit, dirtree or dirmeta, proven to have that checksum; undefined if the server lacks it.
   * `CorruptObject` if they have another one. Large ones arrive through a file below `spoolDir`, and are read into memory
   * when `beforeLarge` has resolved.
   */
  async fetchMetadata(
    type: MetadataType,
    checksum: Checksum,
    limits: {
      readonly maxBytes?: number | undefined;
      readonly maxReason?: string;
      readonly spoolDir: Dir;
      readonly beforeLarge?: () => Promise<void>;
    },
  ): Promise<Uint8Array | undefined> {
    const url = this.#objectUrl(type, checksum);
    const body = await this.#transport.fetch(url, { ...limits, maxBytes: limits.maxBytes ?? maxMetadataObjectBytes });
    if (body === undefined) return undefined;
    if (body.kind === 'file') await limits.beforeLarge?.();
    const bytes = bytesOf(body);
    const actual = metadataChecksum(bytes);
    if (actual !== checksum) throw corruptObject(url, `${type} ${checksum}`, actual);
    return bytes;
  }

  /** The `.filez` of a file object, unchecked; `NoSpace` when it is larger than `maxBytes`. Undefined if the server lacks it. */
  async fetchFile(
    checksum: Checksum,
    limits: { readonly maxBytes: number; readonly spoolDir: Dir },
  ): Promise<FetchedFile | undefined> {
    const url = this.#objectUrl('file', checksum);
    const maxReason = 'the space left in the repo';
    const body = await this.#transport.fetch(url, {
      ...limits,
      maxCode: 'NoSpace',
      maxReason,
      maxByPrefix: maxFilezBytes,
    });
    return body === undefined ? undefined : { url, body };
  }

  /** A file of a static delta or a delta index, unchecked; undefined if the server lacks it. */
  fetchDeltaFile(path: string, limits: BodyLimits): Promise<Body | undefined> {
    const base = path.startsWith('deltas/') ? this.#contentBase : this.#base;
    return this.#transport.fetch(joinUrl(base, path), limits);
  }

  /** The refusal to go on without an object that the server does not have. */
  missing(type: MetadataType | 'file', checksum: Checksum): AtomicError {
    return fetchError('RemoteInvalid', this.#objectUrl(type, checksum), {
      reason: `Server returned HTTP 404: the remote lacks the ${type} object ${checksum}`,
      hint: 'The repository of the remote is not complete; tell who runs it, or try again when it has been published.',
    });
  }

  /** `error` with the address of the object it is about. */
  invalid(type: MetadataType | 'commitmeta', checksum: Checksum, error: unknown): AtomicError {
    return notUnderstood(this.#objectUrl(type, checksum), `${type} object`, error);
  }

  /** Ends every fetch under way; for when one has failed and the others are of no use. */
  stop(): void {
    this.#transport.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]();
  }

  /** Where an object lies on the server; file objects may have a server of their own. */
  #objectUrl(type: MetadataType | 'commitmeta' | 'file', checksum: Checksum): URL {
    return joinUrl(type === 'file' ? this.#contentBase : this.#base, `objects/${objectPath(checksum, type, true)}`);
  }

  /** Only an archive repo can be served as plain files; a bare one would give 404 for every file, which says less. */
  async #checkConfig(): Promise<void> {
    const url = joinUrl(this.#base, 'config');
    const bytes = await this.#fetchBytes(url, maxSmallTextBytes);
    if (bytes === undefined) return;
    const config = understand(url, 'config', () => parseKeyfile(Buffer.from(bytes).toString('utf8'), 'config'));
    const mode = config.get('core', 'mode')?.trim();
    if (mode === 'archive-z2' || mode === 'archive') return;
    throw fetchError('RemoteInvalid', url, {
      reason: `Can't pull from archives with mode "${mode ?? 'bare'}"`,
      hint: 'Only a repository in mode archive can be served over HTTP.',
    });
  }

  /** A small file of the server, in memory. */
  async #fetchBytes(url: URL, maxBytes: number): Promise<Uint8Array | undefined> {
    const body = await this.#transport.fetch(url, { maxBytes });
    return body === undefined ? undefined : bytesOf(body);
  }
}

/** The size of the content that the first 16 bytes of a `.filez` claim. */
export function claimedContentBytes(prefix: Uint8Array): bigint {
  return new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(8);
}

/** The most bytes a `.filez` can have: deflate adds less than a hundredth to what it cannot make smaller. */
function maxFilezBytes(prefix: Uint8Array): number {
  return maxFileHeaderBytes + Number(claimedContentBytes(prefix)) * 1.01;
}

/** The refusal of bytes that are not those their name promises. */
export function corruptObject(url: URL, object: string, actual: string | undefined): AtomicError {
  const found = actual === undefined ? 'its content cannot be read' : `its checksum is ${actual}`;
  return fetchError('CorruptObject', url, {
    reason: `Corrupted object ${object}: ${found}`,
    hint: 'Try again; if it stays, the repository of the remote or a proxy on the way is damaged.',
  });
}

/** The bytes of a body, read back and closed if it went to a file. */
export function bytesOf(body: Body): Uint8Array {
  if (body.kind === 'memory') return body.bytes;
  try {
    const bytes = new Uint8Array(body.sizeBytes);
    for (let done = 0; done < bytes.length;) {
      const count = sys.pread(body.fd, bytes.subarray(done), done);
      if (count === 0) throw new AtomicError('Io', 'A temporary file of this process became shorter');
      done += count;
    }
    return bytes;
  } finally {
    sys.close(body.fd);
  }
}

/** Runs a decoder; what it refuses becomes `RemoteInvalid` with the address. */
function understand<T>(url: URL, what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw notUnderstood(url, what, error);
  }
}

/** The refusal of bytes that arrived well and make no sense. */
function notUnderstood(url: URL, what: string, error: unknown): AtomicError {
  return fetchError('RemoteInvalid', url, {
    reason: `Invalid ${what}: ${messageOf(error)}`,
    hint: 'Check the URL of the remote; if it is right, tell who runs the remote.',
    cause: error,
  });
}

/** A base URL that is not a local path: those are handled as repos, not as servers. */
function httpUrl(remote: RemoteConfig, key: string, text: string): URL {
  const url = parseRemoteUrl(text, { remote: remote.name, key });
  if (url.protocol !== 'file:') return url;
  throw new AtomicError(
    'NotSupported',
    `Remote "${remote.name}" sets ${key} to a file: URL, which is not supported here`,
    {
      facts: { remote: remote.name, key },
      hint: 'Use a local repo for both url and contenturl, or for neither.',
    },
  );
}
