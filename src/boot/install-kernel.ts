import { checksumFromBytes, type Checksum, type Job } from '../base/index.ts';
import { copyFileDurably, hashFiles, hashJoined, sys, syncDir, type Dir, type DurableCopy } from '../platform/index.ts';
import { bootFull, bootReadOnly, explainBootErrors } from './boot-errors.ts';
import type { KernelFile, KernelLayout } from './kernel-layout.ts';

/** Which kernel goes where: `boot/ostree/STATEROOT-BOOTCHECKSUM/`. */
export interface KernelDestination {
  readonly stateroot: string;
  readonly bootChecksum: string;
}

/** What {@link planKernelInstall} found: files to copy, and the space they take on /boot. */
export interface KernelInstallPlan {
  readonly missing: readonly KernelFile[];
  /** Bytes to be written, rounded up to blocks. */
  readonly neededBytes: number;
}

/** Room for directories, entries and the loader's files beside the kernel itself. */
const bootMarginBytes = 1024 * 1024;

/** The name of a kernel's directory below boot/ostree/. */
export function kernelDirectory(destination: KernelDestination): string {
  return `${destination.stateroot}-${destination.bootChecksum}`;
}

/**
 * The boot checksum of a deployment: SHA-256 of its kernel, initramfs and device trees, one after the other, or what an
 * older tree carries in its file names. OSTree sysroot format: boot checksum.
 */
export async function computeBootChecksum(deployment: Dir, layout: KernelLayout): Promise<Checksum> {
  if (layout.givenChecksum !== undefined) return layout.givenChecksum;
  return checksumFromBytes(await hashJoined(layout.hashed.map((path) => `${deployment.path}/${path}`)));
}

/** Compares what is in /boot with the kernel of the deployment, by size and content. Changes nothing. */
export async function planKernelInstall(
  sysroot: Dir,
  kernel: { readonly deployment: Dir; readonly layout: KernelLayout; readonly destination: KernelDestination },
  job: Job,
): Promise<KernelInstallPlan> {
  const { deployment, layout } = kernel;
  const target = `boot/ostree/${kernelDirectory(kernel.destination)}`;
  const doubtful: KernelFile[] = [];
  const missing: KernelFile[] = [];
  for (const file of layout.files) {
    const there = sysroot.stat(`${target}/${file.name}`);
    const same = there?.isFile() === true && there.size === deployment.stat(file.source)?.size;
    (same ? doubtful : missing).push(file);
  }
  missing.push(
    ...(await findDifferent(
      doubtful,
      (file) => [`${deployment.path}/${file.source}`, `${sysroot.path}/${target}/${file.name}`],
      job,
    )),
  );
  return { missing, neededBytes: neededBytes(sysroot, deployment, missing) };
}

/** Throws `BootFull`, with the numbers, unless /boot has room for what the plan will copy; `ReadOnly` if it is that. */
export function requireBootSpace(sysroot: Dir, plan: KernelInstallPlan): void {
  using boot = sysroot.openDir('boot');
  const { availableBlocks, blockSize, readOnly } = sys.statfs(boot.fd);
  if (readOnly) throw bootReadOnly('install the kernel');
  if (plan.neededBytes === 0) return;
  const freeBytes = availableBlocks * blockSize;
  const wanted = plan.neededBytes + bootMarginBytes;
  if (freeBytes < wanted) throw bootFull('install the kernel', { neededBytes: wanted, freeBytes });
}

/**
 * Brings the kernel of a deployment into `boot/ostree/STATEROOT-BOOTCHECKSUM/`: on return every file is there with the right
 * content, durable. A file with other content is replaced, never edited, for it may be a hard link. Cancelled between two files
 * or within one, it leaves whole files only. `BootFull`, `ReadOnly`.
 */
export async function installKernel(
  sysroot: Dir,
  kernel: { readonly deployment: Dir; readonly layout: KernelLayout; readonly destination: KernelDestination },
  job: Job,
): Promise<void> {
  const plan = await planKernelInstall(sysroot, kernel, job);
  const { deployment, layout } = kernel;
  await explainBootErrors('install the kernel', async () => {
    requireBootSpace(sysroot, plan);
    const target = `boot/ostree/${kernelDirectory(kernel.destination)}`;
    sysroot.ensureDir(target, 0o755);
    if (layout.devicetreeDirectory) sysroot.ensureDir(`${target}/dtb`, 0o755);
    if (plan.missing.length > 0) job.report({ kind: 'phase', text: 'Copying kernel and initramfs to /boot' });
    for (const { source, name } of plan.missing) {
      await copyDurably({ from: deployment, fromName: source, to: sysroot, toName: `${target}/${name}` }, job);
    }
    for (const path of [target, 'boot/ostree', 'boot']) syncDir(sysroot, path);
  });
}

/** A directory of a device tree may have to be made first; the caller syncs those above it. */
async function copyDurably(names: DurableCopy, job: Job): Promise<void> {
  names.to.ensureDir(names.toName.slice(0, names.toName.lastIndexOf('/')), 0o755);
  await copyFileDurably(names, { signal: job.signal });
}

async function findDifferent(
  files: readonly KernelFile[],
  paths: (file: KernelFile) => readonly [string, string],
  job: Job,
): Promise<readonly KernelFile[]> {
  const hashes = Buffer.from(await hashFiles(files.flatMap(paths), { signal: job.signal }));
  return files.filter((_, index) => {
    const at = index * 64;
    return !hashes.subarray(at, at + 32).equals(hashes.subarray(at + 32, at + 64));
  });
}

function neededBytes(sysroot: Dir, deployment: Dir, missing: readonly KernelFile[]): number {
  using boot = sysroot.openDir('boot');
  const { blockSize } = sys.statfs(boot.fd);
  return missing
    .map(({ source }) => Math.ceil((deployment.stat(source)?.size ?? 0) / blockSize) * blockSize)
    .reduce((sum, size) => sum + size, 0);
}
