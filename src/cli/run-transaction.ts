import {
  type AgentClient,
  osInterface,
  sysrootInterface,
  sysrootPath,
  type WireDict,
  type WireValue,
} from '../ipc/index.ts';
import type { CliContext } from './context.ts';
import { unchangedExit } from './command-spec.ts';
import { viewDeployment } from './deployment-view.ts';
import { followTransaction } from './follow-transaction.ts';
import { addressOfReply, loadDefault, loadHost } from './host-view.ts';
import type { Invocation } from './invocation.ts';
import { cleanLine, shellQuote } from './terminal-text.ts';

/** A method that begins a transaction on a stateroot. */
export interface TransactionRequest {
  readonly osObject: string;
  readonly member: string;
  readonly args: readonly WireValue[];
  /** What to say when the agent's first answer is that it has nothing to do; 0 is the exit status then. */
  readonly disabled?: string;
}

/** The sentences after a change, the short one of upgrade and deploy and that of every other verb. */
export const rebootHints = {
  short: 'Run "systemctl reboot" to start a reboot',
  long: 'Changes queued for next boot. Run "systemctl reboot" to start a reboot',
} as const;

/** How the end is told. */
export interface TransactionReport {
  readonly hint: string;
}

/**
 * Runs a transaction to its end and says what the next boot starts if that changed. Returns the exit status: 77 only when
 * nothing changed, `--unchanged-exit-77` was given and `--reboot` was not.
 */
export async function runTransaction(
  agent: AgentClient,
  request: TransactionRequest,
  { invocation, context, report }: { invocation: Invocation; context: CliContext; report: TransactionReport },
): Promise<number> {
  const before = await defaultOf(agent, request.osObject);
  const quiet = invocation.flag('quiet');
  const reply = await agent.call(request.osObject, osInterface, { member: request.member, args: request.args });
  if (request.disabled !== undefined && reply[0] === false) {
    if (!quiet) context.stdout.write(`${request.disabled}\n`);
    return 0;
  }
  await followTransaction(agent, { address: addressOfReply(reply), quiet }, context);
  await agent.call(sysrootPath, sysrootInterface, { member: 'Reload' });
  const after = await defaultOf(agent, request.osObject);
  const reboot = invocation.flag('reboot');
  if (after === undefined || after.id === before?.id) {
    return invocation.flag('unchangedExit77') && !reboot ? unchangedExit : 0;
  }
  if (quiet) return 0;
  const version = after.version === undefined ? '' : ` ${cleanLine(after.version)}`;
  const name = cleanLine(after.origin ?? after.stateroot);
  context.stdout.write(`Next boot: ${name}${version} (${cleanLine(after.checksum).slice(0, 10)})\n`);
  const { bootedPath } = await loadHost(agent);
  // Where nothing is booted there is nothing to reboot.
  if (!reboot && bootedPath !== undefined) context.stdout.write(`${report.hint}\n`);
  return 0;
}

/** The command line as typed, without the program's name: the title by which others see the transaction. */
export function commandLineOf(context: CliContext): string {
  const words = context.program === 'atomic' && context.argv[0] === 'host' ? context.argv.slice(1) : context.argv;
  return shellQuote(words);
}

async function defaultOf(agent: AgentClient, osObject: string) {
  const dict: WireDict | undefined = await loadDefault(agent, osObject);
  return dict === undefined ? undefined : viewDeployment(dict);
}
