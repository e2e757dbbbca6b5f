/** An agent with a host that has an update waiting, on a private bus, and the foreign programs that judge it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAgent, type Agent, type AgentOptions } from '../../src/agent/index.ts';
import { AgentClient } from '../../src/ipc/index.ts';
import { run, type RunResult } from '../../src/platform/index.ts';
import type { Host } from '../../src/transactions/index.ts';
import { type FollowingHost, type HostDescription, makeHost } from './make-host.ts';
import { type BusDescription, type PrivateBus, startPrivateBus } from './private-bus.ts';

/** What is set up. */
export interface AgentDescription {
  readonly host?: HostDescription;
  readonly bus?: BusDescription;
  readonly agent?: Partial<AgentOptions>;
  /** Text of /etc/rpm-ostreed.conf; never exits when idle unless given. */
  readonly config?: string;
}

/** A running agent and what surrounds it; `await using` it. */
export interface AgentOnBus extends AsyncDisposable {
  readonly bus: PrivateBus;
  readonly machine: FollowingHost;
  readonly agent: Agent;
  readonly host: Host;
  readonly log: string[];
  readonly reboots: string[];
  /** Where `etc/rpm-ostreed.conf` is. */
  readonly configRoot: string;
  client(): Promise<AgentClient>;
}

/** The names clients use. */
export const names = {
  bus: 'org.projectatomic.rpmostree1',
  base: '/org/projectatomic/rpmostree1',
  sysroot: '/org/projectatomic/rpmostree1/Sysroot',
  os: '/org/projectatomic/rpmostree1/vendor',
  sysrootInterface: 'org.projectatomic.rpmostree1.Sysroot',
  osInterface: 'org.projectatomic.rpmostree1.OS',
  transactionInterface: 'org.projectatomic.rpmostree1.Transaction',
} as const;

/** Sets everything up. */
export async function startAgentOnBus(description: AgentDescription = {}): Promise<AgentOnBus> {
  const endings: (() => unknown)[] = [];
  const end = async (): Promise<void> => {
    for (const ending of endings.splice(0).toReversed()) await ending();
  };
  try {
    return { ...(await setUp(description, endings)), [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

async function setUp(
  description: AgentDescription,
  endings: (() => unknown)[],
): Promise<Omit<AgentOnBus, typeof Symbol.asyncDispose>> {
  const bus = await startPrivateBus(description.bus);
  endings.push(async () => await bus[Symbol.asyncDispose]());
  const machine = await makeHost(description.host);
  endings.push(async () => await machine[Symbol.asyncDispose]());
  const configRoot = makeConfigRoot(description.config ?? '[Daemon]\nIdleExitTimeout=0\n');
  endings.push(() => rmSync(configRoot, { recursive: true, force: true }));
  const log: string[] = [];
  const reboots: string[] = [];
  const host: Host = {
    sysrootPath: machine.sysrootPath,
    stateDir: machine.host.stateDir,
    clock: machine.host.clock,
    get boot() {
      return machine.host.boot;
    },
    reboot: async () => {
      reboots.push('reboot');
      await Promise.resolve();
    },
  };
  const agent = await startAgent({
    host,
    listen: { kind: 'bus', address: bus.address },
    runDir: bus.directory,
    configRoot,
    log: (line) => log.push(line),
    ...description.agent,
  });
  // Twice: what still runs is cancelled.
  endings.push(async () => await Promise.all([agent.stop(), agent.stop()]));
  const client = async (): Promise<AgentClient> => await AgentClient.open({ kind: 'bus', address: bus.address });
  return { bus, machine, agent, host, log, reboots, configRoot, client };
}

function makeConfigRoot(text: string): string {
  const root = mkdtempSync(join(tmpdir(), 'atomic-config-'));
  mkdirSync(join(root, 'etc'));
  writeFileSync(join(root, 'etc/rpm-ostreed.conf'), text);
  return root;
}

/** Runs a foreign D-Bus program against a bus; a hang is its failure. */
export async function onBus(bus: PrivateBus, command: string, args: readonly string[]): Promise<RunResult> {
  const env = { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: bus.address };
  return await run(command, args, { env, timeoutMs: 60_000 });
}

/** `gdbus call` of the agent: the printed reply, or the printed error. */
export async function gdbusCall(bus: PrivateBus, path: string, args: readonly string[]): Promise<string> {
  const [method = '', ...values] = args;
  const result = await onBus(bus, 'gdbus', [
    'call',
    '--address',
    bus.address,
    '--dest',
    names.bus,
    '--object-path',
    path,
    '--method',
    method,
    ...values,
  ]);
  return (result.stdout + result.stderr).trim();
}

/** `busctl` against the bus: what it printed. */
export async function busctl(bus: PrivateBus, ...args: readonly string[]): Promise<string> {
  const result = await onBus(bus, 'busctl', [`--address=${bus.address}`, ...args]);
  return (result.stdout + result.stderr).trim();
}

/** Runs a script with Debian's python, which has gi, with the bus's address as first argument: what it printed. */
export async function python(bus: PrivateBus, script: string, ...args: readonly string[]): Promise<string> {
  const result = await onBus(bus, '/usr/bin/python3', ['-c', script, bus.address, ...args]);
  return (result.stdout + result.stderr).trim();
}
