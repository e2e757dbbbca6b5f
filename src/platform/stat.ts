import { flags } from './flags.ts';

/** What the kernel knows of an inode. `mode` is the full st_mode, times are in nanoseconds since 1970. */
export interface Stat {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ino: bigint;
  readonly dev: bigint;
  readonly nlink: number;
  readonly rdev: bigint;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymlink(): boolean;
}

/** Where the addon leaves the numbers of one stat; copied at once by {@link FileStat}. */
export const statWords = new BigUint64Array(9);

/** A {@link Stat} read out of the words that the addon filled. */
export class FileStat implements Stat {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ino: bigint;
  readonly dev: bigint;
  readonly nlink: number;
  readonly rdev: bigint;

  constructor(words: BigUint64Array) {
    const [mode, uid, gid, size, mtime, ino, dev, nlink, rdev] = words;
    this.mode = Number(mode);
    this.uid = Number(uid);
    this.gid = Number(gid);
    this.size = Number(size);
    this.mtimeNs = BigInt.asIntN(64, mtime ?? 0n);
    this.ino = ino ?? 0n;
    this.dev = dev ?? 0n;
    this.nlink = Number(nlink);
    this.rdev = rdev ?? 0n;
  }

  isFile(): boolean {
    return (this.mode & flags.S_IFMT) === flags.S_IFREG;
  }

  isDirectory(): boolean {
    return (this.mode & flags.S_IFMT) === flags.S_IFDIR;
  }

  isSymlink(): boolean {
    return (this.mode & flags.S_IFMT) === flags.S_IFLNK;
  }
}
