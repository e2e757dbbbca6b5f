import { AtomicError } from '../../base/index.ts';
import { type AgentClient, TransactionClient } from '../../ipc/index.ts';
import { agentOptions, type CommandSpec } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { loadHost } from '../host-view.ts';
import type { Invocation } from '../invocation.ts';
import { withAgent } from '../open-agent.ts';
import { cleanLine } from '../terminal-text.ts';

/** `cancel`: asks the running transaction to stop and waits until it has. */
export const cancel: CommandSpec = {
  name: 'cancel',
  summary: 'Cancel the running transaction',
  description:
    'Asks the transaction that is running to stop, and waits until it has. What boots is not changed by that.',
  options: agentOptions,
  refused: [],
  examples: [['cancel', 'stop an upgrade that somebody else began']],
  run: async (invocation, context) =>
    await withAgent(invocation, context, async (agent) => await cancelActive(agent, invocation, context)),
};

async function cancelActive(agent: AgentClient, invocation: Invocation, context: CliContext): Promise<number> {
  const say = (text: string): void => {
    if (!invocation.flag('quiet')) context.stdout.write(`${text}\n`);
  };
  const { activeTransactionAddress: address } = await loadHost(agent);
  if (address === undefined) {
    say('No active transaction.');
    return 0;
  }
  const transaction = await TransactionClient.open(address, () => undefined);
  try {
    const { title } = await transaction.describe();
    say(`Cancelling transaction: ${cleanLine(title)}`);
    await transaction.cancel();
    const end = await transaction.finished;
    if (end.success) throw new AtomicError('Failed', 'The transaction had ended before it could be cancelled');
    say('Cancelled.');
    return 0;
  } finally {
    await transaction.close();
  }
}
