import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { computeBootChecksum, findKernel, kernelDirectory } from '../../src/boot/index.ts';
import { Dir } from '../../src/platform/index.ts';
import { mountLoopImage } from '../support/loop-image.ts';
import { makeOsTree, type OsTreeOptions } from '../support/make-os-tree.ts';
import { ostree } from '../support/real-ostree.ts';
import { realCommit, realSysroot } from '../support/real-sysroot.ts';

const modules = 'usr/lib/modules/6.1.0-test';
const legacy = 'ab'.repeat(32);

const trees: Readonly<Record<string, OsTreeOptions>> = {
  'kernel and initramfs': {},
  'a kernel alone': { initramfs: undefined },
  'an initramfs without suffix': { initramfs: undefined, files: { [`${modules}/initramfs`]: 'initramfs' } },
  'one device tree': { files: { [`${modules}/devicetree`]: 'tree' } },
  'a directory of device trees': {
    files: {
      [`${modules}/dtb/b.dtb`]: 'b',
      [`${modules}/dtb/a/z.dtb`]: 'z',
      [`${modules}/dtb/a/y/x.dtb`]: 'x',
      [`${modules}/dtb/a.dtb`]: 'a',
      [`${modules}/dtb/B.dtb`]: 'B',
      [`${modules}/dtb/a-b.dtb`]: 'a-b',
    },
  },
  'a device tree and a directory of them': {
    files: { [`${modules}/devicetree`]: 'tree', [`${modules}/dtb/b.dtb`]: 'b' },
  },
  'an HMAC beside the kernel': { files: { [`${modules}/.vmlinuz.hmac`]: 'hmac' } },
  'names that carry the checksum': {
    kernel: undefined,
    files: { [`usr/lib/ostree-boot/vmlinuz-5.0-${legacy}`]: 'k', [`usr/lib/ostree-boot/initramfs-5.0-${legacy}`]: 'i' },
  },
};

describe('the boot checksum', () => {
  it.each(Object.entries(trees))(
    'is what the real ostree computes, and so are the names in /boot: %s',
    async (_what, tree) => {
      const mount = mountLoopImage();
      const path = realSysroot(join(mount, 'sysroot'));
      realCommit(path, mount, tree);
      ostree('admin', `--sysroot=${path}`, 'deploy', '--os=testos', 'test/os');
      const source = join(mount, 'source');
      mkdirSync(source);
      makeOsTree(source, tree);
      using dir = Dir.open(source);
      const layout = findKernel(dir);
      const bootChecksum = await computeBootChecksum(dir, layout);
      const directory = kernelDirectory({ stateroot: 'testos', bootChecksum });
      expect(readdirSync(join(path, 'boot/ostree'))).toEqual([directory]);
      const installed = readdirSync(join(path, 'boot/ostree', directory), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(join(path, 'boot/ostree', directory).length + 1));
      expect(layout.files.map(({ name }) => name).sort()).toEqual(installed.sort());
    },
  );
});
