/**
 * transactions: the verbs of the product. Each verb is one file and one function of (host, options, job) that returns an
 * {@link Outcome} or throws an AtomicError; what it is going to do is decided by pure functions on a plan, and carried
 * out by the rooms below. Nothing that boots changes before the last step of a verb, and a verb that fails or is
 * cancelled leaves the list of deployments as it was. {@link TransactionRunner} lets one run at a time.
 */
export { cleanup } from './cleanup.ts';
export { type Decision, decide } from './decide.ts';
export { deploy } from './deploy.ts';
export type { Host } from './host.ts';
export type { CleanupOptions, DeployOptions, FetchOptions, RollbackOptions, UpgradeOptions } from './options.ts';
export type { CommitInfo, Outcome, UpdateInfo } from './outcome.ts';
export { planUpgrade, type UpdatePlan } from './plan.ts';
export { rollback } from './rollback.ts';
export { type RunningTransaction, TransactionRunner } from './runner.ts';
export { upgrade } from './upgrade.ts';
