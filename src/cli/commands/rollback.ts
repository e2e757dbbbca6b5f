import { wireDict, wireVariant } from '../../ipc/index.ts';
import { agentOptions, type CommandSpec, staterootOptions } from '../command-spec.ts';
import { chooseOs } from '../host-view.ts';
import { withAgent } from '../open-agent.ts';
import { rebootHints, runTransaction } from '../run-transaction.ts';

/** `rollback`: puts the deployment after the booted one first. */
export const rollback: CommandSpec = {
  name: 'rollback',
  summary: 'Boot the previous deployment next',
  description:
    'Makes the deployment after the booted one the next boot. Nothing is removed: doing it twice leads back to where ' +
    'you were.',
  options: [{ flags: '-r, --reboot', description: 'reboot afterwards' }, ...staterootOptions, ...agentOptions],
  refused: [],
  examples: [
    ['rollback', 'the next boot starts the version before'],
    ['rollback --reboot', 'at once'],
  ],
  run: async (invocation, context) =>
    await withAgent(invocation, context, async (agent) => {
      const osObject = await chooseOs(agent, invocation.text('stateroot'));
      const options = wireDict({ reboot: invocation.flag('reboot') ? wireVariant('b', true) : undefined });
      const request = { osObject, member: 'Rollback', args: [options] };
      return await runTransaction(agent, request, { invocation, context, report: { hint: rebootHints.short } });
    }),
};
