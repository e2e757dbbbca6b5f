/** Reads what strace saw: which system calls changed something below a directory. */

/** System calls that change something, or may. */
export const mutatingCalls = [
  'chmod',
  'chown',
  'copy_file_range',
  'creat',
  'fallocate',
  'fchmod',
  'fchmodat',
  'fchown',
  'fchownat',
  'fdatasync',
  'fremovexattr',
  'fsetxattr',
  'fsync',
  'ftruncate',
  'futimesat',
  'ioctl',
  'lchown',
  'link',
  'linkat',
  'lremovexattr',
  'lsetxattr',
  'mkdir',
  'mkdirat',
  'mknod',
  'mknodat',
  'open',
  'openat',
  'openat2',
  'pwrite64',
  'pwritev',
  'pwritev2',
  'removexattr',
  'rename',
  'renameat',
  'renameat2',
  'rmdir',
  'sendfile',
  'setxattr',
  'splice',
  'symlink',
  'symlinkat',
  'sync',
  'sync_file_range',
  'syncfs',
  'truncate',
  'unlink',
  'unlinkat',
  'utime',
  'utimensat',
  'utimes',
  'write',
  'writev',
] as const;

/** Opening changes something only if it may create or truncate; an ioctl only if it is one of these. */
const changes: ReadonlyMap<string, RegExp> = new Map([
  ['open', /O_CREAT|O_TRUNC|O_TMPFILE/],
  ['openat', /O_CREAT|O_TRUNC|O_TMPFILE/],
  ['openat2', /O_CREAT|O_TRUNC|O_TMPFILE/],
  ['ioctl', /FICLONE|FS_IOC_SETFLAGS|FIFREEZE|FITHAW/],
]);

/** Calls by name that changed, or tried to change, something below `directory`; a call cut in two by strace counts once. */
export function countMutations(log: string, directory: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const line of log.split('\n')) {
    const [, name = '', args = ''] = /^\d+\s+(\w+)\((.*)$/.exec(line) ?? [];
    if (name === '' || !args.includes(directory)) continue;
    const condition = changes.get(name);
    if (condition !== undefined && !condition.test(args)) continue;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
