import type { Checksum } from '../base/index.ts';
import type { Repo } from '../repo/index.ts';
import type { DeltaUse } from './delta-pull.ts';
import type { RemoteConfig } from './remote-config.ts';
import type { SystemTrust } from './remote-signatures.ts';
import type { TransportTimings } from './transport-timings.ts';

/** What to pull over the network. */
export interface PullOptions {
  readonly remote: RemoteConfig;
  /** Ref names or commit checksums. None: the remote's `branches`; with `mirror`, all refs of its summary. */
  readonly refs: readonly string[];
  /** Take this commit for a ref instead of the one the remote names now; the ref is written with it. */
  readonly overrideCommits?: ReadonlyMap<string, Checksum>;
  /** Write `refs/heads/REF` instead of `refs/remotes/REMOTE/REF`. */
  readonly mirror?: boolean;
  /** How many parents of each commit to pull too; 0 by default, -1 for all. A missing parent ends the walk quietly. */
  readonly depth?: number;
  /** Fetch the commit object alone; it stays partial. */
  readonly commitMetadataOnly?: boolean;
  /** Refuse a commit older than the one the ref names now here (`Downgrade`). */
  readonly timestampCheck?: boolean;
  /** Refuse a commit older than this one, which must be here (`Downgrade`). */
  readonly timestampCheckFrom?: Checksum;
  /** Do not ask whether the commit is bound to the ref it was found under. */
  readonly disableBindings?: boolean;
  /** `allow` by default. Repos on this machine have no use for them. */
  readonly staticDeltas?: DeltaUse;
  /** Where the host keeps keys for remotes without their own. */
  readonly systemTrust?: SystemTrust;
  readonly timings?: Partial<TransportTimings>;
}

/** What to pull from a repo on this machine. */
export interface PullLocalOptions {
  readonly source: Repo;
  /** Ref names or commit checksums of `source`; none: all its refs. */
  readonly refs: readonly string[];
  /** Write `refs/remotes/NAME/REF` instead of `refs/heads/REF`. */
  readonly remoteName?: string;
  readonly depth?: number;
  readonly commitMetadataOnly?: boolean;
  /** Copy and hash again instead of linking what the other repo vouches for. */
  readonly untrusted?: boolean;
  /** Take only commits that bear the signatures this remote demands. */
  readonly signedFor?: RemoteConfig;
  readonly systemTrust?: SystemTrust;
}

/** What a pull brought. `transferredBytes` counts bodies as they came over the wire (or were copied). */
export interface PullResult {
  /** By what was asked for: ref name or checksum. */
  readonly refs: ReadonlyMap<string, Checksum>;
  readonly fetchedMetadata: number;
  readonly fetchedContent: number;
  /** Parts of static deltas, over the network only. */
  readonly fetchedDeltaParts?: number;
  readonly transferredBytes: number;
}

/** The commit a remote's ref names now. */
export interface RemoteRef {
  readonly checksum: Checksum;
  /** As the summary says; undefined without a summary. */
  readonly commitSizeBytes: number | undefined;
}
