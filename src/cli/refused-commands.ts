/** Commands of rpm-ostree that this program knows of and does not have; the value says why or what to do. */
const rpmOstreeCommands: Readonly<Record<string, string>> = {
  'apply-live': 'Changing the running system is not built yet; use upgrade and a reboot',
  compose: 'Trees are made with `ostree commit`; treefiles are not supported',
  db: 'Package lists are not built yet',
  ex: 'Experimental commands are not built yet',
  'finalize-deployment': 'Holding back a staged deployment is not built yet',
  initramfs: 'Rebuilding the initramfs on this machine is not built yet',
  'initramfs-etc': 'Rebuilding the initramfs on this machine is not built yet',
  install: 'Installing packages on top of the tree is not built yet',
  kargs: 'Changing kernel arguments is not built yet',
  override: 'Overriding packages of the tree is not built yet',
  rebase: 'Following another branch is not built yet',
  'refresh-md': 'There is no package metadata on this host',
  reset: 'There are no package requests to reset',
  search: 'Searching packages is not built yet',
  'start-daemon': 'The agent is the program `atomicd`',
  uninstall: 'Installing packages on top of the tree is not built yet',
  usroverlay: 'A writable /usr is not built yet',
};

const rpmOstreeAliases: Readonly<Record<string, string>> = {
  'pkg-add': 'install',
  'pkg-remove': 'uninstall',
  remove: 'uninstall',
  makecache: 'refresh-md',
  rpm: 'db',
  unlock: 'usroverlay',
};

/** Commands for containers that an older program named `atomic` had. */
const containerCommands = new Set(
  (
    'containers diff help images info install mount pull push run scan sign stop storage top trust uninstall unmount ' +
    'update verify version'
  ).split(' '),
);

/** Why the host command of this name is refused; undefined if no such command exists anywhere. */
export function refusedHostCommand(name: string): string | undefined {
  const known = rpmOstreeAliases[name] ?? name;
  return Object.hasOwn(rpmOstreeCommands, known) ? rpmOstreeCommands[known] : undefined;
}

/** True if an older `atomic` had a command of this name beside `host`. */
export function isContainerCommand(name: string): boolean {
  return containerCommands.has(name);
}
