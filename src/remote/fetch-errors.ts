import { AtomicError, type ErrorCode, messageOf } from '../base/index.ts';
import { redactUrl } from './url.ts';

/** May another attempt help: `always` for the network and its servers, `stall` where an attempt costs a whole window. */
export type RetryAdvice = 'always' | 'stall' | 'never';

/** Why one attempt to fetch failed. */
export interface FetchFailure {
  readonly kind: 'failed';
  readonly error: AtomicError;
  readonly retry: RetryAdvice;
  /** Milliseconds the server asked us to wait. */
  readonly retryAfterMs?: number;
}

/** The error of a fetch; the message begins with `While fetching URL:`, credentials removed. */
export function fetchError(
  code: ErrorCode,
  url: URL,
  about: { readonly reason: string; readonly hint?: string; readonly cause?: unknown },
): AtomicError {
  const shown = redactUrl(url);
  return new AtomicError(code, `While fetching ${shown}: ${about.reason}`, {
    facts: { url: shown },
    ...(about.hint === undefined ? {} : { hint: about.hint }),
    ...(about.cause === undefined ? {} : { cause: about.cause }),
  });
}

/** Codes of errors that a second attempt meets again: the certificate is what it is. */
const permanentCodePattern = /^(CERT_|ERR_TLS|ERR_SSL|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH)/;

/** What a network error means, by how far the response had come. */
export function networkFailure(url: URL, error: Error, hadHeaders: boolean): FetchFailure {
  const cause = rootCause(error);
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  if (permanentCodePattern.test(code)) {
    return failure('never', url, 'RemoteUnreachable', {
      reason: `the TLS connection was refused: ${cause.message} (${code})`,
      hint: 'Check the clock of this machine and tls-ca-path of the remote.',
      cause: error,
    });
  }
  if (code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW') {
    return failure('always', url, 'RemoteInvalid', {
      reason: `the answer is not HTTP: ${cause.message}`,
      hint: 'Check that the URL of the remote is that of a web server.',
      cause: error,
    });
  }
  if (hadHeaders) {
    return failure('always', url, 'RemoteTruncated', {
      reason: `the connection ended before the body was complete (${messageOf(cause)})`,
      hint: 'Try again; what had arrived is kept.',
      cause: error,
    });
  }
  return failure('always', url, 'RemoteUnreachable', {
    reason: unreachableReason(cause, code),
    hint: 'Check the network and the URL of the remote, then try again; what had arrived is kept.',
    cause: error,
  });
}

/** What it means that the body could not be kept on this machine. */
export function localFailure(url: URL, error: unknown): FetchFailure {
  const full = error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
  return failure('never', url, full ? 'NoSpace' : 'Io', {
    reason: `the body cannot be written: ${messageOf(error)}`,
    ...(full ? { hint: 'Free some space on the file system of the repo, then try again.' } : {}),
    cause: error,
  });
}

/** A failure of the given code with its advice. */
export function failure(
  retry: RetryAdvice,
  url: URL,
  code: ErrorCode,
  about: { readonly reason: string; readonly hint?: string; readonly cause?: unknown },
): FetchFailure {
  return { kind: 'failed', retry, error: fetchError(code, url, about) };
}

/** In words what the commonest codes mean; the others speak for themselves. */
function unreachableReason(cause: Error, code: string): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the host name cannot be resolved';
  if (code === 'ECONNREFUSED') return 'the connection was refused';
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') return 'no connection could be made in time';
  return `the connection failed: ${cause.message === '' ? code : cause.message}`;
}

/** Several addresses tried and refused arrive as one AggregateError; the first tells the reason. */
function rootCause(error: Error): Error {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return rootCause(error.errors[0]);
  return error.cause instanceof Error && !('code' in error) ? rootCause(error.cause) : error;
}
