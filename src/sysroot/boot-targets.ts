import {
  findKernel,
  installKernel,
  kernelDirectory,
  kernelPaths,
  type BootTarget,
  type KernelPaths,
} from '../boot/index.ts';
import type { Job } from '../base/index.ts';
import { blsField, blsFields, commitVersion, parseOsRelease, type BlsEntry } from '../format/index.ts';
import { tryLoadCommit } from '../repo/index.ts';
import type { Deployment, DeploymentIdentity, NewDeployment } from './deployment.ts';
import type { Sysroot } from './open-sysroot.ts';

/** The fields of an entry that are made anew with each entry; all others are carried along. */
const ownFields = new Set(['title', 'version', 'options', 'devicetree', 'linux', 'initrd', 'fdtdir']);

/** An os-release file has a few hundred bytes; a limit keeps a damaged one from filling memory. */
const maxOsReleaseBytes = 1024 * 1024;

/** True for a deployment that `deployTree` just made. */
export function isNew(deployment: Deployment | NewDeployment): deployment is NewDeployment {
  return 'kernel' in deployment;
}

/** What the boot room has to know to write the entry of a deployment. */
export function bootTarget(sysroot: Sysroot, deployment: Deployment | NewDeployment): BootTarget {
  const { stateroot, name, bootChecksum, kargs } = deployment;
  const commit = tryLoadCommit(sysroot.repo, deployment.checksum);
  const entry = isNew(deployment) ? undefined : deployment.entry;
  return {
    stateroot,
    name,
    bootChecksum,
    kargs,
    version: commit === undefined ? undefined : commitVersion(commit),
    osName: readOsName(sysroot, deployment),
    kernel: entry === undefined ? layoutPaths(sysroot, deployment) : entryPaths(entry),
    extra: isNew(deployment) ? deployment.entryExtra : (entry?.fields.filter(([key]) => !ownFields.has(key)) ?? []),
    entry,
  };
}

/** Makes sure that the kernel of a deployment is in /boot, whole and durable. */
export async function ensureKernel(sysroot: Sysroot, deployment: Deployment | NewDeployment, job: Job): Promise<void> {
  // What the current entries name was installed with them: here only its absence is noticed.
  if (!isNew(deployment) && deployment.entry !== undefined && isInstalled(sysroot, entryPaths(deployment.entry)))
    return;
  using dir = sysroot.dir.openDir(deployment.path);
  const layout = isNew(deployment) ? deployment.kernel : findKernel(dir);
  await installKernel(sysroot.dir, { deployment: dir, layout, destination: deployment }, job);
}

/** The name of the directory of a deployment's kernel below boot/ostree/. */
export function kernelDirectoryOf(deployment: DeploymentIdentity): string {
  return kernelDirectory(deployment);
}

function layoutPaths(sysroot: Sysroot, deployment: Deployment | NewDeployment): KernelPaths {
  if (isNew(deployment)) return kernelPaths(deployment.kernel, deployment.stateroot, deployment.bootChecksum);
  using dir = sysroot.dir.openDir(deployment.path);
  return kernelPaths(findKernel(dir), deployment.stateroot, deployment.bootChecksum);
}

function entryPaths(entry: BlsEntry): KernelPaths {
  const devicetree = blsField(entry, 'devicetree');
  const devicetreeDirectory = blsField(entry, 'fdtdir');
  return {
    linux: blsField(entry, 'linux') ?? '',
    initrds: blsFields(entry, 'initrd'),
    ...(devicetree === undefined ? {} : { devicetree }),
    ...(devicetreeDirectory === undefined ? {} : { devicetreeDirectory }),
  };
}

function isInstalled(sysroot: Sysroot, paths: KernelPaths): boolean {
  return [paths.linux, ...paths.initrds].every((path) =>
    sysroot.dir.exists(`boot/${path.replace(/^(\/boot)?\/+/, '')}`),
  );
}

function readOsName(sysroot: Sysroot, deployment: DeploymentIdentity): string {
  const text =
    sysroot.dir.readText(`${deployment.path}/usr/lib/os-release`, maxOsReleaseBytes) ??
    sysroot.dir.readText(`${deployment.path}/etc/os-release`, maxOsReleaseBytes) ??
    '';
  const values = parseOsRelease(text);
  return values.get('PRETTY_NAME') ?? values.get('ID') ?? deployment.stateroot;
}
