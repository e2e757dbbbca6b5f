import type { Command } from 'commander';
import { commitVersion } from '../../format/index.ts';
import { judgeCommit, loadRemotes } from '../../remote/index.ts';
import { tryLoadCommit } from '../../repo/index.ts';
import { describeGpgSignature } from '../../signature/index.ts';
import { loadDeployments, type Deployment, type Sysroot } from '../../sysroot/index.ts';
import type { OstreeContext } from '../context.ts';
import { systemTrustOf } from '../signing.ts';
import { openCommandSysroot, sysrootCommand } from './sysroot-command.ts';

/** What stands in parentheses behind a deployment; nothing for offline ones, as no system runs from them. */
function roleOf(deployment: Deployment, booted: Deployment | undefined): string {
  if (deployment.staged) return ' (staged)';
  if (booted === undefined || deployment.booted || deployment.stateroot !== booted.stateroot) return '';
  return deployment.index < booted.index ? ' (pending)' : ' (rollback)';
}

function describe(sysroot: Sysroot, deployment: Deployment, booted: Deployment | undefined): string {
  const commit = tryLoadCommit(sysroot.repo, deployment.checksum);
  const version = commit === undefined ? undefined : commitVersion(commit);
  const mark = deployment.booted ? '*' : ' ';
  const { refspec } = deployment.origin;
  return [
    `${mark} ${deployment.stateroot} ${deployment.name}${roleOf(deployment, booted)}\n`,
    version === undefined ? '' : `    Version: ${version}\n`,
    deployment.pinned ? '    Pinned: yes\n' : '',
    refspec === undefined ? '    origin: <unknown origin type>\n' : `    origin refspec: ${refspec}\n`,
  ].join('');
}

/** Lines about the signatures of a deployment whose remote demands some; none where nobody signed it. */
async function describeSignatures(
  sysroot: Sysroot,
  { checksum, origin }: Deployment,
  context: OstreeContext,
): Promise<string> {
  const name = origin.refspec?.includes(':') === true ? origin.refspec.slice(0, origin.refspec.indexOf(':')) : '';
  const remote = loadRemotes(sysroot.repo, { remotesDir: `${sysroot.path}/etc/ostree/remotes.d` }).get(name);
  if (remote?.gpgVerify !== true) return '';
  const found = await judgeCommit(sysroot.repo, { checksum, remote }, systemTrustOf(context));
  return found
    .flatMap(describeGpgSignature)
    .map((line) => `    GPG: ${line}\n`)
    .join('');
}

/** `ostree admin status`: lists the deployments in boot order. */
export function statusCommand(context: OstreeContext): Command {
  const command = sysrootCommand('status', 'List deployments').option(
    '--verify',
    'print the verdicts on signatures (always)',
  );
  return command.action(async () => {
    using sysroot = openCommandSysroot(context, command);
    const { deployments, booted, notes } = loadDeployments(sysroot);
    for (const note of notes) context.writeError(`warning: ${note}\n`);
    if (deployments.length === 0) context.write('No deployments.\n');
    for (const deployment of deployments) {
      context.write(describe(sysroot, deployment, booted));
      context.write(await describeSignatures(sysroot, deployment, context));
    }
  });
}
