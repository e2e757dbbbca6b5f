import { AtomicError, isChecksum, parseChecksum, type Checksum } from '../base/index.ts';
import type { Dir } from '../platform/index.ts';
import type { KernelPaths } from './boot-target.ts';

/** A file to install: `source` below the deployment, `name` below `boot/ostree/OS-BOOTCHECKSUM/`. */
export interface KernelFile {
  readonly source: string;
  readonly name: string;
}

/** The kernel of a tree: what is copied to /boot, and what its boot checksum is made of. */
export interface KernelLayout {
  /** KVER, the name of the directory below usr/lib/modules. */
  readonly version: string;
  readonly kernel: KernelFile;
  readonly initramfs: KernelFile | undefined;
  readonly devicetree: KernelFile | undefined;
  /** True if a `dtb/` directory comes along (it may be empty). */
  readonly devicetreeDirectory: boolean;
  /** Everything to install, the above and the files below `dtb/` and the HMAC included. */
  readonly files: readonly KernelFile[];
  /** Paths below the deployment whose contents, one after the other, make the boot checksum. */
  readonly hashed: readonly string[];
  /** Older trees carry the boot checksum in the names of their files instead. */
  readonly givenChecksum: Checksum | undefined;
}

/** Device tree directories nest two deep in practice; a limit stops a damaged tree. */
const maxDevicetreeDepth = 16;

/**
 * Finds the kernel of a deployment: `usr/lib/modules/KVER/vmlinuz` and what lies beside it, or the older
 * `usr/lib/ostree-boot` and `boot` with checksums in the names. `KernelMissing` if there is none.
 * OSTree sysroot format: boot checksum.
 */
export function findKernel(deployment: Dir): KernelLayout {
  const modern = findModulesKernel(deployment);
  if (modern?.initramfs !== undefined) return modern;
  const legacy = findNamedKernel(deployment, 'usr/lib/ostree-boot') ?? findNamedKernel(deployment, 'boot');
  const found = modern === undefined || legacy?.initramfs !== undefined ? (legacy ?? modern) : modern;
  if (found !== undefined) return found;
  throw new AtomicError('KernelMissing', `No kernel found in ${deployment.path}: no usr/lib/modules/VERSION/vmlinuz`, {
    hint: 'The tree cannot boot; add a kernel package to it, or deploy another version.',
  });
}

/** The paths a boot entry names for this kernel once it is installed. */
export function kernelPaths(layout: KernelLayout, stateroot: string, bootChecksum: string): KernelPaths {
  const base = `/ostree/${stateroot}-${bootChecksum}`;
  return {
    linux: `${base}/${layout.kernel.name}`,
    initrds: layout.initramfs === undefined ? [] : [`${base}/${layout.initramfs.name}`],
    ...(layout.devicetree === undefined ? {} : { devicetree: `${base}/${layout.devicetree.name}` }),
    ...(layout.devicetreeDirectory ? { devicetreeDirectory: `${base}/dtb` } : {}),
  };
}

function findModulesKernel(deployment: Dir): KernelLayout | undefined {
  const modules = 'usr/lib/modules';
  if (deployment.stat(modules)?.isDirectory() !== true) return undefined;
  const version = deployment
    .list(modules)
    .find(({ name, type }) => type === 'directory' && isFile(deployment, `${modules}/${name}/vmlinuz`))?.name;
  if (version === undefined) return undefined;
  const at = (name: string) => `${modules}/${version}/${name}`;
  const optional = (name: string, installed: string) =>
    isFile(deployment, at(name)) ? { source: at(name), name: installed } : undefined;
  const initrd = `initramfs-${version}.img`;
  const devicetree = optional('devicetree', `devicetree-${version}`);
  const directory = devicetree === undefined && deployment.stat(at('dtb'))?.isDirectory() === true;
  return assemble(version, {
    kernel: { source: at('vmlinuz'), name: `vmlinuz-${version}` },
    initramfs: optional('initramfs.img', initrd) ?? optional('initramfs', initrd),
    devicetree,
    devicetreeDirectory: directory,
    devicetrees: directory ? listFiles(deployment, at('dtb'), 'dtb', 0) : [],
    extra: [optional('.vmlinuz.hmac', `.vmlinuz-${version}.hmac`)],
    givenChecksum: undefined,
  });
}

function findNamedKernel(deployment: Dir, directory: string): KernelLayout | undefined {
  if (deployment.stat(directory)?.isDirectory() !== true) return undefined;
  const names = deployment.list(directory).filter(({ type }) => type === 'file');
  const named = (prefix: string, checksum?: string) => {
    const found = names.find(
      ({ name }) =>
        name.startsWith(prefix) &&
        (checksum === undefined ? isChecksum(name.slice(-64)) : name.endsWith(`-${checksum}`)),
    );
    return found === undefined ? undefined : { source: `${directory}/${found.name}`, name: found.name.slice(0, -65) };
  };
  const kernel = named('vmlinuz-');
  if (kernel === undefined) return undefined;
  const checksum = parseChecksum(kernel.source.slice(-64), 'boot checksum');
  return assemble(kernel.name.replace(/^vmlinuz-/, ''), {
    kernel,
    initramfs: named('initramfs-', checksum),
    devicetree: named('devicetree-', checksum),
    devicetreeDirectory: false,
    devicetrees: [],
    extra: [],
    givenChecksum: checksum,
  });
}

interface Parts extends Pick<
  KernelLayout,
  'kernel' | 'initramfs' | 'devicetree' | 'devicetreeDirectory' | 'givenChecksum'
> {
  readonly devicetrees: readonly KernelFile[];
  /** Installed, but not part of the boot checksum. */
  readonly extra: readonly (KernelFile | undefined)[];
}

function assemble(version: string, parts: Parts): KernelLayout {
  const { devicetrees, extra, ...named } = parts;
  const hashed = present([parts.kernel, parts.initramfs, parts.devicetree, ...devicetrees]);
  return { version, ...named, files: [...hashed, ...present(extra)], hashed: hashed.map(({ source }) => source) };
}

function present(files: readonly (KernelFile | undefined)[]): readonly KernelFile[] {
  return files.filter((file) => file !== undefined);
}

function listFiles(deployment: Dir, path: string, name: string, depth: number): readonly KernelFile[] {
  if (depth > maxDevicetreeDepth) throw new AtomicError('LimitExceeded', `Directories nest too deep in ${path}`);
  return [...deployment.list(path)]
    .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
    .flatMap((entry) => {
      const below = `${path}/${entry.name}`;
      if (entry.type === 'directory') return listFiles(deployment, below, `${name}/${entry.name}`, depth + 1);
      return entry.type === 'file' ? [{ source: below, name: `${name}/${entry.name}` }] : [];
    });
}

function isFile(deployment: Dir, path: string): boolean {
  return deployment.stat(path)?.isFile() === true;
}
