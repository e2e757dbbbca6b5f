import { AtomicError, isChecksum } from '../base/index.ts';
import { type Origin, parseRefspec } from '../format/index.ts';

import { formatBytes } from './format-bytes.ts';
import type { Missing } from './missing.ts';
import type { CommitInfo } from './outcome.ts';

/** What is to be done about a plan. */
export type Decision =
  | { readonly kind: 'proceed' }
  | { readonly kind: 'unchanged'; readonly message: string }
  | { readonly kind: 'refused'; readonly error: AtomicError };

/** Where an origin says its commits come from. */
export type Source =
  | { readonly kind: 'branch'; readonly refspec: string; readonly remote: string | undefined; readonly ref: string }
  | { readonly kind: 'pinned'; readonly message: string };

/** What a decision looks at: the part of a plan that says what would be deployed over what. */
export interface Weighed {
  readonly candidate: CommitInfo;
  readonly current: CommitInfo;
  /** True when the candidate's whole tree is in the repo. */
  readonly complete: boolean;
  /** True when what is missing can be asked of a remote. */
  readonly fetchable: boolean;
  /** What is still to be fetched; `undefined` while nobody knows. */
  readonly missing: Missing | undefined;
  /** Bytes that may still be written where the repo lies; negative when its reserve is touched. */
  readonly freeBytes: number;
  /** What to say when the candidate is deployed already. */
  readonly unchangedMessage: string;
}

/**
 * Decides whether `plan` is carried out: `Downgrade` for a commit older than the deployed one unless that is allowed,
 * `MissingObject` for what is neither here nor to be fetched, `NoSpace`. Pure: the same plan gives the same answer to
 * `--check` and to the upgrade.
 */
export function decide(plan: Weighed, allowed: { readonly allowDowngrade: boolean }): Decision {
  const { candidate, current } = plan;
  if (candidate.checksum === current.checksum) return { kind: 'unchanged', message: plan.unchangedMessage };
  if (!allowed.allowDowngrade && candidate.timestampSeconds < current.timestampSeconds) {
    return { kind: 'refused', error: downgradeError(candidate, current) };
  }
  if (!plan.complete && !plan.fetchable) return { kind: 'refused', error: incompleteError(candidate) };
  if (plan.missing !== undefined && plan.missing.storedBytes > Math.max(plan.freeBytes, 0)) {
    return { kind: 'refused', error: spaceError(plan.missing.storedBytes, Math.max(plan.freeBytes, 0)) };
  }
  return { kind: 'proceed' };
}

/**
 * Reads from an origin where updates come from. `UnsupportedOrigin` with the origin's own text when it is not
 * configured, naming the keys when it holds requests we cannot honour, or when it names no source at all.
 */
export function decideSource(origin: Origin): Source {
  if (origin.unconfiguredState !== undefined) {
    throw new AtomicError('UnsupportedOrigin', `origin unconfigured-state: ${origin.unconfiguredState}`);
  }
  refuseUnsupported(origin);
  const { refspec } = origin;
  if (refspec === undefined) {
    throw new AtomicError('UnsupportedOrigin', 'The origin of the deployment names no refspec to update from', {
      hint: 'Write `refspec=REMOTE:REF` into group [origin] of the deployment’s .origin file.',
    });
  }
  if (isChecksum(refspec)) return { kind: 'pinned', message: pinnedMessage(origin) };
  return { kind: 'branch', refspec, ...parseRefspec(refspec) };
}

function refuseUnsupported(origin: Origin): void {
  if (origin.unsupported.length === 0) return;
  const keys = origin.unsupported.join(', ');
  throw new AtomicError('UnsupportedOrigin', `The origin holds requests that this agent cannot honour: ${keys}`, {
    hint: 'A new deployment would lose them. Remove the requests, or update with the tool that made them.',
    facts: { keys },
  });
}

function pinnedMessage(origin: Origin): string {
  if (origin.customDescription === undefined) return 'Pinned to commit; no upgrade available';
  return `Pinned to commit by custom origin: ${origin.customDescription}`;
}

function downgradeError(candidate: CommitInfo, current: CommitInfo): AtomicError {
  return new AtomicError(
    'Downgrade',
    `Commit ${candidate.checksum} of ${timeOf(candidate)} is chronologically older than ` +
      `the deployed commit ${current.checksum} of ${timeOf(current)}`,
    { hint: 'Use --allow-downgrade to deploy it all the same.' },
  );
}

function incompleteError(candidate: CommitInfo): AtomicError {
  return new AtomicError('MissingObject', `Commit ${candidate.checksum} is not completely in the local repo`, {
    hint: 'Run the command once without --cache-only, or with --download-only, while the remote can be reached.',
  });
}

function spaceError(neededBytes: number, freeBytes: number): AtomicError {
  const sizes = `${formatBytes(neededBytes)} of disk; ${formatBytes(freeBytes)}`;
  return new AtomicError('NoSpace', `The update needs ${sizes} may still be written`, {
    facts: { neededBytes, freeBytes },
    hint: 'Free some space, for example with `cleanup --rollback --base`.',
  });
}

/** The largest number of seconds that a Date can hold; a commit may say more. */
const maxDateSeconds = 8.64e12;

function timeOf(commit: CommitInfo): string {
  if (commit.timestampSeconds > maxDateSeconds) return `second ${commit.timestampSeconds}`;
  return new Date(commit.timestampSeconds * 1000).toISOString().replace('.000Z', 'Z');
}
