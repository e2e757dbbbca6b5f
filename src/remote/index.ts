/**
 * remote: where commits come from. An OSTree remote is an archive repo behind any static file server; this room finds the
 * commit a ref names (`resolveRemoteRef`), brings what is missing into a staging of the repo (`pull`) and leaves publishing
 * to the repo room. Every object is checked against its checksum before it can be seen; whatever goes wrong on the way, the
 * repo is as it was, and what had arrived is used by the next pull. `pullLocal` does the same between two repos of one
 * machine by hard link or reflink. Remotes are keyfile groups of the repo's config and of `remotes.d`, read anew each time.
 *
 * A remote that demands signatures (the default) is refused by name until they can be checked, and so is every setting
 * that would change what a pull means. The only room that opens network connections; the HTTP client is loaded on first use.
 */
export { pull } from './pull.ts';
export { pullLocal } from './pull-local.ts';
export type { PullLocalOptions, PullOptions, PullResult, RemoteRef } from './pull-options.ts';
export {
  addRemote,
  deleteRemote,
  loadRemotes,
  requireRemote,
  type NewRemote,
  type RemoteConfig,
  type RemotePlaces,
  type RemoteTls,
} from './remote-config.ts';
export { requireSupported, requireUnsigned } from './remote-policy.ts';
export { listRemoteRefs, resolveRemoteRef } from './resolve-ref.ts';
export { defaultTimings, type TransportTimings } from './transport-timings.ts';
