import { AtomicError } from '../base/index.ts';

/** What upgrade and deploy have in common. */
export interface FetchOptions {
  /** Stateroot to work on; the booted one, or the first deployment's, when absent. */
  readonly stateroot?: string;
  /** Never touch the network: what the local ref names is the candidate. */
  readonly cacheOnly?: boolean;
  /** Fetch everything, deploy nothing. */
  readonly downloadOnly?: boolean;
  /** Ask for a reboot when a new deployment was made. */
  readonly reboot?: boolean;
  /** Stop after the plan: commit metadata may be fetched, nothing is deployed. */
  readonly checkOnly?: boolean;
}

/** Options of `upgrade`. */
export interface UpgradeOptions extends FetchOptions {
  /** Accept a commit older than the deployed one. Default false. */
  readonly allowDowngrade?: boolean;
}

/** Options of `deploy`. */
export interface DeployOptions extends FetchOptions {
  /** `revision=CHECKSUM`, `version=VERSION` (prefixes in any case), 64 hex digits, or a version. */
  readonly revision: string;
  /** Accept a commit older than the deployed one. Default true. */
  readonly allowDowngrade?: boolean;
  /** Deploy a checksum that is not on the origin's branch. */
  readonly skipBranchCheck?: boolean;
}

/** Options of `rollback`. */
export interface RollbackOptions {
  readonly reboot?: boolean;
}

/** Options of `cleanup`; at least one of the four has to be named. */
export interface CleanupOptions {
  readonly base?: boolean;
  readonly pending?: boolean;
  readonly rollback?: boolean;
  /** Package metadata: there is none on this host, accepted and done. */
  readonly repomd?: boolean;
  readonly stateroot?: string;
}

/** Refuses, with `InvalidArgument`, options that contradict each other whatever the state of the host. */
export function refuseContradictions(options: FetchOptions): void {
  if (options.cacheOnly === true && options.downloadOnly === true) {
    throw new AtomicError('InvalidArgument', 'Cannot specify both --cache-only and --download-only', {
      hint: 'Download first with --download-only; --cache-only deploys what was downloaded.',
    });
  }
}
