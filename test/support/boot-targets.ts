/** Values for the tests of pure boot plans: targets, slots and states without a disk. */
import { parseChecksum, type Checksum } from '../../src/base/index.ts';
import type { BootEntry, BootSlot, BootState, BootTarget } from '../../src/boot/index.ts';

/** A checksum of one repeated hex digit. */
export function digit(text: string): Checksum {
  return parseChecksum(text.repeat(64).slice(0, 64));
}

/** A target whose boot checksum is made of the digit `boot`, named by `name`. */
export function target(name: string, changes: Partial<BootTarget> & { readonly boot?: string } = {}): BootTarget {
  const { boot = 'b', ...rest } = changes;
  const bootChecksum = digit(boot);
  const stateroot = rest.stateroot ?? 'testos';
  return {
    stateroot,
    name: `${digit(name)}.0`,
    bootChecksum,
    kargs: ['root=LABEL=root', 'quiet'],
    version: '1',
    osName: 'Test OS',
    kernel: {
      linux: `/ostree/${stateroot}-${bootChecksum}/vmlinuz-6.1`,
      initrds: [`/ostree/${stateroot}-${bootChecksum}/initramfs-6.1.img`],
    },
    extra: [],
    entry: undefined,
    ...rest,
  };
}

/** A slot with entries for the targets. */
export function slot(bootVersion: 0 | 1, targets: readonly BootTarget[], changes: Partial<BootSlot> = {}): BootSlot {
  const entries = targets.map(({ stateroot, name, bootChecksum }, bootSerial): BootEntry => ({
    file: `ostree-${targets.length - bootSerial}-${stateroot}.conf`,
    entry: { fields: [] },
    bootVersion,
    stateroot,
    bootChecksum,
    bootSerial,
    name,
  }));
  return { bootVersion, subBootVersion: 1, present: targets.length > 0, entries, broken: [], ...changes };
}

/** A state whose current slot is `current`; the other one is empty unless given. */
export function state(current: BootSlot, other?: BootSlot): BootState {
  const version = current.bootVersion === 0 ? 1 : 0;
  return { current, other: other ?? slot(version, [], { subBootVersion: 0 }) };
}
