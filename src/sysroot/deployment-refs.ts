import type { Checksum } from '../base/index.ts';
import type { BootVersion } from '../boot/index.ts';
import { hasObject, listRefs, readRef, writeRef } from '../repo/index.ts';
import type { Sysroot } from './open-sysroot.ts';

/** Which boot configuration a set of refs belongs to: `ostree/N/M/…`. */
export interface RefSet {
  readonly bootVersion: BootVersion;
  readonly subBootVersion: 0 | 1;
}

/**
 * Makes the refs `ostree/N/M/INDEX` name the commits of the list, so that nobody's prune takes the objects of a deployment;
 * durable on return. Existing refs are left for the next cleanup. A list that grew at its head is written from the last to
 * the first, one that shrank from the first to the last: a commit that only moved then never loses its name in between.
 */
export function writeDeploymentRefs(sysroot: Sysroot, set: RefSet, checksums: readonly Checksum[]): void {
  const shrinks = readRef(sysroot.repo, refName(set, checksums.length)) !== undefined;
  const entries = [...checksums.entries()];
  for (const [index, checksum] of shrinks ? entries : entries.toReversed()) {
    // A deployment can outlive its commit; a ref to what is missing would break every later prune.
    if (!hasObject(sysroot.repo, 'commit', checksum)) continue;
    const ref = refName(set, index);
    if (readRef(sysroot.repo, ref) !== checksum) writeRef(sysroot.repo, ref, checksum);
  }
}

/** Removes the refs of boot configurations that are gone: all but those named, and those of the slots to keep. */
export function removeOldDeploymentRefs(
  sysroot: Sysroot,
  keep: { readonly set: RefSet; readonly count: number; readonly slots: readonly BootVersion[] },
): void {
  const wanted = new Set(Array.from({ length: keep.count }, (_, index) => refName(keep.set, index)));
  for (const ref of listRefs(sysroot.repo, 'ostree').keys()) {
    const slot = /^ostree\/([01])\/[01]\/[0-9]+$/.exec(ref)?.[1];
    if (slot === undefined || wanted.has(ref)) continue;
    const version = slot === '0' ? 0 : 1;
    if (version !== keep.set.bootVersion && keep.slots.includes(version)) continue;
    writeRef(sysroot.repo, ref, undefined);
  }
}

function refName(set: RefSet, index: number): string {
  return `ostree/${set.bootVersion}/${set.subBootVersion}/${index}`;
}
