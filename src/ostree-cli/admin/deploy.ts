import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { kargsAppend, kargsDelete, kargsSet, parseOrigin, withRefspec, type Origin } from '../../format/index.ts';
import {
  cleanup,
  deployTree,
  finalizeDeployment,
  loadDeployments,
  planRetention,
  stageDeployment,
  writeDeployments,
  type Deployment,
  type Sysroot,
} from '../../sysroot/index.ts';
import type { OstreeContext } from '../context.ts';
import { collect } from '../repo-command.ts';
import { requireCommit } from '../require-commit.ts';
import { changeSysroot, mergeDeployment, requireStaterootName, sysrootCommand } from './sysroot-command.ts';

interface DeployCommandOptions {
  readonly os?: string;
  readonly stage?: boolean;
  readonly merge: boolean;
  readonly prune: boolean;
  readonly retain?: boolean;
  readonly notAsDefault?: boolean;
  readonly karg?: readonly string[];
  readonly kargAppend?: readonly string[];
  readonly kargDelete?: readonly string[];
  readonly kargNone?: boolean;
}

/** The kernel arguments asked for, on top of those of the merge deployment. */
function kargsOf(options: DeployCommandOptions, merge: Deployment | undefined): readonly string[] {
  let kargs: readonly string[] = options.kargNone === true ? [] : (merge?.kargs ?? []);
  for (const karg of options.karg ?? []) kargs = kargsSet(kargs, karg);
  for (const karg of options.kargAppend ?? []) kargs = kargsAppend(kargs, karg);
  for (const karg of options.kargDelete ?? []) kargs = kargsDelete(kargs, karg);
  return kargs;
}

/** The new origin: that of the merge deployment, unknown keys and all, following `refspec`. */
function originOf(merge: Deployment | undefined, refspec: string): Origin {
  return withRefspec(merge?.origin ?? parseOrigin(''), refspec);
}

function wantedList(
  sysroot: Sysroot,
  made: Awaited<ReturnType<typeof deployTree>>,
  { retain, notAsDefault }: DeployCommandOptions,
): readonly (Deployment | Awaited<ReturnType<typeof deployTree>>)[] {
  const existing = loadDeployments(sysroot);
  const [, ...others] =
    retain === true
      ? [made, ...existing.deployments.filter((deployment) => !deployment.staged)]
      : planRetention(existing, made);
  if (notAsDefault !== true) return [made, ...others];
  // Behind the booted one or that which it was made after; last where there is neither.
  const before = others.findIndex(
    (deployment) => ('booted' in deployment && deployment.booted) || deployment.id === made.merge?.id,
  );
  const at = before < 0 ? others.length : before + 1;
  return [...others.slice(0, at), made, ...others.slice(at)];
}

/** `ostree admin deploy`: makes a revision of the sysroot's repository the new default deployment. */
export function deployCommand(context: OstreeContext): Command {
  const command = sysrootCommand('deploy', 'Checkout revision REFSPEC as the new default deployment')
    .argument('<refspec>')
    .option('--os <osname>', 'use a different operating system root than the current one')
    .option('--stage', 'complete deployment at OS shutdown')
    .option('--no-merge', 'do not apply configuration (/etc and kernel arguments) from the booted deployment')
    .option('--no-prune', "don't prune the repo when done")
    .option('--not-as-default', 'append rather than prepend new deployment')
    .option('--retain', 'do not delete previous deployments')
    .option('--karg <name=value>', 'set a kernel argument; overrides any earlier one of the same name', collect)
    .option('--karg-append <name=value>', 'append a kernel argument', collect)
    .option('--karg-delete <name=value>', 'delete a kernel argument', collect)
    .option('--karg-none', 'do not import kernel arguments');
  return command.action(async (refspec: string, options: DeployCommandOptions) => {
    if (options.stage === true && (options.retain === true || options.notAsDefault === true)) {
      const other = options.retain === true ? '--retain' : '--not-as-default';
      throw new AtomicError('NotSupported', `--stage together with ${other} is not built yet`);
    }
    await changeSysroot(context, command, async (sysroot, job) => {
      const stateroot = requireStaterootName(sysroot, options.os);
      if (options.stage === true && sysroot.boot === undefined) {
        throw new AtomicError('NotBooted', 'Cannot stage deployment: Not currently booted into an OSTree system', {
          hint: 'Leave out --stage.',
        });
      }
      const merge = options.merge ? mergeDeployment(sysroot, stateroot) : undefined;
      const checksum = requireCommit(sysroot.repo, refspec);
      const kargs = kargsOf(options, merge);
      const made = await deployTree(
        sysroot,
        { stateroot, checksum, origin: originOf(merge, refspec), merge, kargs },
        job,
      );
      if (options.stage === true) {
        await stageDeployment(sysroot, made, job);
        return;
      }
      await finalizeDeployment(sysroot, made, job);
      await writeDeployments(sysroot, wantedList(sysroot, made, options), job);
      if (options.prune) await cleanup(sysroot, { base: true }, job);
    });
  });
}
