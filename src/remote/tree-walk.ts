import { AtomicError, type Checksum, isAtomicError } from '../base/index.ts';
import {
  type Commit,
  decodeDirTree,
  type DirTree,
  maxMetadataObjectBytes,
  maxTreeDepth,
  objectPath,
} from '../format/index.ts';
import { loadDirTree, metadataChecksum, type MetadataType, type Staging, tryLoadMetadata } from '../repo/index.ts';
import { maxPulledObjects } from './limits.ts';

/** A directory to look into: its own objects may be here or not. */
export interface WantedTree {
  readonly type: 'dirtree';
  readonly checksum: Checksum;
  /** Dirtrees that stand at the same path in commits known to be complete. */
  readonly counterparts: readonly Checksum[];
  readonly depth: number;
}

/** An object that is missing and leads to no other. */
export interface WantedLeaf {
  readonly type: 'dirmeta' | 'file';
  readonly checksum: Checksum;
}

/** What a pull has to look at or to fetch. */
export type Wanted = WantedTree | WantedLeaf;

/** The parts a walk works with. */
export interface TreeWalkParts {
  readonly staging: Staging;
  /** Awaited in long loops; lets the event loop run and throws when the job was cancelled. */
  readonly breathe: () => Promise<void>;
  /** Told everything that is wanted, each object once. */
  readonly want: (item: Wanted) => void;
}

/** Files looked at between two breaths. */
const filesPerBreath = 64;

/**
 * Finds out which objects of a tree are missing, without looking at what is known to be complete: a directory that is the
 * same at the same place in a complete commit, and every directory directly below such a place, is not entered. So the cost
 * follows what changed, and a directory that is here without its children (left by an interrupted pull) is walked again.
 */
export class TreeWalk {
  readonly #parts: TreeWalkParts;
  readonly #wanted = { dirtree: new Set<Checksum>(), dirmeta: new Set<Checksum>(), file: new Set<Checksum>() };
  readonly #complete = new Set<Checksum>();
  #scanned = 0;

  constructor(parts: TreeWalkParts) {
    this.#parts = parts;
  }

  /** Dirtrees looked into so far. */
  get scanned(): number {
    return this.#scanned;
  }

  /** Begins at the root of a commit; `complete` are commits whose objects are all here. */
  begin(commit: Commit, complete: readonly Commit[]): void {
    for (const { rootTree } of complete) this.#complete.add(rootTree);
    this.#wantMeta(commit.rootMeta);
    this.#wantTree({
      type: 'dirtree',
      checksum: commit.rootTree,
      counterparts: complete.map(({ rootTree }) => rootTree),
      depth: 0,
    });
  }

  /** The bytes of a dirtree, dirmeta or commit that is here, in the repo or left in the staging; undefined if it is not. */
  readHere(type: MetadataType, checksum: Checksum): Uint8Array | undefined {
    const { staging } = this.#parts;
    const staged = staging.dir.readFile(objectPath(checksum, type, false), maxMetadataObjectBytes);
    if (staged !== undefined && metadataChecksum(staged) === checksum) return staged;
    if (staged !== undefined) staging.dir.unlink(objectPath(checksum, type, false));
    return tryLoadMetadata(staging.repo, type, checksum);
  }

  /** Looks into a directory whose bytes are known and wants what is missing of it. `InvalidFormat` if it is not one. */
  async scan(item: WantedTree, bytes: Uint8Array): Promise<void> {
    const tree = decodeDirTree(bytes);
    const known = item.counterparts.flatMap((checksum) => this.#loadComplete(checksum));
    this.#scanned += 1;
    await this.#scanFiles(tree, known);
    for (const directory of tree.directories) {
      await this.#parts.breathe();
      this.#wantMeta(directory.meta);
      this.#wantTree({
        type: 'dirtree',
        checksum: directory.tree,
        counterparts: known.flatMap(({ directories }) => directories.get(directory.name) ?? []),
        depth: item.depth + 1,
      });
    }
  }

  /** Wants the files that neither a compared directory nor the repo nor the staging has. */
  async #scanFiles(tree: DirTree, known: readonly KnownTree[]): Promise<void> {
    let untilBreath = filesPerBreath;
    for (const { name, checksum } of tree.files) {
      untilBreath -= 1;
      if (untilBreath === 0) {
        await this.#parts.breathe();
        untilBreath = filesPerBreath;
      }
      if (known.some(({ files }) => files.get(name) === checksum)) continue;
      if (!this.#isNew('file', checksum) || this.#parts.staging.hasObject('file', checksum)) continue;
      this.#parts.want({ type: 'file', checksum });
    }
  }

  /** Wants a directory unless it is known to be complete; whether its own bytes are here is asked later. */
  #wantTree(item: WantedTree): void {
    if (item.depth > maxTreeDepth) {
      throw new AtomicError('LimitExceeded', `The tree of the commit is deeper than ${maxTreeDepth} directories`, {
        hint: 'No file system can hold such a tree; tell who made the commit.',
      });
    }
    if (this.#complete.has(item.checksum) || !this.#isNew('dirtree', item.checksum)) return;
    this.#parts.want(item);
  }

  /** Wants a dirmeta that is not here. */
  #wantMeta(checksum: Checksum): void {
    if (!this.#isNew('dirmeta', checksum) || this.#parts.staging.hasObject('dirmeta', checksum)) return;
    this.#parts.want({ type: 'dirmeta', checksum });
  }

  /** True the first time an object is met; ends a walk that meets too many. */
  #isNew(type: 'dirtree' | 'dirmeta' | 'file', checksum: Checksum): boolean {
    const seen = this.#wanted[type];
    if (seen.has(checksum)) return false;
    seen.add(checksum);
    if (seen.size <= maxPulledObjects) return true;
    throw new AtomicError('LimitExceeded', `The commit has more than ${maxPulledObjects} objects`, {
      hint: 'No system has so many files; tell who made the commit.',
    });
  }

  /** A dirtree of a complete commit, its children remembered as complete too; nothing if it cannot be read after all. */
  #loadComplete(checksum: Checksum): KnownTree[] {
    try {
      const tree = loadDirTree(this.#parts.staging.repo, checksum);
      for (const { tree: child } of tree.directories) this.#complete.add(child);
      return [
        {
          files: new Map(tree.files.map((file) => [file.name, file.checksum])),
          directories: new Map(tree.directories.map((directory) => [directory.name, directory.tree])),
        },
      ];
    } catch (error) {
      // Knowing less only makes the walk longer; a damaged object that is needed is reported where it is needed.
      if (isAtomicError(error, 'CorruptObject', 'MissingObject')) return [];
      throw error;
    }
  }
}

/** A directory of a complete commit, by name. */
interface KnownTree {
  readonly files: ReadonlyMap<string, Checksum>;
  readonly directories: ReadonlyMap<string, Checksum>;
}
