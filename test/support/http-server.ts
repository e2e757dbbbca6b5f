/**
 * A static file server on 127.0.0.1 over a directory, with a log of what was asked and behaviours that can be switched on
 * for single paths: it lies, truncates, stalls, drips, fails for a while, redirects in circles, never ends.
 */
import { readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** What the server does instead of sending the file. */
export type Behaviour =
  /** Sends the file with one byte changed. */
  | { readonly kind: 'lie' }
  /** Sends other bytes altogether. */
  | { readonly kind: 'body'; readonly bytes: Uint8Array }
  /** Announces the whole length, sends half, closes. */
  | { readonly kind: 'truncate' }
  /** Announces no length, sends half, closes as if it were complete. */
  | { readonly kind: 'truncate-silently' }
  /** Announces more than it sends. */
  | { readonly kind: 'wrong-length' }
  /** Resets the connection in the middle of the body. */
  | { readonly kind: 'reset' }
  /** Takes the request and says nothing. */
  | { readonly kind: 'silent' }
  /** Sends the header and then nothing. */
  | { readonly kind: 'stall' }
  /** Sends one byte at a time. */
  | { readonly kind: 'drip'; readonly everyMs: number }
  /** Never ends; announces no length. */
  | { readonly kind: 'endless' }
  /** Announces a length and sends zeros up to it. */
  | { readonly kind: 'huge'; readonly lengthBytes: number }
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: 'redirect'; readonly to: string }
  /** Answers correctly, after a while. */
  | { readonly kind: 'delay'; readonly ms: number };

/** One request in the log. */
export interface LoggedRequest {
  readonly path: string;
  readonly userAgent: string | undefined;
  readonly authorization: string | undefined;
}

/** Chooses the behaviour for a request; `nth` counts the requests for that path from 1. */
export type Mischief = (path: string, nth: number) => Behaviour | undefined;

/** A running server; `await using` it. */
export interface FileServer extends AsyncDisposable {
  readonly url: string;
  readonly log: LoggedRequest[];
  /** Requests being answered at one moment, at most. */
  readonly peak: { requests: number };
  mischief: Mischief;
}

/** Serves `directory` at `server.url`. */
export async function serveDirectory(directory: string, mischief: Mischief = () => undefined): Promise<FileServer> {
  const counts = new Map<string, number>();
  const log: LoggedRequest[] = [];
  const peak = { requests: 0 };
  let running = 0;
  const http = createServer((request, response) => {
    running += 1;
    peak.requests = Math.max(peak.requests, running);
    response.on('close', () => {
      running -= 1;
    });
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname);
    const nth = (counts.get(path) ?? 0) + 1;
    counts.set(path, nth);
    log.push({
      path,
      userAgent: request.headers['user-agent'],
      authorization: request.headers.authorization,
    });
    answer({ request, response, file: readIfPresent(join(directory, path)) }, server.mischief(path, nth));
  });
  await new Promise<void>((resolve) => {
    http.listen(0, '127.0.0.1', resolve);
  });
  const { port } = http.address() as AddressInfo;
  const server: FileServer = {
    url: `http://127.0.0.1:${port}`,
    log,
    peak,
    mischief,
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => {
        http.close(resolve);
      });
    },
  };
  return server;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly file: Buffer | undefined;
}

function answer(exchange: Exchange, behaviour: Behaviour | undefined): void {
  const { request, response, file } = exchange;
  const whole = file ?? Buffer.alloc(0);
  const half = whole.subarray(0, Math.floor(whole.length / 2));
  if (behaviour === undefined) {
    send(response, file);
    return;
  }
  switch (behaviour.kind) {
    case 'silent':
      return;
    case 'delay':
      setTimeout(() => send(response, file), behaviour.ms);
      return;
    case 'body':
      send(response, Buffer.from(behaviour.bytes));
      return;
    case 'lie':
      send(response, file === undefined ? undefined : changed(file));
      return;
    case 'status':
      response.writeHead(behaviour.status, behaviour.headers ?? {}).end(`status ${behaviour.status}`);
      return;
    case 'redirect':
      response.writeHead(302, { location: behaviour.to }).end();
      return;
    case 'truncate':
      response.writeHead(200, { 'content-length': whole.length });
      response.write(half, () => request.socket.end());
      return;
    case 'wrong-length':
      response.writeHead(200, { 'content-length': whole.length + 100 });
      response.write(whole, () => request.socket.end());
      return;
    case 'truncate-silently':
      // HTTP/1.0: the end of the connection is the end of the body, and nobody can tell that it came early.
      request.socket.end(Buffer.concat([Buffer.from('HTTP/1.0 200 OK\r\nContent-Type: x/y\r\n\r\n'), half]));
      return;
    case 'reset':
      response.writeHead(200, { 'content-length': whole.length });
      response.write(half, () => request.socket.resetAndDestroy());
      return;
    case 'stall':
      response.writeHead(200, { 'content-length': whole.length });
      response.flushHeaders();
      return;
    case 'drip':
      drip(response, whole, behaviour.everyMs);
      return;
    case 'endless':
      pour(response, Number.POSITIVE_INFINITY);
      return;
    case 'huge':
      response.writeHead(200, { 'content-length': behaviour.lengthBytes });
      pour(response, behaviour.lengthBytes);
  }
}

function drip(response: ServerResponse, bytes: Buffer, everyMs: number): void {
  response.writeHead(200, { 'content-length': bytes.length });
  let sent = 0;
  const timer = setInterval(() => response.write(bytes.subarray(sent, ++sent)), everyMs);
  response.on('close', () => clearInterval(timer));
}

/** Writes zeros, as fast as they are taken, until there are enough or nobody listens. */
function pour(response: ServerResponse, lengthBytes: number): void {
  const block = Buffer.alloc(64 * 1024);
  let left = lengthBytes;
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      const part = left < block.length ? block.subarray(0, left) : block;
      left -= part.length;
      if (!response.write(part)) {
        response.once('drain', more);
        return;
      }
    }
    if (left === 0) response.end();
  };
  more();
}

function send(response: ServerResponse, file: Buffer | undefined): void {
  if (file === undefined) response.writeHead(404).end('not found');
  else response.writeHead(200, { 'content-length': file.length }).end(file);
}

function changed(file: Buffer): Buffer {
  const bytes = Buffer.from(file);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 0x5a;
  return bytes;
}

function readIfPresent(path: string): Buffer | undefined {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true ? readFileSync(path) : undefined;
}
