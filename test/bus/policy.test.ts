import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { names, onBus, startAgentOnBus, type AgentOnBus } from '../support/agent-on-bus.ts';

const state: { started?: AgentOnBus } = {};
const started = (): AgentOnBus => {
  if (state.started === undefined) throw new Error('not started');
  return state.started;
};

beforeAll(async () => {
  state.started = await startAgentOnBus({ bus: { policy: 'shipped' } });
});
afterAll(async () => {
  await state.started?.[Symbol.asyncDispose]();
});

/** A call made by a user without any rights (or by root): what gdbus printed. */
async function call(who: 'nobody' | 'root', path: string, ...args: readonly string[]): Promise<string> {
  const { bus } = started();
  const [method = '', ...values] = args;
  const target = ['--address', bus.address, '--dest', names.bus, '--object-path', path, '--method', method];
  const gdbus = ['gdbus', 'call', ...target, ...values];
  const rights = who === 'nobody' ? ['--reuid=65534', '--regid=65534', '--clear-groups'] : [];
  const result = await onBus(bus, 'setpriv', [...rights, ...gdbus]);
  return (result.stdout + result.stderr).trim();
}

const properties = 'org.freedesktop.DBus.Properties';

describe('under the shipped policy a user without rights', () => {
  it.each([
    ['introspects', names.os, ['org.freedesktop.DBus.Introspectable.Introspect'], 'method name="Upgrade"'],
    ['reads a property', names.sysroot, [`${properties}.Get`, names.sysrootInterface, 'Path'], '(<'],
    ['reads all properties', names.os, [`${properties}.GetAll`, names.osInterface], "'Name': <'vendor'>"],
    ['lists objects', names.base, ['org.freedesktop.DBus.ObjectManager.GetManagedObjects'], names.os],
    ['finds an OS', names.sysroot, [`${names.sysrootInterface}.GetOS`, 'vendor'], `(objectpath '${names.os}',)`],
    ['synchronises', names.sysroot, [`${names.sysrootInterface}.Reload`], '()'],
    ['registers', names.sysroot, [`${names.sysrootInterface}.RegisterClient`, '{}'], '()'],
    ['asks for package repositories', names.os, [`${names.osInterface}.ListRepos`], '(@aa{sv} [],)'],
  ])('%s', async (_, path, args, expected) => {
    expect(await call('nobody', path, ...args)).toContain(expected);
  });

  it.each([
    ['Upgrade', ['{}']],
    ['Deploy', ['2', '{}']],
    ['Rollback', ['{}']],
    ['Cleanup', ["['base']"]],
    ['AutomaticUpdateTrigger', ["{'mode': <'check'>}"]],
    ['KernelArgs', ['', '[]', '[]', '[]', '{}']],
    ['FinalizeDeployment', ['{}']],
    ['Rebase', ['{}', 'x:y', '[]']],
  ])('is refused %s by name, and nothing begins', async (method, args) => {
    const text = await call('nobody', names.os, `${names.osInterface}.${method}`, ...args);
    expect(text).toContain('org.projectatomic.rpmostreed.Error.NotAuthorized');
    expect(text).toContain(`rpmostreed OS operation ${method} not allowed for user`);
    expect(started().log.join('\n')).not.toContain(`Initiated txn ${method}`);
  });

  it('is refused ReloadConfig', async () => {
    const text = await call('nobody', names.sysroot, `${names.sysrootInterface}.ReloadConfig`);
    expect(text).toContain('rpmostreed Sysroot operation ReloadConfig not allowed for user');
  });

  it.each([
    ['setting a property', names.os, [`${properties}.Set`, names.osInterface, 'Name', "<'x'>"]],
    ['the experimental interface', names.os, ['org.projectatomic.rpmostree1.OSExperimental.Moo', 'true']],
  ])('is stopped by the bus itself at %s', async (_, path, args) => {
    expect(await call('nobody', path, ...args)).toContain('org.freedesktop.DBus.Error.AccessDenied');
  });

  it('cannot take the name', async () => {
    const { bus } = started();
    const args = ['call', '--address', bus.address, '--dest', 'org.freedesktop.DBus', '--object-path', '/'];
    const request = ['--method', 'org.freedesktop.DBus.RequestName', names.bus, 'uint32 4'];
    const result = await onBus(bus, 'setpriv', ['--reuid=65534', '--clear-groups', 'gdbus', ...args, ...request]);
    expect(result.stderr).toContain('org.freedesktop.DBus.Error.AccessDenied');
  });
});

describe('under the shipped policy root', () => {
  it('calls what changes things', async () => {
    const text = await call('root', names.os, `${names.osInterface}.Cleanup`, "['repomd']");
    expect(text).toMatch(/^\('unix:path=.*\/rpm-ostree-transaction\.sock',\)$/);
  });
});
