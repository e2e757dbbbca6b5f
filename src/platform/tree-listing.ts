import type { Checksum } from '../base/index.ts';

/** An extended attribute, sorted by name where there are several. */
export interface ListedXattr {
  readonly name: string;
  readonly value: Uint8Array;
}

/** One directory of an ingested tree. Names are in byte order. */
export interface ListedDirectory {
  readonly uid: number;
  readonly gid: number;
  /** Full st_mode. */
  readonly mode: number;
  readonly xattrs: readonly ListedXattr[];
  readonly files: readonly { readonly name: string; readonly checksum: Checksum }[];
  /** `index` points into the listing's directories and is larger than this directory's own. */
  readonly directories: readonly { readonly name: string; readonly index: number }[];
}

/** What an ingest saw and did; sizes in bytes of content. */
export interface TreeStats {
  readonly files: number;
  readonly symlinks: number;
  readonly directories: number;
  readonly bytes: number;
  readonly newObjects: number;
  readonly newBytes: number;
}

/** An ingested tree: `directories[0]` is the root, parents come before their children. */
export interface TreeListing {
  readonly directories: readonly ListedDirectory[];
  readonly stats: TreeStats;
}

/**
 * Reads the compact form in which the addon returns a tree. All numbers little-endian: u32 directories, six u64 of
 * stats; per directory u32 uid, gid, mode, then counted xattrs, files and directories.
 */
export function decodeTreeListing(bytes: Uint8Array): TreeListing {
  const reader = new Reader(bytes);
  const count = reader.u32();
  const [files, symlinks, directories, size, newObjects, newBytes] = Array.from({ length: 6 }, () => reader.u64());
  const listed: ListedDirectory[] = [];
  for (let i = 0; i < count; i++) listed.push(readDirectory(reader));
  return {
    directories: listed,
    stats: {
      files: files ?? 0,
      symlinks: symlinks ?? 0,
      directories: directories ?? 0,
      bytes: size ?? 0,
      newObjects: newObjects ?? 0,
      newBytes: newBytes ?? 0,
    },
  };
}

function readDirectory(reader: Reader): ListedDirectory {
  return {
    uid: reader.u32(),
    gid: reader.u32(),
    mode: reader.u32(),
    xattrs: reader.array(() => ({ name: reader.text(), value: new Uint8Array(reader.bytes(reader.u32())) })),
    files: reader.array(() => ({ name: reader.text(), checksum: reader.bytes(32).toString('hex') as Checksum })),
    directories: reader.array(() => ({ name: reader.text(), index: reader.u32() })),
  };
}

class Reader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  u32(): number {
    this.#at += 4;
    return this.#buffer.readUInt32LE(this.#at - 4);
  }

  u64(): number {
    this.#at += 8;
    return Number(this.#buffer.readBigUInt64LE(this.#at - 8));
  }

  bytes(length: number): Buffer {
    this.#at += length;
    return this.#buffer.subarray(this.#at - length, this.#at);
  }

  text(): string {
    return this.bytes(this.u32()).toString('utf8');
  }

  array<T>(read: () => T): T[] {
    return Array.from({ length: this.u32() }, read);
  }
}
