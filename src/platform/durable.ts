import { bulkCall, type BulkOptions } from './bulk-call.ts';
import type { Dir } from './dir.ts';
import { temporaryName, unlinkQuietly, writeNew } from './file-content.ts';
import { isSystemError, sys } from './syscalls.ts';

/**
 * Replaces the file as a whole and returns when the new content and the name are on disk. After a crash the name has
 * the old content or the new, never less.
 */
export function writeFileDurably(dir: Dir, rel: string, content: Uint8Array | string, mode = 0o644): void {
  replaceDurably(dir, rel, (fd, temporary) => writeNew(fd, temporary, content, mode, (written) => sys.fsync(written)));
}

/** Makes `rel` a symlink to `target`, replacing what has the name, and returns when that is on disk. */
export function replaceSymlinkDurably(dir: Dir, rel: string, target: string): void {
  replaceDurably(dir, rel, (fd, temporary) => sys.symlinkat(target, fd, temporary));
}

/**
 * Renames over whatever has the name and returns when that is on disk. What is renamed must have been synced before:
 * this call syncs the two directories only.
 */
export function renameDurably(dir: Dir, rel: string, toDir: Dir, toRel: string): void {
  dir.at(rel, (fd, name) =>
    toDir.at(toRel, (toFd, toName) => {
      sys.renameat2(fd, name, toFd, toName, 0);
      sys.fsync(toFd);
      if (toFd !== fd) sys.fsync(fd);
    }),
  );
}

/** Removes a file or symlink and returns when that is on disk; false, and nothing synced, if nothing was there. */
export function unlinkDurably(dir: Dir, rel: string): boolean {
  if (!dir.unlink(rel)) return false;
  dir.at(rel, (fd) => sys.fsync(fd));
  return true;
}

/** As {@link Dir.ensureDir}; returns when the names of the directories made are on disk. Those that exist cost nothing. */
export function ensureDirDurably(dir: Dir, rel: string, mode = 0o755): void {
  const parts = rel.split('/').filter((part) => part !== '' && part !== '.');
  parts.forEach((_, index) => {
    const path = parts.slice(0, index + 1).join('/');
    if (dir.exists(path)) return;
    dir.at(path, (fd, name) => {
      makeUnlessThere(fd, name, mode);
      sys.fsync(fd);
    });
  });
}

/** Returns when the names in the directory are on disk. */
export function syncDir(dir: Dir, rel = '.'): void {
  using opened = dir.openDir(rel);
  sys.fsync(opened.fd);
}

/**
 * Resolves when everything written to the file system of `dir` before the call is on disk; on a slow disk that may take
 * many seconds, so a native thread waits. Not cancellable, for the kernel does not stop a sync. `NoSpace`, `Io`.
 */
export async function syncFilesystem(dir: Dir): Promise<void> {
  await bulkCall('syncFilesystem', `Could not sync the file system of ${dir.path}`, { dir: dir.fd }, {});
}

/**
 * As {@link syncFilesystem}, on the calling thread: nothing else of this process happens meanwhile. For a commit point,
 * where there is little left to write.
 */
export function syncFilesystemNow(dir: Dir): void {
  sys.syncfs(dir.fd);
}

/** A path below a directory, and the path its copy gets below another; the directories of both must exist. */
export interface DurableCopy {
  readonly from: Dir;
  readonly fromName: string;
  readonly to: Dir;
  readonly toName: string;
}

/**
 * Copies a regular file with owner, mode and modification time over whatever has the name, and resolves when content and
 * name are on disk; a native thread copies and waits. Cancellable until the name changes. After an error or a crash the name
 * has what it had before, or the whole copy; a crash leaves `.tmp-NAME`, which the next copy replaces.
 */
export async function copyFileDurably(names: DurableCopy, options: BulkOptions = {}): Promise<void> {
  const [fromParent, fromName] = splitPath(names.fromName);
  const [toParent, toName] = splitPath(names.toName);
  using from = names.from.openDir(fromParent);
  using to = names.to.openDir(toParent);
  const what = `Could not copy ${from.path}/${fromName} to ${to.path}/${toName}`;
  const args = { from: from.fd, fromName, to: to.fd, toName, temporary: `.tmp-${toName}` };
  await bulkCall('copyFileDurably', what, args, options);
}

/**
 * Leaves the journal of the file system of `dir` empty, for boot loaders that do not replay it. 'unsupported' where it
 * cannot be frozen (or is the one this process runs from): the caller has {@link syncFilesystemNow} and a weaker promise.
 */
export function freezeAndThaw(dir: Dir): 'frozen' | 'unsupported' {
  return sys.freezeThaw(dir.fd);
}

function splitPath(path: string): readonly [parent: string, name: string] {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? ['.', path] : [path.slice(0, slash), path.slice(slash + 1)];
}

/** Somebody else may make the same directory at the same moment. */
function makeUnlessThere(fd: number, name: string, mode: number): void {
  try {
    sys.mkdirat(fd, name, mode);
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
  }
}

function replaceDurably(dir: Dir, rel: string, write: (fd: number, temporary: string) => void): void {
  dir.at(rel, (fd, name) => {
    const temporary = temporaryName(name);
    try {
      write(fd, temporary);
      sys.renameat2(fd, temporary, fd, name, 0);
    } catch (error) {
      unlinkQuietly(fd, temporary);
      throw error;
    }
    sys.fsync(fd);
  });
}
