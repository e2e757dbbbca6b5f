import process from 'node:process';
import { startAgent, type Agent } from '../agent/index.ts';
import { AtomicError } from '../base/index.ts';
import { systemBusAddress } from '../ipc/index.ts';
import { buildHost } from './build-host.ts';
import { parseSettings } from './parse-settings.ts';
import { runMain } from './run-main.ts';

const settings = {
  bus: 'D-Bus address of the bus to serve (default: DBUS_SYSTEM_BUS_ADDRESS, else the system bus)',
  'peer-socket': 'serve a socket at this path instead of a bus',
  sysroot: 'physical root to work on (default: the one this machine runs from)',
  'boot-record': 'JSON file that says how that root counts as booted',
  'run-dir': 'directory for the sockets of transactions (default: /run)',
  'state-dir': 'directory of history and caches',
  'config-root': 'root below which etc/rpm-ostreed.conf is read (default: /)',
} as const;

async function main(argv: readonly string[]): Promise<void> {
  const given = parseSettings(argv, settings);
  if (given.bus !== undefined && given['peer-socket'] !== undefined) {
    throw new AtomicError('InvalidArgument', 'Cannot specify both --bus and --peer-socket');
  }
  const socket = given['peer-socket'];
  const bus = given.bus ?? process.env['DBUS_SYSTEM_BUS_ADDRESS'] ?? systemBusAddress;
  const agent = await startAgent({
    host: buildHost({ sysroot: given.sysroot, bootRecord: given['boot-record'], stateDir: given['state-dir'] }),
    listen: socket === undefined ? { kind: 'bus', address: bus } : { kind: 'peer', path: socket },
    runDir: given['run-dir'] ?? '/run',
    configRoot: given['config-root'] ?? '/',
    log: (line) => void process.stderr.write(`${line}\n`),
    notifySocket: process.env['NOTIFY_SOCKET'],
  });
  stopOnSignals(agent);
  await agent.closed;
}

/** The first signal lets the running transaction end; the second cancels it. */
function stopOnSignals(agent: Agent): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void agent.stop());
}

void runMain({
  name: 'atomicd',
  about: 'The agent: serves org.projectatomic.rpmostree1 and carries out what its clients ask for.',
  settings,
  main,
});
