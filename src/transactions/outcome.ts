import type { Checksum } from '../base/index.ts';

/** One commit as a person knows it. */
export interface CommitInfo {
  readonly checksum: Checksum;
  readonly version: string | undefined;
  readonly timestampSeconds: number;
}

/** What is known about the update a host could take; the same for `--check`, `--preview` and a finished upgrade. */
export interface UpdateInfo {
  readonly stateroot: string;
  /** The refspec the update comes from, `remote:ref`. */
  readonly origin: string;
  readonly candidate: CommitInfo;
  /** The commit the verb starts from: the first deployment of the stateroot. */
  readonly current: CommitInfo;
  /** The booted deployment's checksum, when one is booted. */
  readonly bootedChecksum: Checksum | undefined;
  /** False when `current` is the candidate already. */
  readonly available: boolean;
  /** True when the remote's commits have to be signed. */
  readonly signatureRequired: boolean;
  /** Objects and bytes still to be fetched; `undefined` while nobody knows. */
  readonly missingObjects: number | undefined;
  readonly missingBytes: number | undefined;
  /** Paths below /etc that stand in the way of the merge; `undefined` while the candidate's tree is not here. */
  readonly etcConflicts: readonly string[] | undefined;
}

/** How a transaction ended when it did not fail. */
export interface Outcome {
  readonly kind: 'unchanged' | 'downloaded' | 'deployed' | 'cleaned' | 'rolled-back' | 'checked';
  /**
   * One line (or two) for a person: `No upgrade available.`, `Update downloaded.` …; clients match on these texts. The job has
   * reported it as a note already, so it must not be shown again.
   */
  readonly message?: string;
  /** Id of the deployment that was made or moved to the front, `STATEROOT-CHECKSUM.SERIAL`. */
  readonly deploymentId?: string;
  /** The caller asked for a reboot and there is something to reboot into. */
  readonly rebootRequested: boolean;
  readonly update?: UpdateInfo;
}
