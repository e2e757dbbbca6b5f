import { constants } from 'node:fs';

/** Numbers of the Linux ABI that the calls of `sys` take; those that differ between machines come from Node. */
export const flags = {
  AT_FDCWD: -100,
  AT_SYMLINK_NOFOLLOW: 0x100,
  AT_REMOVEDIR: 0x200,
  AT_SYMLINK_FOLLOW: 0x400,
  /** With the path '': the descriptor itself. */
  AT_EMPTY_PATH: 0x1000,
  O_RDONLY: constants.O_RDONLY,
  O_WRONLY: constants.O_WRONLY,
  O_RDWR: constants.O_RDWR,
  O_CREAT: constants.O_CREAT,
  O_EXCL: constants.O_EXCL,
  O_TRUNC: constants.O_TRUNC,
  O_APPEND: constants.O_APPEND,
  O_NONBLOCK: constants.O_NONBLOCK,
  O_DIRECTORY: constants.O_DIRECTORY,
  O_NOFOLLOW: constants.O_NOFOLLOW,
  O_PATH: 0x20_0000,
  RENAME_NOREPLACE: 1,
  RENAME_EXCHANGE: 2,
  RESOLVE_NO_XDEV: 0x01,
  RESOLVE_NO_MAGICLINKS: 0x02,
  RESOLVE_NO_SYMLINKS: 0x04,
  RESOLVE_BENEATH: 0x08,
  RESOLVE_IN_ROOT: 0x10,
  S_IFMT: 0o17_0000,
  S_IFREG: 0o10_0000,
  S_IFDIR: 0o04_0000,
  S_IFLNK: 0o12_0000,
} as const;
