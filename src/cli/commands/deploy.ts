import { AtomicError } from '../../base/index.ts';
import { wireDict, wireVariant } from '../../ipc/index.ts';
import { agentOptions, type CommandSpec, staterootOptions } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { chooseOs } from '../host-view.ts';
import type { Invocation } from '../invocation.ts';
import { withAgent } from '../open-agent.ts';
import { commandLineOf, rebootHints, runTransaction } from '../run-transaction.ts';

/** `deploy REVISION`: deploys one particular commit or version of the branch the host follows. */
export const deploy: CommandSpec = {
  name: 'deploy',
  summary: 'Deploy a particular version or commit',
  description:
    'Makes one particular version of the branch this host follows the next boot, older ones included. The host stays ' +
    'at it until the next upgrade.',
  argument: {
    name: 'revision',
    description: 'a version, 64 hex digits of a commit, or the same as version=… or revision=…',
  },
  options: [
    { flags: '-r, --reboot', description: 'reboot if there is something new to boot' },
    { flags: '--skip-branch-check', description: 'accept a commit that is not on the branch' },
    { flags: '--disallow-downgrade', description: 'refuse a commit that is older than the deployed one' },
    { flags: '-C, --cache-only', description: 'do not use the network' },
    { flags: '--download-only', description: 'fetch, do not deploy' },
    { flags: '--unchanged-exit-77', description: 'exit with 77 if nothing new was deployed' },
    ...staterootOptions,
    ...agentOptions,
  ],
  refused: [
    '--preview',
    '--install <package>',
    '--uninstall <package>',
    '--lock-finalization',
    '--register-driver <name>',
    '--bypass-driver',
  ],
  examples: [
    ['deploy 43.20260101.3.0', 'the version of that name'],
    ['deploy revision=<64 hex digits>', 'that commit'],
  ],
  run: async (invocation, context) => {
    if (invocation.flag('cacheOnly') && invocation.flag('downloadOnly')) {
      throw new AtomicError('InvalidArgument', 'Cannot specify both --cache-only and --download-only');
    }
    if (invocation.flag('reboot') && invocation.flag('downloadOnly')) {
      throw new AtomicError('InvalidArgument', 'Cannot specify both --reboot and --download-only');
    }
    return await withAgent(invocation, context, async (agent) => {
      const osObject = await chooseOs(agent, invocation.text('stateroot'));
      const args = [invocation.args[0] ?? '', deployOptions(invocation, context)];
      const request = { osObject, member: 'Deploy', args };
      return await runTransaction(agent, request, { invocation, context, report: { hint: rebootHints.short } });
    });
  },
};

function deployOptions(invocation: Invocation, context: CliContext) {
  const flag = (name: string) => (invocation.flag(name) ? wireVariant('b', true) : undefined);
  return wireDict({
    reboot: flag('reboot'),
    'skip-branch-check': flag('skipBranchCheck'),
    'allow-downgrade': wireVariant('b', !invocation.flag('disallowDowngrade')),
    'cache-only': flag('cacheOnly'),
    'download-only': flag('downloadOnly'),
    'initiating-command-line': wireVariant('s', commandLineOf(context)),
  });
}
