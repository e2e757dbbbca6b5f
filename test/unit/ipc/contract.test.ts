import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AtomicError } from '../../../src/base/index.ts';
import {
  addressOf,
  contract,
  fromWireFailure,
  osPath,
  renderContract,
  sameWireValue,
  socketPathOf,
  toWireFailure,
} from '../../../src/ipc/index.ts';
import { parseSignature } from '../../../src/ipc/signature.ts';

describe('the contract', () => {
  it('is the shipped interface file, byte for byte', () => {
    const file = join(import.meta.dirname, '../../../dbus/org.projectatomic.rpmostree1.xml');
    expect(readFileSync(file, 'utf8')).toBe(renderContract());
  });

  it('has only valid types', () => {
    for (const one of contract) {
      const all = [
        ...one.methods.flatMap((method) => [...method.in, ...method.out]),
        ...one.signals.flatMap((signal) => signal.args),
        ...one.properties,
      ];
      for (const { type } of all) expect(parseSignature(type)).toHaveLength(1);
    }
  });

  it('names a polkit action for each method that changes something, and the shipped policy defines it', () => {
    const policy = readFileSync(join(import.meta.dirname, '../../../dbus/org.projectatomic.rpmostree1.policy'), 'utf8');
    const actions = new Set(contract.flatMap((one) => one.methods.flatMap((method) => method.action ?? [])));
    expect(actions.size).toBeGreaterThan(10);
    for (const action of actions) expect(policy).toContain(`<action id="org.projectatomic.rpmostree1.${action}">`);
    const open = contract.flatMap((one) =>
      one.methods.filter((method) => method.action === undefined).map(({ name }) => name),
    );
    expect(open.filter((name) => !/^(Get|List|What|Search|Reload$|Moo|Start)/.test(name))).toEqual([]);
  });

  it.each([
    ['fedora-coreos', 'fedora_coreos'],
    ['a_b', 'a_b'],
    ['a.b', 'a_2Eb'],
    ['ü', '_C3_BC'],
    ['a/b', 'a_b'],
  ])('gives the stateroot %s the path segment %s', (name, segment) => {
    expect(osPath(name)).toBe(`/org/projectatomic/rpmostree1/${segment}`);
  });
});

describe('an error', () => {
  it('crosses the bus with code, sentence and hint', () => {
    const wire = toWireFailure(
      new AtomicError('UpdateInProgress', 'Transaction in progress: upgrade', { hint: 'Wait' }),
    );
    expect(wire).toEqual({
      name: 'org.projectatomic.rpmostreed.Error.UpdateInProgress',
      text: 'Transaction in progress: upgrade\nWait',
    });
    expect(fromWireFailure(wire)).toMatchObject({
      code: 'UpdateInProgress',
      message: 'Transaction in progress: upgrade',
      hint: 'Wait',
    });
  });

  it('of an unexpected kind is Failed and shows no stack', () => {
    const wire = toWireFailure(new TypeError('x is not a function'));
    expect(wire).toEqual({ name: 'org.projectatomic.rpmostreed.Error.Failed', text: 'x is not a function' });
  });

  it.each([
    ['org.freedesktop.DBus.Error.ServiceUnknown', 'AgentUnavailable'],
    ['org.freedesktop.DBus.Error.AccessDenied', 'NotAuthorized'],
    ['org.freedesktop.DBus.Error.Spawn.ChildExited', 'AgentUnavailable'],
    ['org.projectatomic.rpmostreed.Error.constructor', 'Failed'],
    ['com.example.Odd', 'Failed'],
  ])('named %s is read as %s', (name, code) => {
    expect(fromWireFailure({ name, text: 't' }).code).toBe(code);
  });
});

describe('an address', () => {
  it('of a socket path reads back, whatever the path', () => {
    for (const path of ['/run/rpm-ostree-transaction.sock', '/tmp/a b,c;d=é%/x']) {
      expect(socketPathOf(addressOf(path))).toBe(path);
    }
  });

  it('takes the first entry on this machine', () => {
    expect(socketPathOf('tcp:host=x,port=1;unix:abstract=/tmp/x,guid=00')).toBe('\0/tmp/x');
    expect(() => socketPathOf('tcp:host=x,port=1')).toThrow('Unsupported D-Bus address');
  });
});

describe('comparing values', () => {
  const dict = (
    entries: readonly (readonly [string, number])[],
  ): ReadonlyMap<string, { type: string; value: number }> =>
    new Map(entries.map(([key, value]) => [key, { type: 'u', value }]));

  it('ignores the order of dictionaries and nothing else', () => {
    expect(
      sameWireValue(
        dict([
          ['a', 1],
          ['b', 2],
        ]),
        dict([
          ['b', 2],
          ['a', 1],
        ]),
      ),
    ).toBe(true);
    expect(sameWireValue(dict([['a', 1]]), dict([['a', 2]]))).toBe(false);
    expect(sameWireValue({ type: 'u', value: 1 }, { type: 'i', value: 1 })).toBe(false);
    expect(sameWireValue(['a', 'b'], ['b', 'a'])).toBe(false);
    expect(sameWireValue(new Uint8Array([1]), new Uint8Array([1]))).toBe(true);
  });
});
