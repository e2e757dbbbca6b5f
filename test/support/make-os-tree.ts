/** Builds small synthetic OS trees: what a deployment needs to be bootable, and a few files to tell versions apart. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What makes one tree differ from another. Paths of `etc` are below usr/etc, those of `files` below the root. */
export interface OsTreeOptions {
  readonly version?: string;
  /** Content of the kernel: another text gives another boot checksum. None for a tree that cannot boot. */
  readonly kernel?: string | undefined;
  readonly kernelVersion?: string;
  readonly initramfs?: string | undefined;
  readonly etc?: Readonly<Record<string, string>>;
  /** Where `etc` goes: `etc` for a tree as a package manager makes it. */
  readonly etcAt?: 'usr/etc' | 'etc';
  readonly files?: Readonly<Record<string, string>>;
}

/** The default configuration of every synthetic tree, unless `etc` changes it. */
export const defaultEtc: Readonly<Record<string, string>> = {
  'a.conf': 'a = default\n',
  'b.conf': 'b = default\n',
  'dir/c.conf': 'c = default\n',
  'os-name': 'testos\n',
};

/** Writes a tree into the empty (or absent) directory `path`. */
export function makeOsTree(path: string, options: OsTreeOptions = {}): void {
  const { version = '1', kernelVersion = '6.1.0-test', etcAt = 'usr/etc' } = options;
  const kernel = 'kernel' in options ? options.kernel : 'kernel 1\n';
  const initramfs = 'initramfs' in options ? options.initramfs : 'initramfs 1\n';
  for (const directory of ['usr/bin', etcAt, 'usr/lib/modules', 'var', 'sysroot', 'proc', 'boot']) {
    mkdirSync(join(path, directory), { recursive: true });
  }
  symlinkSync('sysroot/ostree', join(path, 'ostree'));
  symlinkSync('usr/bin', join(path, 'bin'));
  write(
    path,
    'usr/lib/os-release',
    `NAME="Test OS"\nID=testos\nVERSION_ID=${version}\nPRETTY_NAME="Test OS ${version}"\n`,
  );
  write(path, 'usr/bin/tool', `#!/bin/sh\necho ${version}\n`);
  chmodSync(join(path, 'usr/bin/tool'), 0o755);
  write(path, 'usr/share/empty', '');
  for (const [name, text] of Object.entries({ ...defaultEtc, ...options.etc })) write(path, `${etcAt}/${name}`, text);
  for (const [name, text] of Object.entries(options.files ?? {})) write(path, name, text);
  const modules = `usr/lib/modules/${kernelVersion}`;
  if (kernel !== undefined) write(path, `${modules}/vmlinuz`, kernel);
  if (kernel !== undefined && initramfs !== undefined) write(path, `${modules}/initramfs.img`, initramfs);
}

function write(root: string, name: string, text: string): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), text);
}
