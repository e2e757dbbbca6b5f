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

/** Returns when everything written to the file system of `dir` before the call is on disk. */
export function syncFilesystem(dir: Dir): void {
  sys.syncfs(dir.fd);
}

/**
 * Leaves the journal of the file system of `dir` empty, for boot loaders that do not replay it. 'unsupported' where it
 * cannot be frozen (or is the one this process runs from): the caller has {@link syncFilesystem} and a weaker promise.
 */
export function freezeAndThaw(dir: Dir): 'frozen' | 'unsupported' {
  return sys.freezeThaw(dir.fd);
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
