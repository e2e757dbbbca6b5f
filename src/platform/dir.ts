import { AtomicError } from '../base/index.ts';
import { removeTrees } from './bulk.ts';
import { copyEntry, type CopyOptions } from './copy-file.ts';
import { readAll, temporaryName, unlinkQuietly, writeNew } from './file-content.ts';
import { flags } from './flags.ts';
import type { OpenDirectory } from './open-directory.ts';
import type { Stat } from './stat.ts';
import { isSystemError, sys, type DirEntry } from './syscalls.ts';

/** How a rename treats what is at its target; the default replaces a file. */
export interface RenameOptions {
  readonly exchange?: boolean;
  readonly noReplace?: boolean;
}

/** The largest thing read whole is a metadata object; a larger file here is a mistake or an attack. */
export const defaultReadLimitBytes = 128 * 1024 * 1024;

const beneath = flags.RESOLVE_BENEATH | flags.RESOLVE_NO_MAGICLINKS;
const absent = ['ENOENT', 'ENOTDIR'] as const;

/**
 * An open directory. Every name is relative to it and stays below it: `..` is refused, and a symlink on the way or at the
 * end that leads out fails with EXDEV. Calls that say so return `undefined` or false for what is absent; everything else
 * throws `SystemError`. Nothing here is durable on return: see `durable.ts`.
 */
export class Dir implements OpenDirectory, Disposable {
  readonly fd: number;
  /** For messages only. */
  readonly path: string;

  private constructor(fd: number, path: string) {
    this.fd = fd;
    this.path = path;
  }

  /** Opens the directory at an absolute or working-directory path. */
  static open(path: string): Dir {
    return new Dir(sys.openat(flags.AT_FDCWD, path, flags.O_RDONLY | flags.O_DIRECTORY, 0), path);
  }

  /** Opens a directory below this one. */
  openDir(rel: string): Dir {
    const fd = sys.openat2(this.fd, checked(rel), flags.O_RDONLY | flags.O_DIRECTORY, 0, beneath);
    return new Dir(fd, this.#label(rel));
  }

  /** As {@link openDir}; `undefined` where nothing is there. */
  tryOpenDir(rel: string): Dir | undefined {
    return absentAsUndefined(() => this.openDir(rel));
  }

  /** A second handle of the same directory, with a life of its own. */
  clone(): Dir {
    return new Dir(sys.dup(this.fd), this.path);
  }

  /** What is at the name itself: a symlink is not followed. */
  stat(rel = '.'): Stat | undefined {
    return absentAsUndefined(() => this.#at(rel, (fd, name) => sys.tryStat(fd, name, flags.AT_SYMLINK_NOFOLLOW)));
  }

  exists(rel: string): boolean {
    return absentAsUndefined(() => this.#at(rel, (fd, name) => sys.exists(fd, name))) ?? false;
  }

  /** The entries in byte order of their names; empty for an empty directory, ENOENT for none. */
  list(rel = '.'): DirEntry[] {
    using dir = rel === '.' ? this.clone() : this.openDir(rel);
    return sys.readdir(dir.fd).sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  }

  /** The whole content; `undefined` where nothing is there, `LimitExceeded` above `limitBytes`. Follows symlinks below. */
  readFile(rel: string, limitBytes: number = defaultReadLimitBytes): Uint8Array | undefined {
    const fd = absentAsUndefined(() => this.openFile(rel));
    if (fd === undefined) return undefined;
    try {
      return readAll(fd, limitBytes, this.#label(rel));
    } finally {
      sys.close(fd);
    }
  }

  /** As {@link readFile}, as UTF-8 text. */
  readText(rel: string, limitBytes: number = defaultReadLimitBytes): string | undefined {
    const bytes = this.readFile(rel, limitBytes);
    return bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  }

  /** A descriptor of the file, for reading unless `openFlags` says otherwise; the caller closes it. */
  openFile(rel: string, openFlags: number = flags.O_RDONLY, mode = 0): number {
    // O_NONBLOCK: opening a fifo that somebody put there must not wait for a writer.
    return sys.openat2(this.fd, checked(rel), openFlags | flags.O_NONBLOCK, mode, beneath);
  }

  readlink(rel: string): string | undefined {
    try {
      return this.#at(rel, (fd, name) => sys.readlinkat(fd, name));
    } catch (error) {
      if (isSystemError(error, ...absent, 'EINVAL')) return undefined;
      throw error;
    }
  }

  /** Makes one directory; EEXIST if the name is taken. */
  makeDir(rel: string, mode = 0o755): void {
    this.#at(rel, (fd, name) => sys.mkdirat(fd, name, mode));
  }

  /** Makes the directory and those above it where they are missing; ENOTDIR if something else has the name. */
  ensureDir(rel: string, mode = 0o755): void {
    const parts = checked(rel)
      .split('/')
      .filter((part) => part !== '' && part !== '.');
    parts.forEach((_, index) => {
      const path = parts.slice(0, index + 1).join('/');
      try {
        this.makeDir(path, mode);
      } catch (error) {
        if (!isSystemError(error, 'EEXIST')) throw error;
        this.openDir(path)[Symbol.dispose]();
      }
    });
  }

  /** Replaces the file as a whole (temporary name, then rename); not durable. */
  writeFile(rel: string, content: Uint8Array | string, mode = 0o644): void {
    this.#at(rel, (fd, name) => {
      const temporary = temporaryName(name);
      try {
        writeNew(fd, temporary, content, mode);
        sys.renameat2(fd, temporary, fd, name, 0);
      } catch (error) {
        unlinkQuietly(fd, temporary);
        throw error;
      }
    });
  }

  symlink(target: string, rel: string): void {
    this.#at(rel, (fd, name) => sys.symlinkat(target, fd, name));
  }

  link(rel: string, toDir: Dir, toRel: string): void {
    this.#at(rel, (fd, name) => toDir.#at(toRel, (toFd, toName) => sys.linkat(fd, name, toFd, toName, 0)));
  }

  rename(rel: string, toDir: Dir, toRel: string, options: RenameOptions = {}): void {
    const mask = options.exchange === true ? flags.RENAME_EXCHANGE : 0;
    const renameFlags = options.noReplace === true ? flags.RENAME_NOREPLACE : mask;
    this.#at(rel, (fd, name) => toDir.#at(toRel, (toFd, toName) => sys.renameat2(fd, name, toFd, toName, renameFlags)));
  }

  /** Removes a file or symlink; false if nothing was there. */
  unlink(rel: string): boolean {
    return this.#remove(rel, 0);
  }

  /** Removes an empty directory; false if nothing was there. */
  removeDir(rel: string): boolean {
    return this.#remove(rel, flags.AT_REMOVEDIR);
  }

  /** Removes a file or a whole tree; fine if nothing is there. A symlink on the way is followed, none at the end or below. */
  async removeTree(rel: string): Promise<void> {
    const path = checked(rel).replace(/\/+$/, '');
    const slash = path.lastIndexOf('/');
    using parent = slash < 0 ? this.clone() : this.tryOpenDir(path.slice(0, slash));
    if (parent !== undefined) await removeTrees(parent, [path.slice(slash + 1)]);
  }

  /** Sets the modification time to now; makes an empty file where nothing is. */
  touch(rel: string): void {
    this.#at(rel, (fd, name) => {
      if (name !== '.' && !sys.exists(fd, name)) {
        sys.close(sys.openat(fd, name, flags.O_WRONLY | flags.O_CREAT | flags.O_NOFOLLOW, 0o644));
      }
      sys.utimensat(fd, name, undefined, flags.AT_SYMLINK_NOFOLLOW);
    });
  }

  /** Copies a regular file or symlink with its attributes to a name that must be free; not durable, never a link. */
  copyFile(rel: string, toDir: Dir, toRel: string, options: CopyOptions = {}): void {
    this.#at(rel, (fromFd, fromName) =>
      toDir.#at(toRel, (toFd, toName) => copyEntry({ fromFd, fromName, toFd, toName }, options)),
    );
  }

  /** Runs `use` with the directory that holds the last component, opened below this one, and that component. */
  at<T>(rel: string, use: (fd: number, name: string) => T): T {
    return this.#at(rel, use);
  }

  [Symbol.dispose](): void {
    sys.close(this.fd);
  }

  #at<T>(rel: string, use: (fd: number, name: string) => T): T {
    const path = checked(rel).replace(/\/+$/, '');
    const slash = path.lastIndexOf('/');
    if (slash < 0) return use(this.fd, path);
    const parent = sys.openat2(this.fd, path.slice(0, slash), flags.O_RDONLY | flags.O_DIRECTORY, 0, beneath);
    try {
      return use(parent, path.slice(slash + 1));
    } finally {
      sys.close(parent);
    }
  }

  #remove(rel: string, unlinkFlags: number): boolean {
    try {
      this.#at(rel, (fd, name) => sys.unlinkat(fd, name, unlinkFlags));
      return true;
    } catch (error) {
      if (isSystemError(error, ...absent)) return false;
      throw error;
    }
  }

  #label(rel: string): string {
    return rel === '.' ? this.path : `${this.path.replace(/\/$/, '')}/${rel}`;
  }
}

function checked(rel: string): string {
  if (rel === '' || rel.startsWith('/') || rel.includes('\0') || rel.split('/').includes('..')) {
    throw new AtomicError('InvalidArgument', `Invalid path below a directory: ${JSON.stringify(rel)}`);
  }
  return rel;
}

function absentAsUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isSystemError(error, ...absent)) return undefined;
    throw error;
  }
}
