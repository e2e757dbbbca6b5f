import { isAtomicError, type Checksum, type Job } from '../base/index.ts';
import type { Commit, ObjectType } from '../format/index.ts';
import { createBreather } from './breather.ts';
import { loadDirTree, tryLoadCommit } from './objects.ts';
import { isPartial } from './partial.ts';
import type { Repo } from './repo.ts';
import { ObjectSet } from './object-set.ts';

/** An object that a walk needed and could not use. */
export interface BrokenObject {
  readonly type: ObjectType;
  readonly checksum: Checksum;
  readonly error: Error;
}

/** How a walk goes. */
export interface TraverseOptions {
  /** Parents to walk too: 0 = none, -1 = all. A commit is walked with the largest depth it is reached with. */
  readonly depth: number;
  /** Told of a missing or corrupt object of a complete commit; the walk goes on. Thrown when absent. */
  readonly onBroken?: (object: BrokenObject) => void;
}

/** A walk over commits and their trees that remembers what it has seen. One per question asked. */
export class Traversal {
  readonly reachable = new ObjectSet();
  readonly #repo: Repo;
  readonly #options: TraverseOptions;
  readonly #breathe: () => Promise<void>;
  readonly #depths = new Map<Checksum, number>();
  /** Dirtrees that only partial commits have shown us: a complete commit must look at them again. */
  readonly #unproven = new Set<Checksum>();

  constructor(repo: Repo, options: TraverseOptions, job: Job) {
    this.#repo = repo;
    this.#options = options;
    this.#breathe = createBreather(job);
  }

  /**
   * Adds a commit and everything its tree names to `reachable`, then its parents. An absent commit ends the walk quietly; an
   * absent or corrupt dirtree is an error unless the commit is partial. OSTree repository format: traversal.
   */
  async addCommit(start: Checksum): Promise<void> {
    let depth = this.#options.depth < 0 ? Number.POSITIVE_INFINITY : this.#options.depth;
    let next: Checksum | undefined = start;
    while (next !== undefined) {
      const known = this.#depths.get(next);
      if (known !== undefined && known >= depth) return;
      this.#depths.set(next, depth);
      const commit = this.#loadCommit(next);
      if (commit === undefined) return;
      if (known === undefined) await this.#addTree(next, commit);
      next = depth > 0 ? commit.parent : undefined;
      depth -= 1;
    }
  }

  #loadCommit(checksum: Checksum): Commit | undefined {
    try {
      return tryLoadCommit(this.#repo, checksum);
    } catch (error) {
      this.#broken({ type: 'commit', checksum }, error);
      return undefined;
    }
  }

  async #addTree(checksum: Checksum, commit: Commit): Promise<void> {
    const partial = isPartial(this.#repo, checksum);
    this.reachable.add('commit', checksum);
    this.reachable.add('dirmeta', commit.rootMeta);
    const pending: Checksum[] = [commit.rootTree];
    for (let tree = pending.pop(); tree !== undefined; tree = pending.pop()) {
      const isNew = this.reachable.add('dirtree', tree);
      if (!isNew && (partial || !this.#unproven.has(tree))) continue;
      if (partial) this.#unproven.add(tree);
      else this.#unproven.delete(tree);
      await this.#breathe();
      this.#addDirTree(tree, { pending, partial });
    }
  }

  #addDirTree(checksum: Checksum, { pending, partial }: { pending: Checksum[]; partial: boolean }): void {
    try {
      const tree = loadDirTree(this.#repo, checksum);
      for (const file of tree.files) this.reachable.add('file', file.checksum);
      for (const child of tree.directories) {
        this.reachable.add('dirmeta', child.meta);
        pending.push(child.tree);
      }
    } catch (error) {
      if (partial && isAtomicError(error, 'MissingObject')) return;
      this.#broken({ type: 'dirtree', checksum }, error);
    }
  }

  #broken(object: { type: ObjectType; checksum: Checksum }, error: unknown): void {
    const known = isAtomicError(error, 'MissingObject', 'CorruptObject', 'InvalidFormat', 'LimitExceeded');
    if (!known || this.#options.onBroken === undefined) throw error;
    this.#options.onBroken({ ...object, error });
  }
}
