import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A new directory that is gone when the running test has finished. */
export function makeTempDir(prefix = 'atomic-test-'): string {
  const path = mkdtempSync(join(tmpdir(), prefix));
  onTestFinished(() => removeTempDir(path));
  return path;
}

/** Removes a tree, deployments with their immutable attribute included. */
export function removeTempDir(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EPERM') throw error;
    // Its exit status only says that symlinks have no attributes.
    spawnSync('chattr', ['-R', '-f', '-i', path], { stdio: 'ignore' });
    rmSync(path, { recursive: true, force: true });
  }
}
