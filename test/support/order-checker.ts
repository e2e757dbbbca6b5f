/**
 * Watches every call of the table and every bulk call, and remembers what was written and is not on disk yet. Each call
 * that makes something count (a ref, a boot entry, a kernel, the loader link …) is judged just before it is made: what it
 * gives a name to, and what that leads to, must be on disk by then, or a power cut leaves a name without content.
 */
import { fstatSync, lstatSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { interceptSyscalls, type NativeCall } from '../../src/platform/index.ts';

/** What the judged calls make count, by where the name is. */
const kinds = [
  ['ref', /\/repo\/refs\/.+/],
  ['origin', /\/deploy\/[0-9a-f]{64}\.\d+\.origin$/],
  ['entry', /\/boot\/loader\.[01]\/(entries\/[^/]+\.conf|grub\.cfg)$/],
  ['kernel', /\/boot\/ostree\/[^/]+-[0-9a-f]{64}\/.+/],
  ['boot link', /\/ostree\/boot\.[01]$/],
  ['loader', /\/boot\/loader$/],
  ['staged record', /\/ostree\/staged-deployment$/],
  ['other file', /./],
] as const;

/** A kind of name that makes something count. */
export type PublishKind = (typeof kinds)[number][0] | 'objects';

/** Names through which something boots: all that was written to the file system must be on disk before. */
const decisive: ReadonlySet<PublishKind> = new Set(['objects', 'boot link', 'loader', 'staged record']);

/** Bulk calls that write, and the argument that tells where. */
const bulkWrites: Readonly<Record<string, string>> = {
  ingestTree: 'staging',
  ingestFilez: 'staging',
  importObjects: 'staging',
  checkoutTree: 'destination',
  copyTree: 'to',
};

const contentWrites = new Set(['write', 'copyFileRange', 'ficlone', 'ftruncate', 'fallocate']);
const createFlag = 0o100;

interface DirtyFile {
  readonly device: bigint;
  readonly path: string;
}

/** Something that a sync under way will have brought to disk: gone from `map` then, unless it changed meanwhile. */
interface Pending {
  readonly map: Map<unknown, unknown>;
  readonly key: unknown;
  readonly value: unknown;
}

interface DirtyDirectory extends DirtyFile {
  /** The names in it that changed. */
  readonly names: Set<string>;
}

/** A name about to count: what has to be on disk is what is on `device`, everywhere if undefined. */
interface Publish {
  readonly path: string;
  readonly device: bigint | undefined;
  readonly source?: string;
}

/** What the checker has seen. */
export class OrderChecker implements Disposable {
  readonly checked = new Map<PublishKind, number>();
  readonly violations: string[] = [];
  /** Files with content, and directories with names, that are not on disk yet, by device and inode. */
  readonly #files = new Map<string, DirtyFile>();
  readonly #directories = new Map<string, DirtyDirectory>();
  /** New directories whose own name is not on disk yet, by inode, with the inode of the directory that holds it. */
  readonly #made = new Map<string, string>();
  readonly #bulk = new Map<bigint, { readonly call: string }>();
  /** Names that count already and are not on disk, by the directory they are in. */
  readonly #unsettled = new Map<string, string>();
  readonly #ignored: string;
  readonly #interception: Disposable;

  /** Nothing below `ignored` is remembered: /run forgets all of it anyway. */
  constructor(ignored: string) {
    this.#ignored = ignored;
    this.#interception = interceptSyscalls((name, original) => this.#watch(name, original));
  }

  get total(): number {
    return [...this.checked.values()].reduce((sum, count) => sum + count, 0);
  }

  /** To be called when a verb is over: the names it made count must have reached the disk. */
  endOfVerb(verb: string): void {
    for (const path of this.#unsettled.values()) this.violations.push(`${verb} returned before ${path} was on disk`);
    this.#unsettled.clear();
  }

  [Symbol.dispose](): void {
    this.#interception[Symbol.dispose]();
  }

  #watch(name: string, original: NativeCall): NativeCall {
    return (...args) => {
      this.#before(name, args);
      // What is written while a sync runs need not be part of it.
      const pending = name === 'syncFilesystem' ? this.#onDevice((args[0] as { dir: number }).dir) : [];
      const answer = original(...args);
      if (answer instanceof Promise) {
        return answer.then((value: unknown) => {
          settle(pending);
          this.#afterBulk(name, args);
          return value;
        });
      }
      this.#after(name, args, answer);
      return answer;
    };
  }

  #before(name: string, args: readonly unknown[]): void {
    if (name === 'renameat2') this.#judgeRename(args as [number, string, number, string]);
    if (name === 'publishStaging') {
      const { staging, objects } = args[0] as { staging: number; objects: number };
      this.#judge('objects', { path: pathOf(objects), device: fstatSync(staging, { bigint: true }).dev });
    }
    // Its own file is synced inside, which the tests of the call prove; the name is none that needs more than that.
    if (name === 'copyFileDurably') {
      const { to, toName } = args[0] as { to: number; toName: string };
      const path = join(pathOf(to), toName);
      this.#judge(kindOf(path), { path, device: fstatSync(to, { bigint: true }).dev });
    }
  }

  #judgeRename([fromFd, from, toFd, to]: readonly [number, string, number, string]): void {
    const path = join(pathOf(toFd), to);
    const kind = kindOf(path);
    const source = lstatSync(join(pathOf(fromFd), from), { bigint: true });
    const dirty = this.#files.get(keyOf(source));
    if (dirty !== undefined) this.violations.push(`${kind} ${path}: ${dirty.path} was written and not synced`);
    if (kind === 'ref') this.#requireDurableParents(path, toFd);
    // These lead from one file system to others: from /run or /boot to deployments and kernels.
    const device = kind === 'staged record' || kind === 'loader' ? undefined : source.dev;
    this.#judge(kind, { path, device, source: join(pathOf(fromFd), from) });
  }

  /** A decisive name needs everything on its file system on disk; the staged record, in /run, everything everywhere. */
  #judge(kind: PublishKind, { path, device, source }: Publish): void {
    this.checked.set(kind, (this.checked.get(kind) ?? 0) + 1);
    if (!decisive.has(kind)) return;
    const concerned = (dev: bigint): boolean => device === undefined || dev === device;
    const files = [...this.#files.values()].filter((dirty) => concerned(dirty.device)).map((dirty) => dirty.path);
    const names = [...this.#directories.values()]
      .filter((dirty) => concerned(dirty.device))
      .flatMap((dirty) => [...dirty.names].map((name) => join(dirty.path, name)))
      // The name that is renamed goes with this very call; where it is a link, there is nothing else to it.
      .filter((name) => name !== source || kind === 'loader');
    const bulk = [...this.#bulk].flatMap(([dev, call]) => (concerned(dev) ? [call.call] : []));
    const left = [...files, ...names, ...bulk];
    if (left.length > 0) this.violations.push(`${kind} ${path}: not on disk: ${left.join(', ')}`);
  }

  #requireDurableParents(path: string, fd: number): void {
    if (this.#made.has(keyOf(fstatSync(fd, { bigint: true })))) {
      this.violations.push(`ref ${path}: the directory made for it is not on disk in the one above`);
    }
  }

  #after(name: string, args: readonly unknown[], answer: unknown): void {
    const [first, second, third] = args as [number, string, number];
    if (contentWrites.has(name)) this.#touchFile(name === 'copyFileRange' ? Number(second) : first);
    else if (name === 'mkdirat') this.#makeDirectory(first, second);
    else if (name === 'symlinkat') this.#touchDirectory(Number(second), third as unknown as string);
    else if (name === 'unlinkat') this.#touchDirectory(first, second);
    else if (name === 'linkFd') this.#touchDirectory(Number(second), String(third));
    else if (name === 'openat' && (third & createFlag) !== 0) this.#touchDirectory(first, second);
    else if (name === 'renameat2' || name === 'linkat') this.#moved(args as [number, string, number, string]);
    else if (name === 'fsync' || name === 'fdatasync') this.#synced(first);
    else if (name === 'syncfs' || (name === 'freezeThaw' && answer === 'frozen')) settle(this.#onDevice(first));
  }

  #afterBulk(name: string, args: readonly unknown[]): void {
    if (name === 'copyFileDurably') this.#synced((args[0] as { to: number }).to);
    const where = bulkWrites[name];
    if (where === undefined) return;
    const fd = (args[0] as Record<string, unknown>)[where] as number;
    if (!pathOf(fd).startsWith(this.#ignored)) this.#bulk.set(fstatSync(fd, { bigint: true }).dev, { call: name });
  }

  #moved([fromFd, from, toFd, to]: readonly [number, string, number, string]): void {
    this.#touchDirectory(fromFd, from);
    this.#touchDirectory(toFd, to);
    const path = join(pathOf(toFd), to);
    if (!path.startsWith(this.#ignored)) this.#unsettled.set(keyOf(fstatSync(toFd, { bigint: true })), path);
  }

  #touchFile(fd: number): void {
    const path = pathOf(fd);
    if (path.startsWith(this.#ignored)) return;
    const stat = fstatSync(fd, { bigint: true });
    this.#files.set(keyOf(stat), { device: stat.dev, path });
  }

  #touchDirectory(fd: number, name: string): void {
    const path = pathOf(fd);
    // A lock file is nothing that has to survive.
    if (path.startsWith(this.#ignored) || name.endsWith('lock')) return;
    const stat = fstatSync(fd, { bigint: true });
    const names = this.#directories.get(keyOf(stat))?.names ?? new Set();
    this.#directories.set(keyOf(stat), { device: stat.dev, path, names: names.add(name) });
  }

  #makeDirectory(fd: number, name: string): void {
    this.#touchDirectory(fd, name);
    const path = join(pathOf(fd), name);
    if (path.startsWith(this.#ignored)) return;
    this.#made.set(keyOf(lstatSync(path, { bigint: true })), keyOf(fstatSync(fd, { bigint: true })));
  }

  #synced(fd: number): void {
    const key = keyOf(fstatSync(fd, { bigint: true }));
    this.#files.delete(key);
    this.#directories.delete(key);
    this.#unsettled.delete(key);
    for (const [made, parent] of this.#made) if (parent === key) this.#made.delete(made);
  }

  /** What is not on disk now, of the file system of `fd`. */
  #onDevice(fd: number): readonly Pending[] {
    const { dev } = fstatSync(fd, { bigint: true });
    const pending: Pending[] = [];
    const take = (map: Map<unknown, unknown>): void => {
      for (const [key, value] of map) {
        if (key === dev || (typeof key === 'string' && key.startsWith(`${dev}:`))) pending.push({ map, key, value });
      }
    };
    for (const map of [this.#files, this.#directories, this.#made, this.#unsettled, this.#bulk]) take(map);
    return pending;
  }
}

function settle(pending: readonly Pending[]): void {
  for (const { map, key, value } of pending) if (map.get(key) === value) map.delete(key);
}

function kindOf(path: string): PublishKind {
  return kinds.find(([, pattern]) => pattern.test(path))?.[0] ?? 'other file';
}

function pathOf(fd: number): string {
  return readlinkSync(`/proc/self/fd/${fd}`);
}

function keyOf({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${dev}:${ino}`;
}
