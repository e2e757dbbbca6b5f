import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { createJob } from '../../src/base/index.ts';
import {
  osInterface,
  sysrootInterface,
  TransactionClient,
  wireDict,
  wireText,
  wireVariant,
  type AgentClient,
  type TransactionEvent,
  type WireValue,
} from '../../src/ipc/index.ts';
import { lockSysroot, openSysroot } from '../../src/sysroot/index.ts';
import { names, startAgentOnBus, type AgentOnBus } from '../support/agent-on-bus.ts';
import { endProcess } from '../support/private-bus.ts';

/** Keeps every transaction of the host from its end, as another program that works on the sysroot would. */
async function holdSysroot(on: AgentOnBus): Promise<Disposable> {
  const sysroot = openSysroot(on.machine.sysrootPath);
  const lock = await lockSysroot(sysroot, createJob());
  return {
    [Symbol.dispose]: () => {
      lock[Symbol.dispose]();
      sysroot[Symbol.dispose]();
    },
  };
}

async function begin(
  client: AgentClient,
  member = 'Rollback',
  args: readonly WireValue[] = [new Map()],
): Promise<string> {
  const [address] = await client.call(names.os, osInterface, { member, args });
  return wireText(address);
}

async function activeMember(client: AgentClient): Promise<string> {
  const active = (await client.properties(names.sysroot, sysrootInterface)).get('ActiveTransaction')?.value;
  return Array.isArray(active) ? String(active[0]) : '?';
}

describe('while a transaction works', () => {
  it('every question is answered, another call is refused by title, and cancelling ends it', async () => {
    await using on = await startAgentOnBus();
    on.machine.releases.add({ version: '2' });
    using _busy = await holdSysroot(on);
    const client = await on.client();
    const options = wireDict({ 'initiating-command-line': wireVariant('s', 'upgrade --judged') });
    const transaction = await TransactionClient.open(await begin(client, 'Upgrade', [options]), () => undefined);
    await transaction.start();
    expect(await activeMember(client)).toBe('Upgrade');
    expect((await client.properties(names.os, osInterface)).get('Name')?.value).toBe('vendor');
    await client.call(names.sysroot, sysrootInterface, { member: 'Reload' });
    await expect(begin(client)).rejects.toMatchObject({
      code: 'UpdateInProgress',
      message: 'Transaction in progress: upgrade --judged',
    });
    // Another client with the very same call is let in, and told that it did not begin it.
    const other = await on.client();
    const joined = await TransactionClient.open(await begin(other, 'Upgrade', [options]), () => undefined);
    expect(await joined.start()).toBe(false);
    await joined.cancel();
    const cancelled = { success: false, error: 'Operation was cancelled' };
    expect(await Promise.all([transaction.finished, joined.finished])).toEqual([cancelled, cancelled]);
    expect(await activeMember(client)).toBe('');
    await Promise.all([transaction.close(), joined.close(), client.close(), other.close()]);
  });

  it('questions are answered within the time of a working event loop', async () => {
    await using on = await startAgentOnBus();
    const files = Object.fromEntries(
      Array.from({ length: 600 }, (_, index) => [`usr/share/f/${index}`, `${index}`.repeat(200)]),
    );
    on.machine.releases.add({ version: '2', files });
    const client = await on.client();
    const transaction = await TransactionClient.open(await begin(client, 'Upgrade'), () => undefined);
    await transaction.start();
    const state = { finished: false, answers: 0 };
    void transaction.finished.then(() => {
      state.finished = true;
    });
    while (!state.finished) {
      await client.properties(names.os, osInterface);
      state.answers += 1;
    }
    expect(state.answers).toBeGreaterThan(5);
    expect(await transaction.finished).toEqual({ success: true, error: '' });
    await Promise.all([transaction.close(), client.close()]);
  });

  it('thirty watchers on the bus and at the socket are all told the end', async () => {
    await using on = await startAgentOnBus();
    const second = on.machine.releases.add({ version: '2' });
    const clients = await Promise.all(Array.from({ length: 30 }, async () => await on.client()));
    await Promise.all(clients.map(async (client, index) => await client.register(`watcher-${index}`)));
    const addresses = await Promise.all(clients.map(async (client) => await begin(client, 'Upgrade')));
    expect(new Set(addresses).size).toBe(1);
    const events: TransactionEvent[][] = clients.map(() => []);
    const watchers = await Promise.all(
      addresses.map(
        async (address, index) => await TransactionClient.open(address, (event) => events[index]?.push(event)),
      ),
    );
    const starts: boolean[] = [];
    for (const watcher of watchers) starts.push(await watcher.start());
    expect(starts.filter(Boolean)).toHaveLength(1);
    const ends = await Promise.all(watchers.map(async (watcher) => await watcher.finished));
    expect(ends.every(({ success }) => success)).toBe(true);
    expect(new Set(events.map((list) => JSON.stringify(list))).size).toBe(1);
    const defaults = await Promise.all(
      clients.map(async (client) => (await client.properties(names.os, osInterface)).get('DefaultDeployment')?.value),
    );
    const checksums = defaults.map((dict) => (dict instanceof Map ? (dict.get('checksum') as unknown) : undefined));
    expect(checksums).toEqual(clients.map(() => wireVariant('s', second)));
    await Promise.all([...watchers, ...clients].map(async (one) => await one.close()));
  });
});

/** A client in a process of its own that does one step after the other, says so, and then waits to be killed. */
const victim = `
import sys
from gi.repository import Gio, GLib
flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
stage = sys.argv[2]
def reached(name):
  if name == stage:
    print(name, flush=True)
    GLib.MainLoop().run()
bus = Gio.DBusConnection.new_for_address_sync(sys.argv[1], flags, None, None)
def call(path, interface, method, args):
  return bus.call_sync('${names.bus}', path, interface, method, args, None, 0, -1, None)
reached('connected')
call('${names.sysroot}', '${names.sysrootInterface}', 'RegisterClient', GLib.Variant('(a{sv})', ({},)))
reached('registered')
address = call('${names.os}', '${names.osInterface}', 'Upgrade', GLib.Variant('(a{sv})', ({},))).unpack()[0]
reached('called')
peer = Gio.DBusConnection.new_for_address_sync(address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None, None)
reached('joined')
peer.call_sync(None, '/', '${names.transactionInterface}', 'Start', None, None, 0, -1, None)
reached('started')
`;

async function killAt(on: AgentOnBus, stage: string): Promise<void> {
  const child = spawn('/usr/bin/python3', ['-c', victim, on.bus.address, stage], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('exit', () => reject(new Error(`the client ended before ${stage}`)));
  });
  await endProcess(child, 'SIGKILL');
}

describe('a client that is killed', () => {
  it.each(['connected', 'registered', 'called', 'joined'])('once it has %s leaves the place free', async (stage) => {
    await using on = await startAgentOnBus();
    const second = on.machine.releases.add({ version: '2' });
    await killAt(on, stage);
    const client = await on.client();
    await expect.poll(async () => await activeMember(client)).toBe('');
    expect(on.machine.order()).toEqual([`*${on.machine.first}`]);
    const transaction = await TransactionClient.open(await begin(client, 'Upgrade'), () => undefined);
    expect(await transaction.start()).toBe(true);
    expect(await transaction.finished).toEqual({ success: true, error: '' });
    expect(on.machine.order()).toEqual([`+${second}`, `*${on.machine.first}`]);
    await Promise.all([transaction.close(), client.close()]);
  });

  it('once it has started the work does not end it', async () => {
    await using on = await startAgentOnBus();
    const second = on.machine.releases.add({ version: '2' });
    const busy = await holdSysroot(on);
    await killAt(on, 'started');
    const client = await on.client();
    expect(await activeMember(client)).toBe('Upgrade');
    busy[Symbol.dispose]();
    await expect.poll(async () => await activeMember(client), { timeout: 20_000 }).toBe('');
    expect(on.machine.order()).toEqual([`+${second}`, `*${on.machine.first}`]);
    await client.close();
  });
});
