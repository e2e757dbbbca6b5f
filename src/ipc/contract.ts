import { method, properties, signal, type InterfaceContract } from './contract-types.ts';

/** The well-known name of the agent. */
export const agentBusName = 'org.projectatomic.rpmostree1';
/** The object with the ObjectManager, under which all others are. */
export const basePath = '/org/projectatomic/rpmostree1';
/** The one Sysroot object. */
export const sysrootPath = `${basePath}/Sysroot`;
/** The one object of a transaction's private socket. */
export const transactionPath = '/';
/** The prefix of the polkit actions named by {@link InterfaceContract} methods. */
export const actionPrefix = 'org.projectatomic.rpmostree1.';

const address = 'transaction_address:s';
const diff = 'diff:a(sua{sv})';

/** `org.projectatomic.rpmostree1.Sysroot`: the host. */
export const sysrootInterface: InterfaceContract = {
  name: 'org.projectatomic.rpmostree1.Sysroot',
  methods: [
    method('RegisterClient', 'options:a{sv}', '', 'client-management'),
    method('UnregisterClient', 'options:a{sv}', '', 'client-management'),
    method('Reload', '', ''),
    method('ReloadConfig', '', '', 'reload-daemon'),
    method('GetOS', 'name:s', 'object_path:o'),
  ],
  signals: [],
  properties: properties(
    'Booted:o Path:s ActiveTransaction:(sss) ActiveTransactionPath:s Deployments:aa{sv} AutomaticUpdatePolicy:s',
  ),
};

/** `org.projectatomic.rpmostree1.OS`: one stateroot. */
export const osInterface: InterfaceContract = {
  name: 'org.projectatomic.rpmostree1.OS',
  methods: [
    method('AutomaticUpdateTrigger', 'options:a{sv}', `enabled:b ${address}`, 'upgrade'),
    method('Deploy', 'revision:s options:a{sv}', address, 'deploy'),
    method('Upgrade', 'options:a{sv}', address, 'upgrade'),
    method('Rollback', 'options:a{sv}', address, 'rollback'),
    method('ClearRollbackTarget', 'options:a{sv}', address, 'rollback'),
    method('Rebase', 'options:a{sv} refspec:s packages:as', address, 'rebase'),
    method('UpdateDeployment', 'modifiers:a{sv} options:a{sv}', address, 'override'),
    method('PkgChange', 'options:a{sv} packages_added:as packages_removed:as', address, 'install-uninstall-packages'),
    method(
      'KernelArgs',
      'existing_kernel_args:s kernel_args_added:as kernel_args_replaced:as kernel_args_removed:as options:a{sv}',
      address,
      'bootconfig',
    ),
    method('GetDeploymentBootConfig', 'deployid:s is_pending:b', 'bootconfig:a{sv}'),
    method('SetInitramfsState', 'regenerate:b args:as options:a{sv}', address, 'bootconfig'),
    method('InitramfsEtc', 'track:as untrack:as untrack_all:b force_sync:b options:a{sv}', address, 'bootconfig'),
    method('Cleanup', 'elements:as', address, 'cleanup'),
    method('RefreshMd', 'options:a{sv}', address, 'repo-refresh'),
    method('ModifyYumRepo', 'repo_id:s settings:a{ss}', address, 'repo-modify'),
    method('FinalizeDeployment', 'options:a{sv}', address, 'finalize-deployment'),
    method('GetDeploymentsRpmDiff', 'deployid0:s deployid1:s', diff),
    method('GetCachedUpdateRpmDiff', 'deployid:s', `${diff} details:a{sv}`),
    method('DownloadUpdateRpmDiff', '', address, 'repo-refresh'),
    method('GetCachedRebaseRpmDiff', 'refspec:s packages:as', `${diff} details:a{sv}`),
    method('DownloadRebaseRpmDiff', 'refspec:s packages:as', address, 'repo-refresh'),
    method('GetCachedDeployRpmDiff', 'revision:s packages:as', `${diff} details:a{sv}`),
    method('DownloadDeployRpmDiff', 'revision:s packages:as', address, 'repo-refresh'),
    method('ListRepos', '', 'repos:aa{sv}'),
    method('WhatProvides', 'provides:as', 'packages:aa{sv}'),
    method('GetPackages', 'names:as', 'packages:aa{sv}'),
    method('Search', 'terms:as', 'packages:aa{sv}'),
  ],
  signals: [],
  properties: properties(
    'BootedDeployment:a{sv} DefaultDeployment:a{sv} RollbackDeployment:a{sv} CachedUpdate:a{sv} HasCachedUpdateRpmDiff:b Name:s',
  ),
};

/** `org.projectatomic.rpmostree1.OSExperimental`: reachable by root only through the bus policy. */
export const osExperimentalInterface: InterfaceContract = {
  name: 'org.projectatomic.rpmostree1.OSExperimental',
  methods: [
    method('Moo', 'is_utf8:b', 'result:s'),
    method('LiveFs', 'options:a{sv}', address, 'override'),
    method('DownloadPackages', 'queries:as source:s', address, 'install-uninstall-packages'),
  ],
  signals: [],
  properties: [],
};

/** `org.projectatomic.rpmostree1.Transaction`: at `/` on the private socket, never on the bus. */
export const transactionInterface: InterfaceContract = {
  name: 'org.projectatomic.rpmostree1.Transaction',
  methods: [method('Start', '', 'started:b'), method('Cancel', '', '', 'cancel')],
  signals: [
    signal('Finished', 'success:b error_message:s'),
    signal('Message', 'text:s'),
    signal('TaskBegin', 'text:s'),
    signal('TaskEnd', 'text:s'),
    signal('PercentProgress', 'text:s percentage:u'),
    signal('DownloadProgress', 'time:(tt) outstanding:(uu) metadata:(uuu) delta:(uuut) content:(uu) transfer:(tt)'),
    signal('SignatureProgress', 'signature:av commit:s'),
    signal('ProgressEnd', ''),
  ],
  properties: properties('Title:s InitiatingClientDescription:s'),
};

/** Every interface of the published contract, in the order of the shipped XML. */
export const contract: readonly InterfaceContract[] = [
  sysrootInterface,
  osInterface,
  osExperimentalInterface,
  transactionInterface,
];

/** The object path of a stateroot. The path cannot be turned back into the name: read the property `Name`. */
export function osPath(stateroot: string): string {
  const segment = [...Buffer.from(stateroot, 'utf8')].map((byte) => {
    const character = String.fromCharCode(byte);
    if (/[A-Za-z0-9_]/.test(character)) return character;
    if (character === '-' || character === '/') return '_';
    return `_${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return `${basePath}/${segment.join('')}`;
}
