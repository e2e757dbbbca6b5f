import { AtomicError, type ErrorCode } from '../base/index.ts';
import { loadNative } from './native.ts';
import { throughInterceptors } from './syscalls.ts';
import { errorCodeOf } from './system-errors.ts';

/** What every bulk call takes. */
export interface BulkOptions {
  /** Stops the work within about 50 ms; the call then fails with `Cancelled`, after all workers stopped. */
  readonly signal?: AbortSignal | undefined;
  /** Called at most ten times a second with what was done so far. */
  readonly onProgress?: ((items: number, bytes: number) => void) | undefined;
  /** Worker threads; by default as many as the machine has cores, at most four. */
  readonly threads?: number | undefined;
}

/** A bulk call under way in the addon. */
interface BulkHandle {
  readonly promise: Promise<unknown>;
  readonly abort: () => void;
  readonly progress: () => readonly [items: number, bytes: number];
}

/** What the addon rejects with. */
interface BulkFailure extends Error {
  readonly kind?: ErrorCode;
  readonly code?: string;
  readonly errno?: number;
  readonly syscall?: string;
  readonly path?: string;
  readonly facts?: Readonly<Record<string, string>>;
}

const progressIntervalMs = 100;

/**
 * Runs the addon's bulk call `name` and resolves with its raw answer. `what` begins the sentence of an error ("Could not
 * check out X"). `Cancelled`, `NoSpace`, `ReadOnly`, `Io`, or what the addon says about the data.
 */
export function bulkCall(
  name: string,
  what: string,
  args: Readonly<Record<string, unknown>>,
  options: BulkOptions,
): Promise<unknown> {
  const start = (input: unknown): unknown => runBulk(name, what, input, options);
  return throughInterceptors(name, start, [args]) as Promise<unknown>;
}

async function runBulk(name: string, what: string, args: unknown, options: BulkOptions): Promise<unknown> {
  if (options.signal?.aborted === true) throw cancelled(options.signal.reason);
  const call = loadNative()[name];
  if (call === undefined) throw new TypeError(`the native addon has no bulk call ${name}: rebuild it`);
  const handle = call(args, options.threads ?? 0) as BulkHandle;
  const stop = (): void => handle.abort();
  const timer =
    options.onProgress === undefined ? undefined : setInterval(() => tell(handle, options), progressIntervalMs);
  options.signal?.addEventListener('abort', stop, { once: true });
  try {
    const answer = await handle.promise;
    tell(handle, options);
    return answer;
  } catch (error) {
    throw bulkError(what, error as BulkFailure, options);
  } finally {
    clearInterval(timer);
    options.signal?.removeEventListener('abort', stop);
  }
}

function tell(handle: BulkHandle, options: BulkOptions): void {
  const [items, bytes] = handle.progress();
  options.onProgress?.(items, bytes);
}

function cancelled(cause: unknown): AtomicError {
  return new AtomicError('Cancelled', 'Operation was cancelled', { cause });
}

function bulkError(what: string, failure: BulkFailure, options: BulkOptions): unknown {
  if (failure.kind === 'Cancelled') return cancelled(options.signal?.reason);
  if (failure.kind !== undefined) {
    return new AtomicError(failure.kind, `${what}: ${failure.message}`, { facts: failure.facts ?? {}, cause: failure });
  }
  if (failure.syscall === undefined) return failure;
  const facts = { errno: failure.code ?? '', syscall: failure.syscall, path: failure.path ?? '' };
  return new AtomicError(errorCodeOf(failure.code), `${what}: ${failure.message}`, { facts, cause: failure });
}
