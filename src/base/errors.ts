/**
 * The closed table of error codes. The code is the last part of the D-Bus error name and picks the exit status;
 * nothing else decides either. `exit` is the exit status of a command that ends with this error.
 */
export const errorCodes = {
  Failed: { exit: 1 },
  // what the caller asked
  InvalidArgument: { exit: 1 },
  NotFound: { exit: 1 },
  NotAuthorized: { exit: 1 },
  NotSupported: { exit: 1 },
  // the host
  UpdateInProgress: { exit: 1 },
  Cancelled: { exit: 1 },
  Timeout: { exit: 1 },
  NoSpace: { exit: 1 },
  ReadOnly: { exit: 1 },
  Io: { exit: 1 },
  NativeMissing: { exit: 1 },
  AgentUnavailable: { exit: 1 },
  // the store
  InvalidFormat: { exit: 1 },
  LimitExceeded: { exit: 1 },
  CorruptObject: { exit: 1 },
  MissingObject: { exit: 1 },
  InvalidRepo: { exit: 1 },
  RefNotFound: { exit: 1 },
  InvalidRefspec: { exit: 1 },
  RepoLocked: { exit: 1 },
  // remotes
  RemoteNotFound: { exit: 1 },
  RemoteUnreachable: { exit: 1 },
  RemoteInvalid: { exit: 1 },
  RemoteTruncated: { exit: 1 },
  RemoteStalled: { exit: 1 },
  SignatureRequired: { exit: 1 },
  SignatureInvalid: { exit: 1 },
  // the sysroot
  InvalidSysroot: { exit: 1 },
  NotBooted: { exit: 1 },
  StaterootNotFound: { exit: 1 },
  NoDeployment: { exit: 1 },
  NoRollback: { exit: 1 },
  StagedExists: { exit: 1 },
  KernelMissing: { exit: 1 },
  EtcConflict: { exit: 1 },
  UnsupportedOrigin: { exit: 1 },
  Downgrade: { exit: 1 },
  BootFull: { exit: 1 },
  BootSwapRefused: { exit: 1 },
} as const satisfies Record<string, { exit: number }>;

/** One of the closed set of error codes. */
export type ErrorCode = keyof typeof errorCodes;

/** What an error knows about itself besides its sentence; shown by `-v` and carried over the bus as text. */
export type ErrorFacts = Readonly<Record<string, string | number | boolean>>;

/** What may accompany the sentence of an {@link AtomicError}. */
export interface ErrorDetails {
  readonly facts?: ErrorFacts;
  /** What the person can do now: one sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * The one error class of the product. `message` says what was tried and what stood in the way; `hint` what to do now.
 */
export class AtomicError extends Error {
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'AtomicError';
    this.code = code;
    this.facts = details.facts ?? {};
    this.hint = details.hint;
  }
}

/** True if `error` is an {@link AtomicError}, of one of the given codes when any are named. */
export function isAtomicError(error: unknown, ...codes: readonly ErrorCode[]): error is AtomicError {
  return error instanceof AtomicError && (codes.length === 0 || codes.includes(error.code));
}

/** The sentence of anything thrown: an error's message, or its text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
