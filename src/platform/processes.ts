import { spawn } from 'node:child_process';

import { AtomicError } from '../base/index.ts';

/** How a child is run. */
export interface RunOptions {
  readonly cwd?: string;
  /** The whole environment of the child; ours by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Fed to standard input, which is empty otherwise. */
  readonly input?: Uint8Array | string;
  readonly signal?: AbortSignal;
  /** After this time the child is killed and `Timeout` thrown. */
  readonly timeoutMs?: number;
}

/** How a child ended. `status` is 128 + the signal's number for one that was killed. */
export interface RunResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A tool that prints more than this is broken: its output would fill our memory. */
const outputLimitBytes = 64 * 1024 * 1024;

/**
 * Runs a program without a shell and resolves when it ended, whatever its status; both outputs as UTF-8 text.
 * `NotFound` if there is no such program, `Cancelled` on abort, `Timeout`, and `LimitExceeded` for a flood of output.
 */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], {
      cwd: options.cwd,
      env: options.env === undefined ? undefined : { ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stop = (error: AtomicError): void => {
      child.kill('SIGKILL');
      reject(error);
    };
    const limit = (): void => stop(new AtomicError('LimitExceeded', `${command} prints without end`));
    const outputs = [child.stdout, child.stderr].map((stream) => collect(stream, limit));
    const cancel = (): void => stop(new AtomicError('Cancelled', `${command} was cancelled`));
    const expire = (): void => stop(new AtomicError('Timeout', `${command} took longer than ${options.timeoutMs} ms`));
    const timer = options.timeoutMs === undefined ? undefined : setTimeout(expire, options.timeoutMs);
    const settled = (): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', cancel);
    };
    child.on('error', (cause) => {
      settled();
      reject(new AtomicError('NotFound', `Could not run ${command}: ${cause.message}`, { cause }));
    });
    child.on('close', (code, signal) => {
      settled();
      const [stdout = '', stderr = ''] = outputs.map((read) => read());
      resolve({ status: code ?? 128 + signalNumber(signal), stdout, stderr });
    });
    // A child that does not read its input closes it: not our error.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    if (options.signal?.aborted === true) cancel();
    else options.signal?.addEventListener('abort', cancel, { once: true });
  });
}

function collect(stream: NodeJS.ReadableStream, limit: () => void): () => string {
  const chunks: Buffer[] = [];
  const size = { bytes: 0 };
  stream.on('data', (chunk: Buffer) => {
    size.bytes += chunk.length;
    if (size.bytes > outputLimitBytes) limit();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

/** The signals that end children in practice; anything else counts as the one that nothing survives. */
function signalNumber(signal: string | null): number {
  const numbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGABRT: 6, SIGSEGV: 11, SIGTERM: 15 };
  return (signal === null ? undefined : numbers[signal]) ?? 9;
}
