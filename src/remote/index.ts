/**
 * remote: where commits come from. An OSTree remote is an archive repo behind any static file server; this room finds the
 * commit a ref names (`resolveRemoteRef`), brings what is missing into a staging of the repo (`pull`) and leaves publishing
 * to the repo room. Every object is checked against its checksum before it can be seen; whatever goes wrong on the way, the
 * repo is as it was, and what had arrived is used by the next pull. `pullLocal` does the same between two repos of one
 * machine by hard link or reflink. Remotes are keyfile groups of the repo's config and of `remotes.d`, read anew each time.
 *
 * What a remote demands to be signed (commits, by default; its summary) is checked before anything of it is kept or what it
 * leads to is fetched; a setting that would change what a pull means and is not known is refused by name. The only room that opens network connections; the HTTP client is loaded on first use.
 */
export type { DeltaUse } from './delta-pull.ts';
export { pull } from './pull.ts';
export { pullLocal } from './pull-local.ts';
export type { PullLocalOptions, PullOptions, PullResult, RemoteRef } from './pull-options.ts';
export {
  addRemote,
  deleteRemote,
  keyringName,
  loadRemotes,
  requireRemote,
  type NewRemote,
  type RemoteConfig,
  type RemotePlaces,
  type RemoteTls,
  type RemoteTrust,
  type RemoteTrustKeys,
} from './remote-config.ts';
export { demandsSignedCommits, requireSupported } from './remote-policy.ts';
export {
  commitSignatureTuples,
  judgeCommit,
  RemoteSignatures,
  type SystemTrust,
  type UnprovenCommit,
} from './remote-signatures.ts';
export { listRemoteRefs, resolveRemoteRef } from './resolve-ref.ts';
export { defaultTimings, type TransportTimings } from './transport-timings.ts';
