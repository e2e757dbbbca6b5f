import { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { isStaterootName } from '../../format/index.ts';
import { Dir, isSystemError } from '../../platform/index.ts';
import {
  cleanup,
  initStateroot,
  initSysroot,
  loadDeployments,
  openSysroot,
  pinDeployment,
  undeploy,
} from '../../sysroot/index.ts';
import type { OstreeContext } from '../context.ts';
import { deployCommand } from './deploy.ts';
import { statusCommand } from './status.ts';
import {
  changeSysroot,
  openCommandSysroot,
  requireDeployment,
  sysrootCommand,
  sysrootPath,
} from './sysroot-command.ts';
import { switchCommand } from './switch.ts';
import { upgradeCommand } from './upgrade.ts';

/** A mistyped path must not become a new sysroot. */
function requireDirectory(path: string): void {
  try {
    Dir.open(path)[Symbol.dispose]();
  } catch (cause) {
    if (!isSystemError(cause, 'ENOENT', 'ENOTDIR')) throw cause;
    const reason = cause.code === 'ENOENT' ? 'No such file or directory' : 'Not a directory';
    throw new AtomicError('InvalidArgument', `opendir(${path}): ${reason}`, {
      hint: 'Make the directory first.',
      cause,
    });
  }
}

function initFsCommand(context: OstreeContext): Command {
  return new Command('init-fs')
    .description('Initialize a root filesystem')
    .argument('<path>')
    .option('--modern', 'only create /boot and /ostree')
    .action((path: string, options: { modern?: boolean }) => {
      requireDirectory(path);
      initSysroot(path.startsWith('/') ? path : `${context.cwd}/${path}`, { modern: options.modern === true });
    });
}

function osInitCommand(context: OstreeContext): Command {
  const command = sysrootCommand('os-init', 'Initialize empty state for given operating system')
    .argument('<osname>')
    .alias('stateroot-init');
  return command.action((name: string) => {
    using sysroot = openSysroot(sysrootPath(context, command));
    if (isStaterootName(name) && sysroot.dir.exists(`ostree/deploy/${name}`)) {
      throw new AtomicError('InvalidArgument', `Creating ostree/deploy/${name}: File exists`);
    }
    initStateroot(sysroot, name);
    context.write(`ostree/deploy/${name} initialized as OSTree root\n`);
  });
}

function undeployCommand(context: OstreeContext): Command {
  const command = sysrootCommand('undeploy', 'Delete deployment INDEX').argument('<index>');
  return command.action(async (index: string) => {
    await changeSysroot(context, command, async (sysroot, job) => {
      const { index: number, name } = requireDeployment(sysroot, index);
      await undeploy(sysroot, number, job);
      await cleanup(sysroot, { base: true }, job);
      context.write(`Deleted deployment ${name}\n`);
    });
  });
}

function cleanupCommand(context: OstreeContext): Command {
  const command = sysrootCommand('cleanup', 'Delete untagged deployments and repository objects');
  return command.action(async () => {
    await changeSysroot(context, command, async (sysroot, job) => {
      await cleanup(sysroot, { base: true }, job);
    });
  });
}

function pinCommand(context: OstreeContext): Command {
  const command = sysrootCommand('pin', 'Change the "pinning" state of a deployment')
    .argument('<index...>')
    .option('-u, --unpin', 'unset pin');
  return command.action(async (indexes: readonly string[], options: { unpin?: boolean }) => {
    const pinned = options.unpin !== true;
    const word = pinned ? 'pinned' : 'unpinned';
    await changeSysroot(context, command, (sysroot) => {
      for (const text of indexes) {
        const changed = pinDeployment(sysroot, requireDeployment(sysroot, text).index, pinned);
        context.write(`Deployment ${text} is ${changed ? 'now' : 'already'} ${word}\n`);
      }
    });
  });
}

/** Commands of the original that are not built yet. */
const notBuilt = ['config-diff', 'finalize-staged', 'instutil', 'kargs', 'set-origin', 'unlock'];

function refusedCommand(name: string): Command {
  return new Command(name)
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .action(() => {
      throw new AtomicError('NotSupported', `"ostree admin ${name}" is not built yet`, {
        hint: 'Use the original ostree for it: both work on the same sysroot.',
      });
    });
}

/** Where the booted deployment lies; that which boots next where none is booted. */
function printCurrentDir(context: OstreeContext, command: Command): void {
  using sysroot = openCommandSysroot(context, command);
  const { deployments, booted } = loadDeployments(sysroot);
  const current = booted ?? deployments[0];
  if (current === undefined) throw new AtomicError('NoDeployment', 'Unable to find a deployment in sysroot');
  const path = sysrootPath(context, command).replace(/\/+$/, '');
  const absolute = path === '' || path.startsWith('/') ? path : `${context.cwd}/${path}`;
  context.write(`${absolute}/ostree/deploy/${current.stateroot}/deploy/${current.name}\n`);
}

/** `ostree admin`: works on the deployments of a sysroot. */
export function adminCommand(context: OstreeContext): Command {
  const command = new Command('admin')
    .description('Commands for managing a host system booted with ostree')
    .option('--sysroot <path>', 'the sysroot to work on (default: this host)')
    .option('--print-current-dir', 'if present, print the path of the current deployment directory');
  command.allowExcessArguments().action((options: { printCurrentDir?: boolean }) => {
    const [unknown] = command.args;
    if (unknown !== undefined) command.error(`unknown command '${unknown}'`, { code: 'commander.unknownCommand' });
    if (options.printCurrentDir === true) printCurrentDir(context, command);
    else command.help({ error: true });
  });
  const factories = [
    cleanupCommand,
    deployCommand,
    initFsCommand,
    osInitCommand,
    pinCommand,
    statusCommand,
    switchCommand,
    undeployCommand,
    upgradeCommand,
  ];
  for (const create of factories) command.addCommand(create(context));
  for (const name of notBuilt) command.addCommand(refusedCommand(name), { hidden: true });
  return command;
}
