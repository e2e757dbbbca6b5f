import { AtomicError, isAtomicError } from '../base/index.ts';
import { type AgentAddress, AgentClient, systemBusAddress } from '../ipc/index.ts';
import type { CliContext } from './context.ts';
import type { Invocation } from './invocation.ts';

/** Where to find the agent, and what to end when done. */
interface Place extends AsyncDisposable {
  readonly where: AgentAddress;
}

/**
 * Registers with the agent the options name (embedded, on a given bus, or the system's), lets `use` talk to it and
 * disconnects, whatever happens.
 */
export async function withAgent<T>(
  invocation: Invocation,
  context: CliContext,
  use: (agent: AgentClient, where: AgentAddress) => Promise<T>,
): Promise<T> {
  await using place = await findAgent(invocation, context);
  const agent = await AgentClient.open(place.where);
  try {
    await register(agent, context.env['RPMOSTREE_CLIENT_ID'] ?? 'cli');
    return await use(agent, place.where);
  } finally {
    await agent.close();
  }
}

/** Registering only keeps the agent from leaving while we look: somebody who may not do that may still look. */
async function register(agent: AgentClient, id: string): Promise<void> {
  try {
    await agent.register(id);
  } catch (error) {
    if (!isAtomicError(error, 'NotAuthorized')) throw error;
  }
}

async function findAgent(invocation: Invocation, context: CliContext): Promise<Place> {
  const sysroot = invocation.text('sysroot');
  const bus = invocation.text('bus');
  const bootRecord = invocation.text('bootRecord');
  if (sysroot !== undefined && bus !== undefined) {
    throw new AtomicError('InvalidArgument', 'Cannot specify both --sysroot and --bus');
  }
  // The reference's commands accept `--sysroot=/`, which is the running system and its agent.
  if (sysroot !== undefined && sysroot !== '/') {
    const agent = await context.openEmbedded({ sysroot, bootRecord });
    return {
      where: { kind: 'peer', address: agent.address },
      [Symbol.asyncDispose]: async () => await agent[Symbol.asyncDispose](),
    };
  }
  if (bootRecord !== undefined) throw new AtomicError('InvalidArgument', '--boot-record is only for --sysroot');
  const named = bus ?? context.env['DBUS_SYSTEM_BUS_ADDRESS'];
  if (named === undefined && !(await context.isOstreeBooted())) throw notOstree(context);
  return {
    where: { kind: 'bus', address: named ?? systemBusAddress },
    [Symbol.asyncDispose]: async () => await Promise.resolve(),
  };
}

function notOstree(context: CliContext): AtomicError {
  const container = context.env['container'];
  const found = container === undefined ? '' : `; found container=${container} environment variable.`;
  return new AtomicError(
    'NotBooted',
    `This system was not booted via libostree${found === '' ? '.' : found}\n` +
      'Currently, most rpm-ostree commands only work on ostree-based host systems.',
    { hint: 'To work on a directory instead: --sysroot DIR' },
  );
}
