import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  dictBoolean,
  dictString,
  osInterface,
  sysrootInterface,
  TransactionClient,
  type WireDict,
  type WireValue,
  wireDict,
  wireText,
  wireVariant,
} from '../../src/ipc/index.ts';
import { gdbusCall, names, python, startAgentOnBus, type AgentOnBus } from '../support/agent-on-bus.ts';
import { ostree } from '../support/real-ostree.ts';

/** A client in GIO that keeps in step through signals alone: what it prints is what a page would show. */
const watcher = `
import sys, json
from gi.repository import Gio, GLib
flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
bus = Gio.DBusConnection.new_for_address_sync(sys.argv[1], flags, None, None)
sysroot = Gio.DBusProxy.new_sync(bus, 0, None, '${names.bus}', '${names.sysroot}', '${names.sysrootInterface}', None)
os = Gio.DBusProxy.new_sync(bus, 0, None, '${names.bus}', '${names.os}', '${names.osInterface}', None)
sysroot.RegisterClient('(a{sv})', {'id': GLib.Variant('s', 'judge')})
order = []
def changed(name):
  def heard(proxy, values, invalidated):
    order.append('changed')
    assert not invalidated
  return heard
sysroot.connect('g-properties-changed', changed('Sysroot'))
os.connect('g-properties-changed', changed('OS'))
loop = GLib.MainLoop()
def follow(address):
  peer = Gio.DBusConnection.new_for_address_sync(address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None, None)
  tx = Gio.DBusProxy.new_sync(peer, 0, None, None, '/', '${names.transactionInterface}', None)
  seen = {}
  def heard(proxy, sender, name, args):
    seen.setdefault(name, []).append(args.unpack())
    if name == 'Finished':
      order.append('finished')
      loop.quit()
  tx.connect('g-signal', heard)
  tx.Start()
  GLib.timeout_add_seconds(50, loop.quit)
  loop.run()
  return seen
def drain():
  bus.call_sync('${names.bus}', '${names.sysroot}', '${names.sysrootInterface}', 'Reload', None, None, 0, -1, None)
  while GLib.MainContext.default().iteration(False): pass
def prop(proxy, name):
  value = proxy.get_cached_property(name)
  return value.unpack() if value is not None else None
`;

const upgradeScript = `${watcher}
seen = follow(os.Upgrade('(a{sv})', {}))
in_order = order.index('changed') < order.index('finished') if 'changed' in order else False
drain()
print(json.dumps({
  'finished': seen['Finished'], 'names': sorted(seen), 'order': in_order,
  'deployments': [[d['checksum'], d['booted'], d['staged']] for d in prop(sysroot, 'Deployments')],
  'default': prop(os, 'DefaultDeployment')['checksum'], 'booted': prop(os, 'BootedDeployment')['checksum'],
  'cached': prop(os, 'CachedUpdate').get('checksum'), 'has': prop(os, 'HasCachedUpdateRpmDiff'),
  'active': prop(sysroot, 'ActiveTransaction')}))`;

interface Seen {
  readonly finished: readonly (readonly [boolean, string])[];
  readonly names: readonly string[];
  readonly order: boolean;
  readonly deployments: readonly (readonly [string, boolean, boolean])[];
  readonly [key: string]: unknown;
}

async function judged(on: AgentOnBus, script: string): Promise<Seen> {
  return JSON.parse(await python(on.bus, script)) as Seen;
}

describe('an upgrade', () => {
  it('is followed by GIO from the call to the new properties, which come before Finished', async () => {
    await using on = await startAgentOnBus();
    const second = on.machine.releases.add({ version: '2' });
    const seen = await judged(on, upgradeScript);
    expect(seen.finished).toEqual([[true, '']]);
    expect(seen.names).toContain('Message');
    expect(seen).toMatchObject({
      order: true,
      deployments: [
        [second, false, true],
        [on.machine.first, true, false],
      ],
      default: second,
      booted: on.machine.first,
      cached: second,
      has: true,
      active: ['', '', ''],
    });
    expect(on.reboots).toEqual([]);
    expect(on.log.join('\n')).toMatch(/Initiated txn Upgrade for client\(id:judge dbus::1\.\d+ uid:0\): .*\/vendor/);
  });

  it('that finds nothing changes nothing', async () => {
    await using on = await startAgentOnBus();
    const seen = await judged(on, upgradeScript);
    expect(seen).toMatchObject({ finished: [[true, '']], cached: null, default: on.machine.first });
    expect(on.log).toContain('No upgrade available.');
  });

  it('that fails says why in Finished, and the properties stay', async () => {
    await using on = await startAgentOnBus();
    on.machine.releases.add({ version: '2', kernel: false });
    const seen = await judged(on, upgradeScript);
    expect(seen.finished[0]?.[0]).toBe(false);
    expect(seen.finished[0]?.[1]).toMatch(/kernel/i);
    expect(seen).toMatchObject({ default: on.machine.first, active: ['', '', ''] });
  });

  it('reboots when asked to, once', async () => {
    await using on = await startAgentOnBus();
    on.machine.releases.add({ version: '2' });
    await runTransaction(on, 'Upgrade', [wireDict({ reboot: wireVariant('b', true) })]);
    await expect.poll(() => on.reboots).toEqual(['reboot']);
  });
});

/** Runs a transaction with our own client: how it ended. */
async function runTransaction(on: AgentOnBus, member: string, args: Parameters<typeof wireArgs>[0]): Promise<string> {
  const client = await on.client();
  try {
    const reply = await client.call(names.os, osInterface, { member, args: wireArgs(args) });
    const transaction = await TransactionClient.open(wireText(reply.at(-1)), () => undefined);
    await transaction.start();
    const { success, error } = await transaction.finished;
    await transaction.close();
    return success ? 'done' : error;
  } finally {
    await client.close();
  }
}

type CallArguments = NonNullable<Parameters<Awaited<ReturnType<AgentOnBus['client']>>['call']>[2]['args']>;
const wireArgs = (args: CallArguments): CallArguments => args;

describe('a check', () => {
  const check = [wireDict({ mode: wireVariant('s', 'check') })];

  it('tells the update in CachedUpdate and deploys nothing', async () => {
    await using on = await startAgentOnBus();
    const second = on.machine.releases.add({ version: '2' });
    expect(await runTransaction(on, 'AutomaticUpdateTrigger', check)).toBe('done');
    expect(on.machine.order()).toEqual([`*${on.machine.first}`]);
    const client = await on.client();
    const properties = await client.properties(names.os, osInterface);
    await client.close();
    const cached = properties.get('CachedUpdate')?.value;
    expect(cached instanceof Map ? [...cached].slice(0, 5) : undefined).toEqual([
      ['osname', wireVariant('s', 'vendor')],
      ['checksum', wireVariant('s', second)],
      ['version', wireVariant('s', '2')],
      ['timestamp', wireVariant('t', 1767312000n)],
      ['origin', wireVariant('s', 'origin:vendor/stable')],
    ]);
  });

  it('is forgotten once the update runs, and kept while it waits', async () => {
    await using on = await startAgentOnBus();
    const second = on.machine.releases.add({ version: '2' });
    const cached = async (): Promise<string | undefined> => {
      const client = await on.client();
      const { value } = (await client.properties(names.os, osInterface)).get('CachedUpdate') ?? {};
      await client.close();
      return value instanceof Map ? dictString(value as WireDict, 'checksum') : undefined;
    };
    await runTransaction(on, 'Upgrade', [new Map()]);
    expect(await cached()).toBe(second);
    // The candidate is staged already: there is nothing to do, and still something to reboot into.
    await runTransaction(on, 'AutomaticUpdateTrigger', check);
    expect(await cached()).toBe(second);
    await on.machine.reboot();
    expect(await cached()).toBeUndefined();
  });

  it('is off when the policy is none, and follows it', async () => {
    await using on = await startAgentOnBus();
    const trigger = [`${names.osInterface}.AutomaticUpdateTrigger`, '{}'];
    expect(await gdbusCall(on.bus, names.os, trigger)).toBe("(false, '')");
    writeFileSync(join(on.configRoot, 'etc/rpm-ostreed.conf'), '[Daemon]\nAutomaticUpdatePolicy=check\n');
    await gdbusCall(on.bus, names.sysroot, [`${names.sysrootInterface}.ReloadConfig`]);
    expect(await gdbusCall(on.bus, names.os, trigger)).toMatch(/^\(true, 'unix:path=/);
  });

  it('finds its words for a bad configuration and keeps the old one', async () => {
    await using on = await startAgentOnBus();
    writeFileSync(join(on.configRoot, 'etc/rpm-ostreed.conf'), '[Daemon]\nAutomaticUpdatePolicy=sometimes\n');
    const text = await gdbusCall(on.bus, names.sysroot, [`${names.sysrootInterface}.ReloadConfig`]);
    expect(text).toContain('rpm-ostreed.conf');
    const client = await on.client();
    const properties = await client.properties(names.sysroot, sysrootInterface);
    await client.close();
    expect(properties.get('AutomaticUpdatePolicy')?.value).toBe('none');
  });
});

describe('the other verbs', () => {
  it('deploy, roll back and clean up a host through reboots', async () => {
    await using on = await startAgentOnBus();
    const { machine } = on;
    const second = machine.releases.add({ version: '2' });
    machine.releases.add({ version: '3' });
    expect(await runTransaction(on, 'Deploy', ['2', new Map()])).toBe('done');
    expect(machine.order()).toEqual([`+${second}`, `*${machine.first}`]);
    await machine.reboot();
    expect(machine.order()).toEqual([`*${second}`, machine.first]);
    expect(await runTransaction(on, 'Rollback', [new Map()])).toBe('done');
    expect(machine.order()).toEqual([machine.first, `*${second}`]);
    expect(await runTransaction(on, 'Cleanup', [['pending-deploy', 'base', 'repomd']])).toBe('done');
    expect(machine.order()).toEqual([`*${second}`]);
    expect(await runTransaction(on, 'Rollback', [new Map()])).toMatch(/rollback/i);
  });

  it('say in the transaction what a revision lacks', async () => {
    await using on = await startAgentOnBus();
    expect(await runTransaction(on, 'Deploy', ['9.9', new Map()])).toContain('Version 9.9 not found');
  });
});

describe('a sysroot nothing runs from', () => {
  it('is shown and upgraded at once', async () => {
    await using on = await startAgentOnBus({ host: { booted: false } });
    const second = on.machine.releases.add({ version: '2' });
    expect(await gdbusCall(on.bus, names.sysroot, [`${names.sysrootInterface}.GetOS`, ''])).toContain(
      'Error.NotBooted',
    );
    const client = await on.client();
    expect((await client.properties(names.sysroot, sysrootInterface)).get('Booted')?.value).toBe('/');
    expect(await runTransaction(on, 'AutomaticUpdateTrigger', [wireDict({ mode: wireVariant('s', 'check') })])).toBe(
      'done',
    );
    const before = await client.properties(names.os, osInterface);
    expect(dictString(before.get('CachedUpdate')?.value as WireDict, 'checksum')).toBe(second);
    expect(dictString(before.get('DefaultDeployment')?.value as WireDict, 'checksum')).toBe(on.machine.first);
    expect(await runTransaction(on, 'Upgrade', [new Map()])).toBe('done');
    const after = await client.properties(names.os, osInterface);
    expect(dictString(after.get('DefaultDeployment')?.value as WireDict, 'checksum')).toBe(second);
    expect(after.get('CachedUpdate')?.value).toEqual(new Map());
    expect(after.get('BootedDeployment')?.value).toEqual(new Map());
    await client.close();
  });
});

describe('odd metadata of a commit', () => {
  it('costs itself and nothing else', async () => {
    const extraArgs = [
      '--add-metadata=odd.empty=()',
      '--add-metadata=odd.maybe=@ms nothing',
      '--add-metadata=odd.least=int64 -9223372036854775808',
      '--add-metadata=odd.kept=<<[1, 2]>>',
    ];
    await using on = await startAgentOnBus({ host: { release: { extraArgs } } });
    const client = await on.client();
    const booted = (await client.properties(names.os, osInterface)).get('BootedDeployment')?.value as WireDict;
    const metadata = booted.get('base-commit-meta')?.value;
    const keys = metadata instanceof Map ? [...(metadata as WireDict).keys()] : [];
    expect(keys).toContain('odd.kept');
    expect(keys.filter((key) => /^odd\.(empty|maybe|least)$/.test(key))).toEqual([]);
    await client.close();
  });
});

describe('what others do', () => {
  it('is seen by the next call, and told to registered clients by itself', async () => {
    await using on = await startAgentOnBus();
    const waiting = python(
      on.bus,
      `${watcher}
import subprocess
subprocess.run(['ostree', 'admin', '--sysroot=${on.machine.sysrootPath}', 'pin', '0'], check=True, stdout=subprocess.DEVNULL)
os.connect('g-properties-changed', lambda *a: loop.quit())
GLib.timeout_add_seconds(30, loop.quit)
loop.run()
print([d['pinned'] for d in prop(sysroot, 'Deployments')], prop(os, 'DefaultDeployment')['pinned'])`,
    );
    expect(await waiting).toBe('[True] True');
    ostree('admin', `--sysroot=${on.machine.sysrootPath}`, 'pin', '--unpin', '0');
    const client = await on.client();
    const properties = await client.properties(names.sysroot, sysrootInterface);
    await client.close();
    const deployments = properties.get('Deployments')?.value;
    const pinned = Array.isArray(deployments)
      ? deployments.map((dict: WireValue) => dictBoolean(dict as WireDict, 'pinned'))
      : [];
    expect(pinned).toEqual([false]);
  });
});
