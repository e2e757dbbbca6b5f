import { AtomicError } from '../../base/index.ts';
import {
  type AgentAddress,
  type AgentClient,
  BusConnection,
  osPath,
  dictBoolean,
  dictString,
  TransactionClient,
  type WireDict,
} from '../../ipc/index.ts';
import { describeUnits, loadAutomaticUnits } from '../automatic-timer.ts';
import { agentOptions, type CommandSpec, unchangedExit } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { type HostView, loadCachedUpdate, loadHost } from '../host-view.ts';
import type { Invocation } from '../invocation.ts';
import { withAgent } from '../open-agent.ts';
import { renderStatus, type TransactionView } from '../render-status.ts';
import { renderStatusJson } from '../status-json.ts';
import { styleOf } from '../terminal-text.ts';

/** `status`: what is deployed, what is booted, what the next boot starts. Changes nothing. */
export const status: CommandSpec = {
  name: 'status',
  summary: 'Show what is deployed and booted',
  description: 'Lists the deployments in boot order: the first is what the next boot starts, ● marks the booted one.',
  options: [
    { flags: '-v, --verbose', description: 'also show index, stateroot, staged state and signatures in full' },
    { flags: '-b, --booted', description: 'only the booted deployment' },
    { flags: '--json', description: 'print the same as JSON' },
    { flags: '--pending-exit-77', description: 'exit with 77 if the next boot starts another deployment' },
    ...agentOptions,
  ],
  refused: ['-a, --advisories', '-J, --jsonpath <expression>', '-p, --pretty'],
  examples: [
    ['status', 'what runs and what comes next'],
    ['status --json --booted', 'for programs'],
    ['status --sysroot /mnt/disk', 'of a directory that is not running'],
  ],
  run: async (invocation, context) =>
    await withAgent(
      invocation,
      context,
      async (agent, where) => await showStatus({ agent, where }, invocation, context),
    ),
};

interface Asked {
  readonly agent: AgentClient;
  readonly where: AgentAddress;
}

async function showStatus({ agent, where }: Asked, invocation: Invocation, context: CliContext): Promise<number> {
  if (invocation.flag('quiet')) throw new AtomicError('InvalidArgument', 'status has nothing to be quiet about');
  const host = await loadHost(agent);
  const cachedUpdate = await findCachedUpdate(agent, host);
  const bootedOnly = invocation.flag('booted');
  if (invocation.flag('json')) {
    const deployments = bootedOnly ? host.deployments.filter(isBooted) : host.deployments;
    context.stdout.write(renderStatusJson({ deployments, transaction: host.activeTransaction, cachedUpdate }));
  } else {
    const transaction = await describeTransaction(host);
    const automaticUnit = await describeAutomaticUnit(host, where, context);
    const view = { ...host, cachedUpdate, automaticUnit, busy: host.activeTransaction !== undefined, transaction };
    const detail = { verbose: invocation.flag('verbose'), bootedOnly, style: styleOf(context.stdout) };
    context.stdout.write(renderStatus(view, detail));
  }
  return invocation.flag('pendingExit77') && hasPending(host.deployments) ? unchangedExit : 0;
}

const isBooted = (deployment: WireDict): boolean => dictBoolean(deployment, 'booted') === true;

function hasPending(deployments: readonly WireDict[]): boolean {
  const [first] = deployments;
  return first !== undefined && deployments.length > 1 && !isBooted(first);
}

async function findCachedUpdate(agent: AgentClient, host: HostView): Promise<WireDict | undefined> {
  const [first] = host.deployments;
  if (first === undefined) return undefined;
  return await loadCachedUpdate(agent, host.bootedPath ?? osPath(dictString(first, 'osname') ?? ''));
}

/** Only a running system with automatic updates has units worth a question. */
async function describeAutomaticUnit(
  host: HostView,
  where: AgentAddress,
  context: CliContext,
): Promise<string | undefined> {
  if (host.automaticUpdatePolicy === 'none' || where.kind !== 'bus') return undefined;
  const bus = await BusConnection.open(where.address);
  try {
    return describeUnits(await loadAutomaticUnits(bus), context.now());
  } finally {
    await bus.connection.close();
  }
}

async function describeTransaction(host: HostView): Promise<TransactionView | undefined> {
  if (host.activeTransactionAddress === undefined) return undefined;
  try {
    const transaction = await TransactionClient.open(host.activeTransactionAddress, () => undefined);
    try {
      return await transaction.describe();
    } finally {
      await transaction.close();
    }
  } catch {
    // It ended between the two questions, and status is about what is.
    return undefined;
  }
}
