import { loadNative, type NativeCall } from './native.ts';
import { FileStat, statWords, type Stat } from './stat.ts';

/** What a failed call of {@link sys} throws. `errno` is the kernel's positive number, `code` its name. */
export interface SystemError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path?: string;
}

/** An entry of a directory, without looking at its inode. */
export interface DirEntry {
  readonly name: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'other';
}

/** Facts of a file system; sizes in blocks of `blockSize` bytes. */
export interface FilesystemFacts {
  readonly type: number;
  readonly blockSize: number;
  readonly blocks: number;
  readonly freeBlocks: number;
  readonly availableBlocks: number;
  readonly files: number;
  readonly freeFiles: number;
  readonly readOnly: boolean;
}

/** Who is at the other end of a unix socket, as the kernel recorded it at connect. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The thin system calls: synchronous, one kernel call each (but for `read` and `write`, which finish the buffer),
 * relative to a directory descriptor. Each throws a {@link SystemError}. Descriptors are close-on-exec.
 */
export interface Syscalls {
  openat(dirfd: number, path: string, flags: number, mode: number): number;
  /** `resolve` is a mask of `RESOLVE_…`; where the kernel lacks openat2 the path is walked and no symlink followed. */
  openat2(dirfd: number, path: string, flags: number, mode: number, resolve: number): number;
  close(fd: number): void;
  dup(fd: number): number;
  mkdirat(dirfd: number, path: string, mode: number): void;
  mknodat(dirfd: number, path: string, mode: number, device: bigint): void;
  linkat(oldDirfd: number, oldPath: string, newDirfd: number, newPath: string, flags: number): void;
  symlinkat(target: string, dirfd: number, path: string): void;
  unlinkat(dirfd: number, path: string, flags: number): void;
  renameat2(oldDirfd: number, oldPath: string, newDirfd: number, newPath: string, flags: number): void;
  readlinkat(dirfd: number, path: string): string;
  fstatat(dirfd: number, path: string, flags: number): Stat;
  /** As `fstatat`, and `undefined` where nothing is there. */
  tryStat(dirfd: number, path: string, flags: number): Stat | undefined;
  /** Whether a name is there; a dangling symlink is. */
  exists(dirfd: number, path: string): boolean;
  /** All entries but `.` and `..`, in the kernel's order; EILSEQ for a name that is not UTF-8. */
  readdir(fd: number): DirEntry[];
  read(fd: number, buffer: Uint8Array): number;
  pread(fd: number, buffer: Uint8Array, offset: number): number;
  write(fd: number, buffer: Uint8Array): number;
  copyFileRange(fromFd: number, toFd: number, length: number): number;
  ficlone(toFd: number, fromFd: number): void;
  /** A file without a name in that directory's file system; {@link linkFd} gives it one. */
  tmpfile(dirfd: number, mode: number): number;
  linkFd(fd: number, dirfd: number, path: string): void;
  fsync(fd: number): void;
  fdatasync(fd: number): void;
  syncfs(fd: number): void;
  ftruncate(fd: number, length: number): void;
  fallocate(fd: number, mode: number, offset: number, length: number): void;
  fchmod(fd: number, mode: number): void;
  fchown(fd: number, uid: number, gid: number): void;
  fchownat(dirfd: number, path: string, uid: number, gid: number, flags: number): void;
  /** Sets access and modification time, in nanoseconds; `undefined` means now. */
  utimensat(dirfd: number, path: string, mtimeNs: bigint | undefined, flags: number): void;
  fgetxattr(fd: number, name: string): Uint8Array | undefined;
  flistxattr(fd: number): string[];
  fsetxattr(fd: number, name: string, value: Uint8Array): void;
  fremovexattr(fd: number, name: string): void;
  lgetxattr(dirfd: number, path: string, name: string): Uint8Array | undefined;
  llistxattr(dirfd: number, path: string): string[];
  lsetxattr(dirfd: number, path: string, name: string, value: Uint8Array): void;
  lremovexattr(dirfd: number, path: string, name: string): void;
  getFlags(fd: number): number;
  /** Sets or clears the immutable attribute; false where the file system has none. */
  setImmutable(fd: number, on: boolean): boolean;
  /** Takes an open-file-description lock on the whole file; false if another holds it. Released when `fd` is closed. */
  ofdLock(fd: number, exclusive: boolean): boolean;
  flock(fd: number, exclusive: boolean): boolean;
  statfs(fd: number): FilesystemFacts;
  /**
   * Freezes and thaws the file system of `fd`, so that its journal is empty for readers that do not replay it. A forked
   * child thaws if this process dies or stalls in between. 'unsupported', and nothing done, for file systems that cannot
   * and for the one this process itself runs from. `holdMs` and `watchdogMs` exist for the tests of the watchdog.
   */
  freezeThaw(fd: number, holdMs?: number, watchdogMs?: number): 'frozen' | 'unsupported';
  peerCredentials(fd: number): PeerCredentials;
  /** Sends one datagram to a unix socket; a leading `@` names an abstract address. */
  sendDatagram(path: string, data: Uint8Array): void;
}

/** Told the name of every call of `sys` and of every bulk call; returns what is called instead of `original`. */
export type Interceptor = (name: string, original: NativeCall) => NativeCall;

const interceptors: Interceptor[] = [];

/** Runs `original` as `name`, through every interceptor; the way of all calls of this room into the addon. */
export function throughInterceptors(name: string, original: NativeCall, args: readonly unknown[]): unknown {
  if (interceptors.length === 0) return original(...args);
  return interceptors.reduce((call, wrap) => wrap(name, call), original)(...args);
}

/**
 * Puts `wrap` around every call of `sys` and every bulk call (named as in `bulk.ts`) until disposed; the injection point
 * of the crash tests. Interceptors nest: the last one added sees a call first.
 */
export function interceptSyscalls(wrap: Interceptor): Disposable {
  interceptors.push(wrap);
  return {
    [Symbol.dispose]: () => {
      const index = interceptors.lastIndexOf(wrap);
      if (index >= 0) interceptors.splice(index, 1);
    },
  };
}

/** How many mutating system calls the addon has made in this process, thin and bulk together. */
export function mutationCount(): number {
  return Number(loadNative()['mutationCount']?.());
}

/** Kills this process just before the `callsFromNow`-th mutating call; 0 disarms. For crash tests. */
export function armCrash(callsFromNow: number): void {
  loadNative()['armCrash']?.(callsFromNow);
}

/** Makes the `callsFromNow`-th mutating call fail with `errno` instead of being made; 0 disarms. For failure tests. */
export function armError(callsFromNow: number, errno: number): void {
  loadNative()['armError']?.(callsFromNow, errno);
}

/** True if `error` came from a failed system call, with one of the given codes when any are named. */
export function isSystemError(error: unknown, ...codes: readonly string[]): error is SystemError {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return false;
  return codes.length === 0 || codes.includes(String(error.code));
}

const direct = [
  'openat', 'openat2', 'close', 'dup', 'mkdirat', 'mknodat', 'linkat', 'symlinkat', 'unlinkat', 'renameat2',
  'readlinkat', 'exists', 'read', 'pread', 'write', 'copyFileRange', 'ficlone', 'tmpfile', 'linkFd', 'fsync',
  'fdatasync', 'syncfs', 'ftruncate', 'fallocate', 'fchmod', 'fchown', 'fchownat', 'utimensat', 'fgetxattr',
  'flistxattr', 'fsetxattr', 'fremovexattr', 'lgetxattr', 'llistxattr', 'lsetxattr', 'lremovexattr', 'getFlags',
  'setImmutable', 'ofdLock', 'flock', 'statfs', 'freezeThaw', 'peerCredentials', 'sendDatagram',
] as const; // prettier-ignore

type Shaped = 'fstatat' | 'tryStat' | 'readdir';
type Direct = (typeof direct)[number];
// Fails to compile when a call of the interface is in neither list.
type Uncovered = Exclude<keyof Syscalls, Direct | Shaped>;
const uncovered: readonly Uncovered[] = [] satisfies readonly never[];

function nativeCall(name: string): NativeCall {
  const call = loadNative()[name];
  if (call === undefined) throw new TypeError(`the native addon has no call ${name}: rebuild it`);
  return call;
}

/** The calls whose answer takes a shape in JavaScript. */
const shaped: Pick<Syscalls, Shaped> = {
  fstatat: (dirfd, path, flags) => {
    nativeCall('fstatat')(dirfd, path, flags, statWords, false);
    return new FileStat(statWords);
  },
  tryStat: (dirfd, path, flags) =>
    nativeCall('fstatat')(dirfd, path, flags, statWords, true) === true ? new FileStat(statWords) : undefined,
  readdir: (fd) => {
    const flat = nativeCall('readdir')(fd) as string[];
    const entries: DirEntry[] = [];
    for (let i = 0; i < flat.length; i += 2) {
      entries.push({ name: flat[i] as string, type: flat[i + 1] as DirEntry['type'] });
    }
    return entries;
  },
};

function createTable(): Syscalls {
  const calls: Record<string, NativeCall> = {};
  for (const name of [...direct, ...uncovered]) {
    calls[name] = (...args) => throughInterceptors(name, nativeCall(name), args);
  }
  for (const [name, call] of Object.entries(shaped)) {
    calls[name] = (...args) => throughInterceptors(name, call as NativeCall, args);
  }
  return calls as unknown as Syscalls;
}

/** The typed table of system calls: the one way by which the product changes a file system, bulk calls apart. */
export const sys: Syscalls = createTable();
