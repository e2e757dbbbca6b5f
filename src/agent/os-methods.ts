import { AtomicError, type Job } from '../base/index.ts';
import { wireText, type Invocation, type WireValue } from '../ipc/index.ts';
import { cleanup, deploy, rollback, upgrade, type Host, type Outcome, type UpdateInfo } from '../transactions/index.ts';
import { decodeOptions, transactionTitle, type RequestOptions } from './deploy-options.ts';
import type { TransactionRequest } from './transaction-desk.ts';

/** What the methods of an OS object need. */
export interface OsSurroundings {
  readonly host: Host;
  readonly stateroot: string;
  /** The stateroot that is booted; undefined on an offline sysroot. */
  readonly bootedStateroot: () => string | undefined;
  readonly policy: () => 'none' | 'check' | 'stage' | 'apply';
  /** Takes in what an upgrade or a check learnt. */
  readonly rememberUpdate: (update: UpdateInfo) => void;
  readonly begin: (request: TransactionRequest) => Promise<string>;
}

type Method = (around: OsSurroundings, invocation: Invocation) => Promise<readonly WireValue[]>;

/** Answers a call of the OS interface; `NotSupported` naming the method and the way out where it is not built. */
export async function invokeOs(around: OsSurroundings, invocation: Invocation): Promise<readonly WireValue[]> {
  const { name } = invocation.method;
  const built = methods.get(name);
  if (built !== undefined) return await built(around, invocation);
  throw new AtomicError('NotSupported', `The method ${name} is not supported by this agent`, {
    hint: instead.get(name) ?? 'See the documentation of atomic for what it can do',
  });
}

const methods: ReadonlyMap<string, Method> = new Map<string, Method>([
  ['Upgrade', callUpgrade],
  ['AutomaticUpdateTrigger', callAutomatic],
  ['Deploy', callDeploy],
  ['Rollback', callRollback],
  ['Cleanup', callCleanup],
  // There are no package repositories on a host without package layering: the honest answer is an empty list.
  ['ListRepos', async () => await Promise.resolve([[]])],
  ['WhatProvides', async () => await Promise.resolve([[]])],
  ['GetPackages', async () => await Promise.resolve([[]])],
  ['Search', async () => await Promise.resolve([[]])],
]);

/** What to do instead of changing packages. */
const noLayering = 'Packages are part of the OS version here: deploy a version that has them';

/** The way out of each method that is not built; shown as the hint. */
const instead: ReadonlyMap<string, string> = new Map([
  ['Rebase', 'Deploy another version of the same branch with Deploy'],
  ['UpdateDeployment', 'Use Upgrade or Deploy'],
  ['PkgChange', noLayering],
  ['RefreshMd', noLayering],
  ['ModifyYumRepo', noLayering],
  ['KernelArgs', 'Kernel arguments are part of the boot entry; use `ostree admin deploy --karg`'],
  ['GetDeploymentBootConfig', 'Read the boot entries in /boot/loader/entries'],
  ['ClearRollbackTarget', 'Use Cleanup with the element rollback-deploy'],
  ['FinalizeDeployment', 'A staged deployment is finished when the machine shuts down'],
  ['DownloadUpdateRpmDiff', 'Use AutomaticUpdateTrigger with the mode check'],
]);

/** `Upgrade(options)`: with `dry-run` a check. */
async function callUpgrade(around: OsSurroundings, invocation: Invocation): Promise<readonly WireValue[]> {
  const options = decodeOptions(invocation.args[0]);
  const title = transactionTitle('upgrade', options, options.dryRun);
  return [await begin(around, invocation, { title, work: upgradeWork(around, options, {}) })];
}

/**
 * `AutomaticUpdateTrigger(options)`: what the policy (or `mode`) says. Progress goes to the log unless asked for, because a timer
 * calls this. On an offline sysroot every stateroot may be asked about.
 */
async function callAutomatic(around: OsSurroundings, invocation: Invocation): Promise<readonly WireValue[]> {
  const options = decodeOptions(invocation.args[0]);
  const { mode = 'auto' } = options;
  const policy = mode === 'auto' ? around.policy() : mode;
  if (!['none', 'check', 'stage', 'apply'].includes(policy)) {
    throw new AtomicError('InvalidArgument', `Unknown mode ${JSON.stringify(mode)}`, {
      hint: 'One of auto, none, check, stage, apply',
    });
  }
  const booted = around.bootedStateroot();
  if (booted !== undefined && booted !== around.stateroot) {
    throw new AtomicError('InvalidArgument', `Cannot trigger auto-update for offline OS '${around.stateroot}'`);
  }
  if (policy === 'none') return [false, ''];
  const checkOnly = policy === 'check';
  const title = transactionTitle('upgrade', options, checkOnly);
  const work = upgradeWork(around, options, { checkOnly, reboot: options.reboot || policy === 'apply' });
  return [true, await begin(around, invocation, { title, work, quiet: options.outputToSelf ?? true })];
}

/** The upgrade both methods mean, so that a check shows the very plan that an upgrade carries out. */
function upgradeWork(
  around: OsSurroundings,
  options: RequestOptions,
  forced: { readonly checkOnly?: boolean; readonly reboot?: boolean },
): (job: Job) => Promise<Outcome> {
  const decided = {
    stateroot: around.stateroot,
    allowDowngrade: options.allowDowngrade ?? false,
    cacheOnly: options.cacheOnly,
    downloadOnly: options.downloadOnly,
    checkOnly: forced.checkOnly ?? options.dryRun,
    reboot: forced.reboot ?? options.reboot,
  };
  return async (job) => {
    const outcome = await upgrade(around.host, decided, job);
    if (outcome.update !== undefined) around.rememberUpdate(outcome.update);
    return outcome;
  };
}

/** `Deploy(revision, options)`: a version or checksum of the branch; older ones are welcome unless switched off. */
async function callDeploy(around: OsSurroundings, invocation: Invocation): Promise<readonly WireValue[]> {
  const revision = wireText(invocation.args[0]);
  const options = decodeOptions(invocation.args[1]);
  if (revision === '') {
    throw new AtomicError('InvalidArgument', 'No revision was given', { hint: 'Give a version or a checksum' });
  }
  const decided = {
    stateroot: around.stateroot,
    revision,
    allowDowngrade: options.allowDowngrade ?? true,
    skipBranchCheck: options.skipBranchCheck,
    cacheOnly: options.cacheOnly,
    downloadOnly: options.downloadOnly,
    checkOnly: options.dryRun,
    reboot: options.reboot,
  };
  const work = async (job: Job): Promise<Outcome> => await deploy(around.host, decided, job);
  return [await begin(around, invocation, { title: transactionTitle('deploy', options), work })];
}

/** `Rollback(options)`: its transaction finds out whether there is anything to go back to. */
async function callRollback(around: OsSurroundings, invocation: Invocation): Promise<readonly WireValue[]> {
  const { reboot } = decodeOptions(invocation.args[0]);
  const work = async (job: Job): Promise<Outcome> => await rollback(around.host, { reboot }, job);
  return [await begin(around, invocation, { title: 'rollback', work })];
}

/** The words of the bus for what can be cleaned. */
const cleanupKinds: ReadonlyMap<string, 'base' | 'pending' | 'rollback' | 'repomd'> = new Map([
  ['base', 'base'],
  ['pending-deploy', 'pending'],
  ['rollback-deploy', 'rollback'],
  ['repomd', 'repomd'],
]);

/** `Cleanup(elements)`: an unknown element refuses all of them, before anything is removed. */
async function callCleanup(around: OsSurroundings, invocation: Invocation): Promise<readonly WireValue[]> {
  const [elements] = invocation.args;
  const names = Array.isArray(elements) ? elements.map((one: WireValue) => wireText(one)) : [];
  const flags: { base?: boolean; pending?: boolean; rollback?: boolean; repomd?: boolean } = {};
  for (const name of names) {
    const kind = cleanupKinds.get(name);
    if (kind === undefined) throw new AtomicError('InvalidArgument', `Invalid cleanup type: ${name}`);
    flags[kind] = true;
  }
  const options = { ...flags, stateroot: around.stateroot };
  const work = async (job: Job): Promise<Outcome> => await cleanup(around.host, options, job);
  return [await begin(around, invocation, { title: 'cleanup', work })];
}

/** Hands a request to the desk under the call's own method, object and values, by which it is told from others. */
async function begin(
  around: OsSurroundings,
  invocation: Invocation,
  what: Pick<TransactionRequest, 'title' | 'work' | 'quiet'>,
): Promise<string> {
  const { path, args, caller, method } = invocation;
  return await around.begin({ ...what, member: method.name, path, args, caller });
}
