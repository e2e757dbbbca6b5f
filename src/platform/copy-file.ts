import { AtomicError } from '../base/index.ts';
import { unlinkQuietly } from './file-content.ts';
import { flags } from './flags.ts';
import type { Stat } from './stat.ts';
import { isSystemError, sys } from './syscalls.ts';

/** Attributes of a copied file; each defaults to the source's. */
export interface CopyOptions {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** False leaves the extended attributes behind. */
  readonly xattrs?: boolean;
}

/** One name in an open directory and the name its copy gets in another. */
export interface CopyNames {
  readonly fromFd: number;
  readonly fromName: string;
  readonly toFd: number;
  readonly toName: string;
}

const noFollow = flags.AT_SYMLINK_NOFOLLOW;
const chunkBytes = 16 * 1024 * 1024;

/**
 * Copies one regular file or symlink with owner, mode, extended attributes and modification time, to a name that must
 * be free. Nothing is left at that name after an error. `InvalidArgument` for other types.
 */
export function copyEntry(names: CopyNames, options: CopyOptions): void {
  const stat = sys.fstatat(names.fromFd, names.fromName, noFollow);
  if (stat.isSymlink()) copySymlink(names, attributesOf(stat, options), stat);
  else if (stat.isFile()) copyRegular(names, options);
  else throw notCopied(names);
}

function attributesOf({ uid, gid, mode }: Stat, options: CopyOptions): Required<CopyOptions> {
  return { uid, gid, mode: mode & 0o7777, xattrs: true, ...options };
}

function notCopied(names: CopyNames): AtomicError {
  return new AtomicError('InvalidArgument', `Cannot copy ${names.fromName}: neither a regular file nor a symlink`);
}

function copySymlink(names: CopyNames, attributes: Required<CopyOptions>, stat: Stat): void {
  const { toFd, toName } = names;
  sys.symlinkat(sys.readlinkat(names.fromFd, names.fromName), toFd, toName);
  cleaningUp(names, () => {
    sys.fchownat(toFd, toName, attributes.uid, attributes.gid, noFollow);
    for (const name of attributes.xattrs ? sys.llistxattr(names.fromFd, names.fromName) : []) {
      const value = sys.lgetxattr(names.fromFd, names.fromName, name);
      if (value !== undefined) sys.lsetxattr(toFd, toName, name, value);
    }
    sys.utimensat(toFd, toName, stat.mtimeNs, noFollow);
  });
}

function copyRegular(names: CopyNames, options: CopyOptions): void {
  const from = sys.openat(names.fromFd, names.fromName, flags.O_RDONLY | flags.O_NOFOLLOW | flags.O_NONBLOCK, 0);
  try {
    // Of what was opened: in a directory of another user the name may stand for another file by now.
    const stat = sys.fstatat(from, '', flags.AT_EMPTY_PATH);
    if (!stat.isFile()) throw notCopied(names);
    const attributes = attributesOf(stat, options);
    const to = sys.openat(names.toFd, names.toName, flags.O_WRONLY | flags.O_CREAT | flags.O_EXCL, 0o600);
    try {
      cleaningUp(names, () => fill(from, to, attributes));
    } finally {
      sys.close(to);
    }
  } finally {
    sys.close(from);
  }
}

function fill(from: number, to: number, attributes: Required<CopyOptions>): void {
  copyContent(from, to);
  sys.fchown(to, attributes.uid, attributes.gid);
  for (const name of attributes.xattrs ? sys.flistxattr(from) : []) {
    const value = sys.fgetxattr(from, name);
    if (value !== undefined) sys.fsetxattr(to, name, value);
  }
  // After the owner: chown clears the set-user-id bit.
  sys.fchmod(to, attributes.mode);
  sys.utimensat(to, '', sys.fstatat(from, '', flags.AT_EMPTY_PATH).mtimeNs, 0);
}

function copyContent(from: number, to: number): void {
  if (tried(() => sys.ficlone(to, from))) return;
  if (tried(() => copyByRanges(from, to))) return;
  const buffer = new Uint8Array(1024 * 1024);
  for (let got = sys.read(from, buffer); got > 0; got = sys.read(from, buffer)) sys.write(to, buffer.subarray(0, got));
}

function copyByRanges(from: number, to: number): void {
  while (sys.copyFileRange(from, to, chunkBytes) > 0);
}

/** False where the file systems cannot do it that way; such a refusal comes before the first byte is copied. */
function tried(copy: () => void): boolean {
  try {
    copy();
    return true;
  } catch (error) {
    if (isSystemError(error, 'EXDEV', 'ENOSYS', 'EINVAL', 'ENOTTY', 'EOPNOTSUPP', 'ENOTSUP', 'ETXTBSY')) return false;
    throw error;
  }
}

function cleaningUp(names: CopyNames, work: () => void): void {
  try {
    work();
  } catch (error) {
    unlinkQuietly(names.toFd, names.toName);
    throw error;
  }
}
