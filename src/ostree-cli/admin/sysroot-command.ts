import { Command } from 'commander';
import { AtomicError, type Job } from '../../base/index.ts';
import {
  loadDeployments,
  lockSysroot,
  openSysroot,
  readBootRecord,
  type Deployment,
  type Sysroot,
} from '../../sysroot/index.ts';
import type { OstreeContext } from '../context.ts';

interface SysrootOptions {
  readonly sysroot?: string;
}

/** A command that works on a sysroot: has `--sysroot` of its own beside the one of `ostree admin`. */
export function sysrootCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--sysroot <path>', 'the sysroot to work on (default: this host)');
}

/** The path `--sysroot` names, else `OSTREE_SYSROOT`, else the running host's. */
export function sysrootPath(context: OstreeContext, command: Command): string {
  return (
    command.opts<SysrootOptions>().sysroot ??
    command.optsWithGlobals<SysrootOptions>().sysroot ??
    context.env['OSTREE_SYSROOT'] ??
    '/'
  );
}

/** Opens the sysroot of a command; the running host's, by whatever name, with what it was booted from. To be closed by `using`. */
export function openCommandSysroot(context: OstreeContext, command: Command): Sysroot {
  const path = sysrootPath(context, command);
  return openSysroot(path, readBootRecord(path));
}

/** Runs `change` with the sysroot open and locked. */
export async function changeSysroot(
  context: OstreeContext,
  command: Command,
  change: (sysroot: Sysroot, job: Job) => Promise<void> | void,
): Promise<void> {
  using sysroot = openCommandSysroot(context, command);
  using _lock = await lockSysroot(sysroot, context.job);
  await change(sysroot, context.job);
}

/** The stateroot a command is about: the named one, else the booted one; the words of the original otherwise. */
export function requireStaterootName(sysroot: Sysroot, named: string | undefined): string {
  const stateroot = named ?? loadDeployments(sysroot).booted?.stateroot;
  if (stateroot !== undefined) return stateroot;
  throw new AtomicError(
    'NotBooted',
    'Looking for booted deployment: Not currently booted into an OSTree system and no --os= argument given',
    { hint: 'Name the stateroot with --os=NAME.' },
  );
}

/** The deployment a new one of this stateroot takes /etc and arguments from: the booted one, else the first. */
export function mergeDeployment(sysroot: Sysroot, stateroot: string): Deployment | undefined {
  const { booted, deployments } = loadDeployments(sysroot);
  if (booted?.stateroot === stateroot) return booted;
  return deployments.find((deployment) => deployment.stateroot === stateroot && !deployment.staged);
}

/** The deployment an index argument means; the words of the original where there is none. */
export function requireDeployment(sysroot: Sysroot, text: string): Deployment {
  const hint = 'Count from 0 as `ostree admin status` lists them.';
  if (!/^\d{1,6}$/.test(text)) throw new AtomicError('InvalidArgument', `Invalid index: ${text}`, { hint });
  const { deployments } = loadDeployments(sysroot);
  const found = deployments[Number(text)];
  if (found !== undefined) return found;
  throw new AtomicError(
    'InvalidArgument',
    `Out of range deployment index ${Number(text)}, expected < ${deployments.length}`,
    { hint },
  );
}
