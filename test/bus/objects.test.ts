import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderContract } from '../../src/ipc/index.ts';
import { busctl, gdbusCall, names, onBus, python, startAgentOnBus, type AgentOnBus } from '../support/agent-on-bus.ts';

const state: { started?: AgentOnBus } = {};
const it1 = (): AgentOnBus => {
  if (state.started === undefined) throw new Error('not started');
  return state.started;
};

beforeAll(async () => {
  state.started = await startAgentOnBus();
});
afterAll(async () => {
  await state.started?.[Symbol.asyncDispose]();
});

const interfaceBlock = (xml: string, name: string): string | undefined =>
  new RegExp(`  <interface name="${name.replaceAll('.', '\\.')}">\n[\\s\\S]*?\n  </interface>\n`).exec(xml)?.[0];

async function introspect(path: string): Promise<string> {
  const script = `
import sys
from gi.repository import Gio
flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
c = Gio.DBusConnection.new_for_address_sync(sys.argv[1], flags, None, None)
r = c.call_sync('${names.bus}', sys.argv[2], 'org.freedesktop.DBus.Introspectable', 'Introspect', None, None, 0, -1, None)
sys.stdout.write(r.unpack()[0])`;
  return await python(it1().bus, script, path);
}

describe('introspection', () => {
  it.each([
    [names.sysroot, names.sysrootInterface],
    [names.os, names.osInterface],
    [names.os, 'org.projectatomic.rpmostree1.OSExperimental'],
  ])('of %s has the interface %s as shipped, byte for byte', async (path, name) => {
    const shipped = interfaceBlock(renderContract(), name);
    expect(shipped).toBeDefined();
    expect(interfaceBlock(await introspect(path), name)).toBe(shipped);
  });

  it('leads from the root to every object', async () => {
    const tree = await busctl(it1().bus, 'tree', '--list', names.bus);
    expect(tree.split('\n').filter((line) => line.startsWith(names.base))).toEqual([
      names.base,
      names.sysroot,
      names.os,
    ]);
  });

  it('is understood by gdbus, with properties', async () => {
    const args = ['introspect', '--address', it1().bus.address, '--dest', names.bus, '--recurse'];
    const { stdout, stderr } = await onBus(it1().bus, 'gdbus', [...args, '--object-path', '/']);
    expect(stderr).toBe('');
    expect(stdout).toContain(`interface ${names.sysrootInterface} {`);
    expect(stdout).toContain("readonly s Name = 'vendor';");
    expect(stdout).toContain('GetManagedObjects(out a{oa{sa{sv}}} objects);');
  });

  it('is understood by busctl', async () => {
    const text = await busctl(it1().bus, 'introspect', names.bus, names.os);
    expect(text).toMatch(/^\.Upgrade +method +a\{sv\} +s +-/m);
    expect(text).toMatch(/^\.Name +property +s +"vendor" +emits-change/m);
  });
});

describe('the objects', () => {
  it('are told by the ObjectManager with every property', async () => {
    const script = `
import sys
from gi.repository import Gio
flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
c = Gio.DBusConnection.new_for_address_sync(sys.argv[1], flags, None, None)
m = Gio.DBusObjectManagerClient.new_sync(c, 0, '${names.bus}', '${names.base}', None, None, None)
for o in sorted(m.get_objects(), key=lambda o: o.get_object_path()):
  for i in sorted(o.get_interfaces(), key=lambda i: i.get_interface_name()):
    print(o.get_object_path(), i.get_interface_name(), len(i.get_cached_property_names() or []))`;
    expect((await python(it1().bus, script)).split('\n')).toEqual([
      `${names.sysroot} ${names.sysrootInterface} 6`,
      `${names.os} ${names.osInterface} 6`,
      `${names.os} org.projectatomic.rpmostree1.OSExperimental 0`,
    ]);
  });

  it('show the booted deployment with every key clients count on', async () => {
    const script = `
import sys, json
from gi.repository import Gio
flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
c = Gio.DBusConnection.new_for_address_sync(sys.argv[1], flags, None, None)
p = Gio.DBusProxy.new_sync(c, 0, None, '${names.bus}', '${names.os}', '${names.osInterface}', None)
v = p.get_cached_property('BootedDeployment')
print(json.dumps({k: [v.lookup_value(k, None).get_type_string(), v.lookup_value(k, None).unpack()] for k in v.keys()}))`;
    const dict = JSON.parse(await python(it1().bus, script)) as Record<string, [string, unknown]>;
    const { first } = it1().machine;
    expect(dict).toMatchObject({
      id: ['s', `vendor-${first}.0`],
      osname: ['s', 'vendor'],
      serial: ['i', 0],
      checksum: ['s', first],
      booted: ['b', true],
      staged: ['b', false],
      pinned: ['b', false],
      unlocked: ['s', 'none'],
      timestamp: ['t', 1767225600],
      version: ['s', '1'],
      origin: ['s', 'origin:vendor/stable'],
      'gpg-enabled': ['b', false],
      'regenerate-initramfs': ['b', false],
      'base-removals': ['av', []],
      'base-local-replacements': ['a(vv)', []],
      'base-remote-replacements': ['a{sv}', {}],
    });
    expect(dict['base-commit-meta']?.[1]).toMatchObject({ version: '1' });
    for (const key of ['packages', 'requested-packages', 'requested-local-packages', 'requested-base-removals']) {
      expect(dict[key]).toEqual(['as', []]);
    }
  });

  it('are found by name, the booted one by none', async () => {
    const call = `${names.sysrootInterface}.GetOS`;
    expect(await gdbusCall(it1().bus, names.sysroot, [call, 'vendor'])).toBe(`(objectpath '${names.os}',)`);
    expect(await gdbusCall(it1().bus, names.sysroot, [call, ''])).toBe(`(objectpath '${names.os}',)`);
    expect(await gdbusCall(it1().bus, names.sysroot, [call, 'nix'])).toContain('OS name "nix" not found');
  });

  it('answer Ping and the properties one by one', async () => {
    expect(await gdbusCall(it1().bus, names.base, ['org.freedesktop.DBus.Peer.Ping'])).toBe('()');
    const property = ['get-property', names.bus, names.sysroot, names.sysrootInterface];
    expect(await busctl(it1().bus, ...property, 'Booted')).toBe(`o "${names.os}"`);
    expect(await busctl(it1().bus, ...property, 'ActiveTransaction')).toBe('(sss) "" "" ""');
    expect(await busctl(it1().bus, ...property, 'AutomaticUpdatePolicy')).toBe('s "none"');
  });
});

describe('a wrong call', () => {
  const standard = 'org.freedesktop.DBus.Error.';
  it.each([
    ['an unknown method', names.sysroot, [`${names.sysrootInterface}.Nix`], `${standard}UnknownMethod`],
    ['an unknown interface', names.sysroot, ['org.example.Nix.Do'], `${standard}UnknownInterface`],
    ['an unknown object', `${names.base}/nix`, [`${names.osInterface}.ListRepos`], `${standard}UnknownObject`],
    ['a transaction on the bus', names.os, [`${names.transactionInterface}.Start`], `${standard}UnknownInterface`],
    [
      'an unknown property',
      names.os,
      ['org.freedesktop.DBus.Properties.Get', names.osInterface, 'Nix'],
      `${standard}UnknownProperty`,
    ],
    [
      'properties of another object',
      names.base,
      ['org.freedesktop.DBus.Properties.GetAll', names.osInterface],
      `${standard}UnknownInterface`,
    ],
    [
      'setting a property',
      names.os,
      ['org.freedesktop.DBus.Properties.Set', names.osInterface, 'Name', "<'x'>"],
      `${standard}PropertyReadOnly`,
    ],
    [
      'a method that is not built',
      names.os,
      [`${names.osInterface}.RefreshMd`, '{}'],
      'org.projectatomic.rpmostreed.Error.NotSupported',
    ],
    [
      'an unknown option',
      names.os,
      [`${names.osInterface}.Upgrade`, "{'nix': <true>}"],
      'org.projectatomic.rpmostreed.Error.InvalidArgument',
    ],
    [
      'an option of a wrong type',
      names.os,
      [`${names.osInterface}.Upgrade`, "{'reboot': <'yes'>}"],
      'org.projectatomic.rpmostreed.Error.InvalidArgument',
    ],
    [
      'an option that is not built',
      names.os,
      [`${names.osInterface}.Upgrade`, "{'apply-live': <true>}"],
      'org.projectatomic.rpmostreed.Error.NotSupported',
    ],
    [
      'an unknown kind of cleanup',
      names.os,
      [`${names.osInterface}.Cleanup`, "['dust']"],
      'Invalid cleanup type: dust',
    ],
  ])('(%s) is answered by its name and shows no stack', async (_, path, args, expected) => {
    const text = await gdbusCall(it1().bus, path, args);
    expect(text).toContain(expected);
    expect(text).not.toMatch(/\n +at |\.ts\b|node:/);
  });

  it('with wrong types is told the right ones', async () => {
    const text = await busctl(it1().bus, 'call', names.bus, names.sysroot, names.sysrootInterface, 'GetOS', 'u', '7');
    expect(text).toContain('does not match expected type “(s)”');
  });

  it('does not change what it could not set', async () => {
    await busctl(it1().bus, 'set-property', names.bus, names.os, names.osInterface, 'Name', 's', 'x');
    expect(await busctl(it1().bus, 'get-property', names.bus, names.os, names.osInterface, 'Name')).toBe('s "vendor"');
  });
});
