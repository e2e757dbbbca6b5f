import { sysrootInterface, sysrootPath } from '../../ipc/index.ts';
import { agentOptions, type CommandSpec } from '../command-spec.ts';
import { withAgent } from '../open-agent.ts';

/** `reload`: makes the agent read its settings and the deployments again. */
export const reload: CommandSpec = {
  name: 'reload',
  summary: 'Let the agent read its settings again',
  description: 'Makes the agent read /etc/rpm-ostreed.conf and the list of deployments again.',
  options: agentOptions,
  refused: [],
  examples: [['reload', 'after editing /etc/rpm-ostreed.conf']],
  run: async (invocation, context) =>
    await withAgent(invocation, context, async (agent) => {
      await agent.call(sysrootPath, sysrootInterface, { member: 'ReloadConfig' });
      return 0;
    }),
};
