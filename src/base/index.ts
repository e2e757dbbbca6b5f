/**
 * base: the words every other room uses. Errors with a closed table of codes, jobs with a signal and a report,
 * assertions, and the checksum type. Imports nothing.
 */
export { assert, AssertionError, defined, unreachable } from './assert.ts';
export { checksumFromBytes, checksumToBytes, isChecksum, parseChecksum, type Checksum } from './checksum.ts';
export {
  AtomicError,
  errorCodes,
  isAtomicError,
  messageOf,
  type ErrorCode,
  type ErrorDetails,
  type ErrorFacts,
} from './errors.ts';
export {
  createJob,
  throwIfCancelled,
  type CountEvent,
  type Job,
  type JobEvent,
  type NoteEvent,
  type PhaseEvent,
  type TransferEvent,
} from './job.ts';
export { cleanLine, cleanText, escapeUnsafe } from './plain-text.ts';
