import { AssertionError } from '../base/index.ts';
import { sys } from '../platform/index.ts';
import type { Sysroot } from './open-sysroot.ts';

/** Removes deployment directories with their origins, by path below the sysroot; fine for those already gone. */
export async function removeDeployments(sysroot: Sysroot, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    setDeploymentImmutable(sysroot, path, false);
    // The origin goes first: a directory without one is plainly a leftover.
    sysroot.dir.unlink(`${path}.origin`);
    await sysroot.dir.removeTree(path);
  }
}

/**
 * Removes a deployment that could not be completed, as far as it can: the failure that is about to be reported often keeps
 * it from being removed too, and then the next cleanup does it.
 */
export async function discardDeployment(sysroot: Sysroot, path: string): Promise<void> {
  try {
    await removeDeployments(sysroot, [path]);
  } catch (error) {
    if (error instanceof AssertionError) throw error;
  }
}

/**
 * Sets or clears the immutable attribute of a deployment's top directory, which protects its names from a stray `rm -rf /`;
 * nothing happens where the file system has no such attribute or the directory is missing.
 */
export function setDeploymentImmutable(sysroot: Sysroot, path: string, on: boolean): void {
  using deployment = sysroot.dir.tryOpenDir(path);
  if (deployment !== undefined) sys.setImmutable(deployment.fd, on);
}
