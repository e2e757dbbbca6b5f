import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { startAgent } from '../../src/agent/index.ts';
import { AgentClient, osInterface, sysrootInterface, TransactionClient, wireText } from '../../src/ipc/index.ts';
import { createJob } from '../../src/base/index.ts';
import { run } from '../../src/platform/index.ts';
import { parseOrigin } from '../../src/format/index.ts';
import {
  cleanup,
  deployTree,
  finalizeDeployment,
  initStateroot,
  loadDeployments,
  lockSysroot,
  openSysroot,
  undeploy,
  writeDeployments,
} from '../../src/sysroot/index.ts';
import { gdbusCall, names, python, startAgentOnBus, type AgentOnBus } from '../support/agent-on-bus.ts';
import { type FollowingHost, makeHost } from '../support/make-host.ts';
import { endProcess, type PrivateBus, startPrivateBus } from '../support/private-bus.ts';
import { buildPrograms, programPath, startProgram, type RunningProgram } from '../support/programs.ts';
import { makeTempDir } from '../support/temp-dir.ts';

beforeAll(() => buildPrograms());

const idleSecond = '[Daemon]\nIdleExitTimeout=1\n';

/** A configuration root and a boot record for an agent in a process of its own. */
function agentArguments(machine: FollowingHost, bus: PrivateBus, config: string): string[] {
  const directory = makeTempDir();
  mkdirSync(join(directory, 'etc'));
  writeFileSync(join(directory, 'etc/rpm-ostreed.conf'), config);
  const { boot } = machine.host;
  const record = join(directory, 'boot.json');
  writeFileSync(record, JSON.stringify(boot));
  return [
    '--bus',
    bus.address,
    '--sysroot',
    machine.sysrootPath,
    '--boot-record',
    record,
    '--run-dir',
    bus.directory,
    '--state-dir',
    machine.host.stateDir,
    '--config-root',
    directory,
  ];
}

async function waitForName(bus: PrivateBus): Promise<void> {
  await expect.poll(async () => await python(bus, hasOwner), { timeout: 20_000 }).toBe('True');
}

const hasOwner = `
import sys
from gi.repository import Gio, GLib
flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
c = Gio.DBusConnection.new_for_address_sync(sys.argv[1], flags, None, None)
n = GLib.Variant('(s)', ('${names.bus}',))
print(c.call_sync('org.freedesktop.DBus', '/', 'org.freedesktop.DBus', 'NameHasOwner', n, None, 0, -1, None).unpack()[0])`;

describe('an idle agent', () => {
  it('ends of itself, and not while a client is registered', async () => {
    await using on = await startAgentOnBus({ config: idleSecond });
    const client = await on.client();
    await client.register('holder');
    const race = await Promise.race([
      on.agent.closed.then(() => 'closed'),
      new Promise((resolve) => setTimeout(() => resolve('alive'), 2500)),
    ]);
    expect(race).toBe('alive');
    // Vanishing is as good as unregistering.
    await client.close();
    await on.agent.closed;
  });

  it('loses no call: each is answered by the one that goes or the one that comes', async () => {
    await using machine = await makeHost();
    const directory = makeTempDir();
    // The service file needs the address of the bus it is for: a script in between reads it from the environment.
    const script = join(directory, 'start');
    const shipped = readFileSync(join(import.meta.dirname, '../../dbus/org.projectatomic.rpmostree1.service'), 'utf8');
    const service = shipped.replace(/^Exec=.*$/m, `Exec=${script}`);
    await using bus = await startPrivateBus({ service });
    const args = agentArguments(machine, bus, '[Daemon]\nIdleExitTimeout=1\n');
    writeFileSync(script, `#!/bin/sh\nexec ${programPath('atomicd')} ${args.map((one) => `'${one}'`).join(' ')}\n`, {
      mode: 0o755,
    });
    const client = await AgentClient.open({ kind: 'bus', address: bus.address });
    const owners = new Set<string>();
    // Around the second at which it leaves, calls come every few milliseconds; all have to be answered.
    for (let round = 0; round < 3; round += 1) {
      await client.call(names.sysroot, sysrootInterface, { member: 'GetOS', args: ['vendor'] });
      owners.add(await python(bus, owner));
      await new Promise((resolve) => setTimeout(resolve, 950));
      const calls = Array.from({ length: 60 }, async (_, index) => {
        await new Promise((resolve) => setTimeout(resolve, index * 5));
        return await client.call(names.sysroot, sysrootInterface, { member: 'GetOS', args: ['vendor'] });
      });
      expect(await Promise.all(calls)).toEqual(calls.map(() => [names.os]));
      await new Promise((resolve) => setTimeout(resolve, 1300));
    }
    expect(owners.size).toBeGreaterThan(1);
    await client.close();
    await waitUntilGone(bus);
  });
});

const owner = hasOwner.replace('NameHasOwner', 'GetNameOwner');

async function waitUntilGone(bus: PrivateBus): Promise<void> {
  await expect.poll(async () => await python(bus, hasOwner), { timeout: 20_000 }).toBe('False');
}

describe('an agent in a process of its own', () => {
  const start = async (on: { machine: FollowingHost; bus: PrivateBus }): Promise<RunningProgram> => {
    const program = startProgram('atomicd', agentArguments(on.machine, on.bus, '[Daemon]\nIdleExitTimeout=0\n'));
    await waitForName(on.bus);
    return program;
  };

  it('ends with status 0 on SIGTERM', async () => {
    await using machine = await makeHost();
    await using bus = await startPrivateBus();
    const program = await start({ machine, bus });
    program.child.kill('SIGTERM');
    expect(await program.ended).toMatchObject({ status: 0 });
  });

  it('lets a transaction end on SIGTERM and cancels it on the second', async () => {
    for (const signals of [1, 2]) {
      await using machine = await makeHost();
      await using bus = await startPrivateBus();
      machine.releases.add({ version: '2' });
      const program = await start({ machine, bus });
      const sysroot = openSysroot(machine.sysrootPath);
      const lock = await lockSysroot(sysroot, createJob());
      const client = await AgentClient.open({ kind: 'bus', address: bus.address });
      const [address] = await client.call(names.os, osInterface, { member: 'Upgrade', args: [new Map()] });
      const transaction = await TransactionClient.open(wireText(address), () => undefined);
      await transaction.start();
      program.child.kill('SIGTERM');
      await expect
        .poll(async () => await gdbusCall(bus, names.os, [`${names.osInterface}.Rollback`, '{}']))
        .toContain('The agent is stopping');
      if (signals === 2) program.child.kill('SIGTERM');
      else lock[Symbol.dispose]();
      const expected =
        signals === 2 ? { success: false, error: 'Operation was cancelled' } : { success: true, error: '' };
      expect(await transaction.finished).toEqual(expected);
      expect(await program.ended).toMatchObject({ status: 0 });
      if (signals === 2) lock[Symbol.dispose]();
      sysroot[Symbol.dispose]();
      expect(machine.order()).toHaveLength(signals === 2 ? 1 : 2);
      await Promise.all([transaction.close(), client.close()]);
    }
  });

  it('refuses to start beside another one, and says so', async () => {
    await using on = await startAgentOnBus();
    const program = startProgram('atomicd', agentArguments(on.machine, on.bus, '[Daemon]\n'));
    expect(await program.ended).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('owned by another') as string,
    });
  });

  it('killed in the middle is told to its clients and leaves the old system', async () => {
    await using machine = await makeHost();
    await using bus = await startPrivateBus();
    machine.releases.add({ version: '2' });
    const program = await start({ machine, bus });
    const sysroot = openSysroot(machine.sysrootPath);
    const lock = await lockSysroot(sysroot, createJob());
    const client = await AgentClient.open({ kind: 'bus', address: bus.address });
    const [address] = await client.call(names.os, osInterface, { member: 'Upgrade', args: [new Map()] });
    const transaction = await TransactionClient.open(wireText(address), () => undefined);
    await transaction.start();
    program.child.kill('SIGKILL');
    await expect(transaction.finished).rejects.toMatchObject({ code: 'AgentUnavailable' });
    lock[Symbol.dispose]();
    sysroot[Symbol.dispose]();
    expect(machine.order()).toEqual([`*${machine.first}`]);
    await Promise.all([client.close(), program.ended]);
  });
});

describe('an embedded agent', () => {
  it('serves one socket without any bus, transactions included', async () => {
    await using machine = await makeHost();
    const second = machine.releases.add({ version: '2' });
    const directory = makeTempDir();
    const agent = await startAgent({
      host: machine.host,
      listen: { kind: 'peer', path: join(directory, 'agent.sock') },
      runDir: directory,
      configRoot: directory,
    });
    const target = ['--address', agent.address, '--dest', 'x.y', '--object-path', names.sysroot];
    const foreign = await run('gdbus', ['call', ...target, '--method', `${names.sysrootInterface}.GetOS`, 'vendor']);
    expect(foreign.stdout.trim()).toBe(`(objectpath '${names.os}',)`);
    const client = await AgentClient.open({ kind: 'peer', address: agent.address });
    await client.register('embedded');
    const os = await client.osPath('');
    const [address] = await client.call(os, osInterface, { member: 'Upgrade', args: [new Map()] });
    const transaction = await TransactionClient.open(wireText(address), () => undefined);
    await transaction.start();
    expect(await transaction.finished).toEqual({ success: true, error: '' });
    const deployments = (await client.properties(names.sysroot, sysrootInterface)).get('Deployments')?.value;
    expect(Array.isArray(deployments) ? deployments.length : 0).toBe(2);
    expect(machine.order()[0]).toBe(`+${second}`);
    await transaction.close();
    await client.close();
    await agent.stop();
  });
});

describe('stateroots', () => {
  it('come and go as objects, told by the ObjectManager', async () => {
    await using on = await startAgentOnBus();
    const watcher = spawn('/usr/bin/python3', ['-c', managerWatch, on.bus.address], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const printed = { text: '' };
    watcher.stdout.on('data', (chunk: Buffer) => {
      printed.text += chunk.toString();
    });
    await expect.poll(() => printed.text, { timeout: 20_000 }).toContain('ready');
    await deployElsewhere(on);
    await expect.poll(() => printed.text, { timeout: 20_000 }).toContain('added');
    await undeployLast(on);
    await expect.poll(() => printed.text, { timeout: 20_000 }).toContain('removed');
    expect(printed.text.trim().split('\n')).toEqual([
      'ready',
      "added /org/projectatomic/rpmostree1/other_2Eos ['OS', 'OSExperimental']",
      "removed /org/projectatomic/rpmostree1/other_2Eos ['OS', 'OSExperimental']",
    ]);
    await endProcess(watcher, 'SIGKILL');
  });
});

const managerWatch = `
import sys
from gi.repository import Gio, GLib
flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
c = Gio.DBusConnection.new_for_address_sync(sys.argv[1], flags, None, None)
m = Gio.DBusObjectManagerClient.new_sync(c, 0, '${names.bus}', '${names.base}', None, None, None)
def told(word):
  def heard(manager, object):
    found = sorted(i.get_interface_name().split('.')[-1] for i in object.get_interfaces())
    print(word, object.get_object_path(), found, flush=True)
  return heard
m.connect('object-added', told('added'))
m.connect('object-removed', told('removed'))
empty = GLib.Variant('(a{sv})', ({},))
c.call_sync('${names.bus}', '${names.sysroot}', '${names.sysrootInterface}', 'RegisterClient', empty, None, 0, -1, None)
print('ready', flush=True)
GLib.MainLoop().run()`;

/** Deploys the first release in a stateroot of its own, behind the agent's back. */
async function deployElsewhere(on: AgentOnBus): Promise<void> {
  const job = createJob();
  using sysroot = openSysroot(on.machine.sysrootPath, on.machine.host.boot);
  initStateroot(sysroot, 'other.os');
  using _lock = await lockSysroot(sysroot, job);
  const origin = parseOrigin('[origin]\nrefspec=origin:vendor/stable\n');
  const request = { stateroot: 'other.os', checksum: on.machine.first, origin, merge: undefined, kargs: [] };
  const made = await deployTree(sysroot, request, job);
  await finalizeDeployment(sysroot, made, job);
  const [booted] = loadDeployments(sysroot).deployments;
  await writeDeployments(sysroot, booted === undefined ? [made] : [booted, made], job);
}

async function undeployLast(on: AgentOnBus): Promise<void> {
  const job = createJob();
  using sysroot = openSysroot(on.machine.sysrootPath, on.machine.host.boot);
  using _lock = await lockSysroot(sysroot, job);
  await undeploy(sysroot, loadDeployments(sysroot).deployments.length - 1, job);
  await cleanup(sysroot, { base: true }, job);
}
