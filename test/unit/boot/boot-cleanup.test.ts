import { describe, expect, it } from 'vitest';
import { planBootCleanup, type BootCleanupInput } from '../../../src/boot/index.ts';
import { digit, slot, state, target } from '../../support/boot-targets.ts';

const current = target('a', { boot: 'a' });
const old = target('b', { boot: 'b' });

function plan(changes: Partial<BootCleanupInput>): readonly string[] {
  return planBootCleanup({
    state: state(slot(1, [current]), slot(0, [old])),
    bootedVersion: 1,
    keepKernels: new Set(),
    bootNames: ['boot', 'loader', 'loader.0', 'loader.1', 'ostree', 'grub'],
    ostreeNames: ['boot.0', 'boot.0.0', 'boot.0.1', 'boot.1', 'boot.1.0', 'boot.1.1', 'deploy', 'repo', 'lock'],
    kernelNames: ['a', 'b', 'c'].map((name) => `testos-${digit(name)}`).concat('initramfs-overlays'),
    ...changes,
  }).remove;
}

describe('planBootCleanup', () => {
  it('removes the other slot, old generations of links and kernels that nothing names, once a boot started from the current one', () => {
    expect(plan({})).toEqual([
      'boot/loader.0',
      'ostree/boot.0',
      'ostree/boot.0.0',
      'ostree/boot.0.1',
      'ostree/boot.1.0',
      `boot/ostree/testos-${digit('b')}`,
      `boot/ostree/testos-${digit('c')}`,
    ]);
  });

  it('keeps everything that the configuration this boot started from names', () => {
    expect(plan({ bootedVersion: 0 })).toEqual([
      'ostree/boot.0.0',
      'ostree/boot.1.0',
      `boot/ostree/testos-${digit('c')}`,
    ]);
  });

  it('protects only the current slot when nothing is booted', () => {
    expect(plan({ bootedVersion: undefined })).toContain('boot/loader.0');
  });

  it('keeps kernels of the staged and the booted deployment', () => {
    expect(plan({ keepKernels: new Set([`testos-${digit('c')}`]) })).not.toContain(`boot/ostree/testos-${digit('c')}`);
  });

  it('removes no kernel while a protected entry cannot be read', () => {
    const broken = state(slot(1, [current], { broken: ['unreadable'] }), slot(0, [old]));
    expect(plan({ state: broken }).filter((path) => path.startsWith('boot/ostree/'))).toEqual([]);
  });

  it('never touches what it does not know', () => {
    const all = plan({});
    for (const path of [
      'boot/grub',
      'boot/boot',
      'boot/loader',
      'ostree/repo',
      'ostree/deploy',
      'boot/ostree/initramfs-overlays',
    ]) {
      expect(all).not.toContain(path);
    }
  });
});
