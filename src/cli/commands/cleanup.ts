import { AtomicError } from '../../base/index.ts';
import { agentOptions, type CommandSpec, staterootOptions } from '../command-spec.ts';
import { chooseOs } from '../host-view.ts';
import { withAgent } from '../open-agent.ts';
import { rebootHints, runTransaction } from '../run-transaction.ts';

/** Each option and what the wire calls it. */
const elements = [
  ['base', 'base'],
  ['pending', 'pending-deploy'],
  ['rollback', 'rollback-deploy'],
  ['repomd', 'repomd'],
] as const;

/** `cleanup`: removes deployments and objects that are named or that nobody needs. */
export const cleanup: CommandSpec = {
  name: 'cleanup',
  summary: 'Remove deployments and data that are not needed',
  description: 'Removes what the options name. The booted deployment and pinned ones always stay.',
  options: [
    { flags: '-b, --base', description: 'temporary files and objects nothing refers to' },
    { flags: '-p, --pending', description: 'the deployment that would boot next' },
    { flags: '-r, --rollback', description: 'the deployment one could roll back to' },
    { flags: '-m, --repomd', description: 'cached package metadata' },
    ...staterootOptions,
    ...agentOptions,
  ],
  refused: [],
  examples: [
    ['cleanup --pending', 'forget the upgrade that waits for a reboot'],
    ['cleanup --base', 'free space'],
  ],
  run: async (invocation, context) => {
    const chosen = elements.filter(([option]) => invocation.flag(option)).map(([, element]) => element);
    if (chosen.length === 0) {
      throw new AtomicError('InvalidArgument', 'At least one cleanup option must be specified');
    }
    return await withAgent(invocation, context, async (agent) => {
      const osObject = await chooseOs(agent, invocation.text('stateroot'));
      const request = { osObject, member: 'Cleanup', args: [chosen] };
      return await runTransaction(agent, request, { invocation, context, report: { hint: rebootHints.long } });
    });
  },
};
