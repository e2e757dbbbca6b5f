import { describe, expect, it } from 'vitest';
import { planSwap, type BootTarget } from '../../../src/boot/index.ts';
import { digit, slot, state, target } from '../../support/boot-targets.ts';

const a = target('a');
const b = target('2', { boot: 'c' });

describe('planSwap', () => {
  const rows: readonly (readonly [what: string, current: BootTarget[], wanted: BootTarget[], kind: string])[] = [
    ['the same list needs nothing', [a, b], [a, b], 'none'],
    ['a first deployment is a full swap', [], [a], 'full'],
    ['one more deployment is a full swap', [a], [b, a], 'full'],
    ['one fewer deployment is a full swap', [a, b], [a], 'full'],
    ['another order of different kernels is a full swap', [a, b], [b, a], 'full'],
    ['another commit with the same kernel, version and arguments keeps the entries', [a], [target('3')], 'subboot'],
    ['another version is a full swap', [a], [target('3', { version: '2' })], 'full'],
    ['another kernel is a full swap', [a], [target('3', { boot: 'd' })], 'full'],
    ['other kernel arguments are a full swap', [a], [target('a', { kargs: ['quiet'] })], 'full'],
    [
      'kernel arguments in another order are a full swap',
      [a],
      [target('a', { kargs: ['quiet', 'root=LABEL=root'] })],
      'full',
    ],
    ['another stateroot is a full swap', [a], [target('a', { stateroot: 'other' })], 'full'],
    [
      'an overlay initrd is a full swap',
      [a],
      [
        target('a', {
          kernel: { linux: a.kernel.linux, initrds: [...a.kernel.initrds, '/ostree/initramfs-overlays/x.img'] },
        }),
      ],
      'full',
    ],
    ['exchanging two of the same kernel keeps the entries', [a, target('3')], [target('3'), a], 'subboot'],
  ];
  it.each(rows)('%s', (_what, current, wanted, kind) => {
    expect(planSwap(state(slot(0, current)), current, wanted).kind).toBe(kind);
  });

  it('asks for a full swap where an entry cannot be read', () => {
    expect(planSwap(state(slot(0, [a], { broken: ['x'] })), [a], [a]).kind).toBe('full');
  });

  it('writes the other slot and the other generation of its links', () => {
    const plan = planSwap(state(slot(1, [a]), slot(0, [], { subBootVersion: 1 })), [a], [b, a]);
    expect(plan).toMatchObject({ kind: 'full', bootVersion: 0, subBootVersion: 0 });
  });

  it('stays in the slot and changes the generation when the entries stay', () => {
    const plan = planSwap(state(slot(1, [a], { subBootVersion: 1 })), [a], [target('3')]);
    expect(plan).toMatchObject({ kind: 'subboot', bootVersion: 1, subBootVersion: 0 });
  });

  it('counts boot serials per boot checksum in list order', () => {
    const plan = planSwap(state(slot(0, [])), [], [a, b, target('3')]);
    expect(
      plan.kind === 'full' && plan.links.map(({ bootChecksum, bootSerial }) => [bootChecksum[0], bootSerial]),
    ).toEqual([
      ['b', 0],
      ['c', 0],
      ['b', 1],
    ]);
  });

  it('names entries, titles and root arguments as OSTree 2022 does', () => {
    const plan = planSwap(state(slot(0, [])), [], [target('3', { version: '2' }), a]);
    if (plan.kind !== 'full') throw new Error(plan.kind);
    const base = `/ostree/testos-${digit('b')}`;
    expect(plan.entries.map(({ file, text }) => ({ file, text }))).toEqual([
      {
        file: 'ostree-2-testos.conf',
        text: `title Test OS 2 (ostree:0)\nversion 2\noptions root=LABEL=root quiet ostree=/ostree/boot.1/testos/${digit('b')}/0\nlinux ${base}/vmlinuz-6.1\ninitrd ${base}/initramfs-6.1.img\n`,
      },
      {
        file: 'ostree-1-testos.conf',
        text: `title Test OS 1 (ostree:1)\nversion 1\noptions root=LABEL=root quiet ostree=/ostree/boot.1/testos/${digit('b')}/1\nlinux ${base}/vmlinuz-6.1\ninitrd ${base}/initramfs-6.1.img\n`,
      },
    ]);
  });

  it('names the stateroot in titles when there are several', () => {
    const plan = planSwap(state(slot(0, [])), [], [a, target('3', { stateroot: 'other', version: undefined })]);
    expect(plan.kind === 'full' && plan.entries.map(({ title }) => title)).toEqual([
      'Test OS 1 (ostree:testos:0)',
      'Test OS (ostree:other:1)',
    ]);
  });

  it('does not repeat a version that the name has already', () => {
    const plan = planSwap(state(slot(0, [])), [], [target('a', { osName: 'Test OS 12.1', version: '12' })]);
    expect(plan.kind === 'full' && plan.entries[0]?.title).toBe('Test OS 12.1 (ostree:0)');
  });

  it('starts the kernel with the program that finds the deployment where there is no initramfs', () => {
    const plan = planSwap(
      state(slot(0, [])),
      [],
      [target('a', { kernel: { linux: '/ostree/x/vmlinuz', initrds: [] } })],
    );
    expect(plan.kind === 'full' && plan.entries[0]?.options).toContain(
      `init=/ostree/boot.1/testos/${digit('b')}/0/usr/lib/ostree/ostree-prepare-root`,
    );
  });

  it('carries foreign fields of an entry along, after the device trees', () => {
    const kernel = { ...a.kernel, devicetreeDirectory: '/ostree/x/dtb' };
    const plan = planSwap(state(slot(0, [])), [], [target('a', { kernel, extra: [['x-key', 'value']] })]);
    expect(plan.kind === 'full' && plan.entries[0]?.text.endsWith('fdtdir /ostree/x/dtb\nx-key value\n')).toBe(true);
  });
});
