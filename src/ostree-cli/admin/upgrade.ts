import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { systemClock } from '../../platform/index.ts';
import { loadDeployments, readBootRecord } from '../../sysroot/index.ts';
import { upgrade } from '../../transactions/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandSysroot, sysrootCommand, sysrootPath } from './sysroot-command.ts';

interface UpgradeCommandOptions {
  readonly os?: string;
  readonly allowDowngrade?: boolean;
  readonly pullOnly?: boolean;
  readonly deployOnly?: boolean;
}

/** Whether there is something to upgrade: the words of the original, which takes no stateroot by itself offline. */
function requireOrigin(context: OstreeContext, command: Command, named: string | undefined): void {
  using sysroot = openCommandSysroot(context, command);
  const { deployments, booted } = loadDeployments(sysroot);
  const stateroot = named ?? booted?.stateroot;
  if (stateroot === undefined) {
    throw new AtomicError('NotBooted', 'Not currently booted into an OSTree system and no OS specified', {
      hint: 'Name the stateroot with --os=NAME.',
    });
  }
  if (!deployments.some((deployment) => deployment.stateroot === stateroot)) {
    throw new AtomicError('NoDeployment', `No previous deployment for OS '${stateroot}'`, {
      hint: 'Make the first one with `ostree admin deploy`.',
    });
  }
}

/** `ostree admin upgrade`: pulls what the origin's branch names and deploys it if it changed. */
export function upgradeCommand(context: OstreeContext): Command {
  const command = sysrootCommand('upgrade', 'Construct new tree from current origin and deploy it, if it changed')
    .option('--os <osname>', 'use a different operating system root than the current one')
    .option('--allow-downgrade', 'permit deployment of chronologically older trees')
    .option('--pull-only', 'do not create a deployment, just download')
    .option('--deploy-only', 'do not pull, only deploy what is downloaded');
  return command.action(async (options: UpgradeCommandOptions) => {
    const path = sysrootPath(context, command);
    requireOrigin(context, command, options.os);
    const outcome = await upgrade(
      {
        sysrootPath: path,
        boot: readBootRecord(path),
        stateDir: `${path}/var/lib/atomic`,
        clock: systemClock,
        reboot: () => {
          throw new AtomicError('NotSupported', 'Rebooting is not asked for here');
        },
      },
      {
        allowDowngrade: options.allowDowngrade === true,
        downloadOnly: options.pullOnly === true,
        cacheOnly: options.deployOnly === true,
        ...(options.os === undefined ? {} : { stateroot: options.os }),
      },
      context.job,
    );
    if (outcome.kind === 'unchanged') context.write('No update available.\n');
  });
}
