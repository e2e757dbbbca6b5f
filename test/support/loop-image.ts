/**
 * A file system of its own in a file, mounted for one test. The real `ostree admin deploy` freezes and thaws whatever file
 * system holds boot/, which must not be the machine's.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { makeTempDir } from './temp-dir.ts';

/** Large enough for several small deployments; sparse, so it costs what is written. */
const defaultSizeBytes = 64 * 1024 * 1024;

/**
 * Mounts a new ext4 file system at `mountPoint` (made if absent, inside a new directory by default) until the test ends. The
 * image lies in `directory`, a new one by default.
 */
export function mountLoopImage(
  options: { readonly mountPoint?: string; readonly sizeBytes?: number; readonly directory?: string } = {},
): string {
  const directory = options.directory ?? makeTempDir('atomic-image-');
  const image = join(directory, 'image');
  const mountPoint = options.mountPoint ?? join(directory, 'mount');
  const fd = openSync(image, 'w');
  ftruncateSync(fd, options.sizeBytes ?? defaultSizeBytes);
  closeSync(fd);
  execFileSync('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=1,nodiscard', image]);
  mkdirSync(mountPoint, { recursive: true });
  execFileSync('mount', ['-o', 'loop', image, mountPoint]);
  onTestFinished(() => {
    execFileSync('umount', [mountPoint]);
  });
  return mountPoint;
}
