/**
 * Builds the directory trees that commits are tried on: the same seed gives the same tree, and every oddity a commit can
 * hold turns up within a few seeds.
 */
import { chmodSync, lchownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { flags, sys } from '../../src/platform/index.ts';

/** A stream of pseudo-random numbers; the same for the same seed. */
export interface RandomStream {
  /** A whole number from 0 to `below` - 1. */
  int(below: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  bytes(length: number): Buffer;
}

/** A small generator (mulberry32): good enough to mix oddities, and the same everywhere. */
export function createRandom(seed: number): RandomStream {
  const state = { value: seed >>> 0 };
  const next = (): number => {
    state.value = (state.value + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state.value ^ (state.value >>> 15), state.value | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const int = (below: number): number => Math.floor(next() * below);
  return {
    int,
    chance: (probability) => next() < probability,
    pick: (items) => {
      const item = items[int(items.length)];
      if (item === undefined) throw new Error('nothing to pick from');
      return item;
    },
    bytes: (length) => Buffer.from(Array.from({ length }, () => int(256))),
  };
}

/** Names that have broken other tools; each directory takes a few. */
const oddNames: readonly string[] = [
  ' leading space',
  'trailing space ',
  'new\nline',
  'tab\there',
  '.hidden',
  '..dots',
  '-dash',
  'quote"\'',
  'back\\slash',
  'percent%41',
  'ümläut',
  '日本語',
  '🌲',
  'é', // decomposed: must stay as it is
  '\u0001control',
  '*',
  '~',
  'a'.repeat(255),
  `${'ü'.repeat(127)}x`,
  '.wh.whiteout',
  'lost+found',
];

const fileModes: readonly number[] = [0o644, 0o755, 0o600, 0o4755, 0o2755, 0o6711, 0o1644, 0, 0o777, 0o400];
const directoryModes: readonly number[] = [0o755, 0o700, 0o1777, 0o2775, 0o500, 0o755, 0o755];
const owners: readonly number[] = [0, 0, 0, 1, 1000, 65534, 4294967294];
const sizes: readonly number[] = [0, 1, 5, 100, 4095, 4096, 4097, 70_000, 300_000];

/** How large a tree gets; directories count as entries. */
export interface RandomTreeOptions {
  readonly seed: number;
  readonly entries?: number;
}

/** Makes `path` a tree of about `entries` (120) files, symlinks and directories, among them a deep chain. Needs root. */
export function makeRandomTree(path: string, options: RandomTreeOptions): void {
  const random = createRandom(options.seed);
  mkdirSync(path);
  const directories = [path];
  const count = options.entries ?? 120;
  for (let index = 0; index < count; index += 1) {
    const parent = random.pick(directories);
    const child = join(parent, entryName(random, index));
    // An odd name may come up twice in one directory.
    if (sys.exists(flags.AT_FDCWD, child) || child.length > 2500) continue;
    if (random.chance(0.25)) {
      mkdirSync(child);
      directories.push(child);
    } else if (random.chance(0.2)) makeSymlink(child, random);
    else makeFile(child, random);
  }
  directories.push(...makeChain(path, random));
  // Attributes last: a directory without write permission takes no children, except from root.
  for (const directory of directories) decorate(directory, random, directoryModes);
}

function entryName(random: RandomStream, index: number): string {
  return random.chance(0.3) ? random.pick(oddNames) : `entry-${index}`;
}

function makeChain(path: string, random: RandomStream): string[] {
  const made: string[] = [];
  let current = path;
  for (let depth = 0; depth < 20 + random.int(20); depth += 1) {
    current = join(current, `d${depth}`);
    mkdirSync(current);
    made.push(current);
  }
  makeFile(join(current, 'bottom'), random);
  return made;
}

function makeFile(path: string, random: RandomStream): void {
  const size = random.pick(sizes);
  const content = random.chance(0.3) ? Buffer.alloc(size, 'same content again\n') : random.bytes(size);
  writeFileSync(path, content);
  decorate(path, random, fileModes);
}

function makeSymlink(path: string, random: RandomStream): void {
  symlinkSync(random.pick(['target', '/etc/passwd', '../..', 'x'.repeat(1000), 'dängling', 'a\nb']), path);
  lchownSync(path, random.pick(owners), random.pick(owners));
  // User attributes are for files and directories only.
  if (random.chance(0.3)) sys.lsetxattr(flags.AT_FDCWD, path, 'trusted.link', random.bytes(9));
}

function decorate(path: string, random: RandomStream, modes: readonly number[]): void {
  lchownSync(path, random.pick(owners), random.pick(owners));
  for (const name of ['user.zeta', 'user.alpha', 'trusted.root', 'security.note']) {
    if (random.chance(0.12)) sys.lsetxattr(flags.AT_FDCWD, path, name, random.bytes(random.pick([0, 1, 20, 300])));
  }
  // After the owner: changing that drops set-id bits.
  chmodSync(path, random.pick(modes));
}
