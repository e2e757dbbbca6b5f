import type { Command } from 'commander';
import { AtomicError, type Checksum } from '../../base/index.ts';
import type { DirTree } from '../../format/index.ts';
import { loadCommit, loadDirTree, type Repo } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';
import { requireCommit } from '../require-commit.ts';

/** Paths that differ between two trees, in the order they are met: files before directories, parents before children. */
class TreeDiff {
  readonly modified: string[] = [];
  readonly removed: string[] = [];
  readonly added: string[] = [];
  readonly #repo: Repo;

  constructor(repo: Repo) {
    this.#repo = repo;
  }

  /** A removed directory counts once, an added one with all that is in it: as the original reports them. */
  compare(below: string, from: Checksum, to: Checksum): void {
    if (from === to) return;
    const [before, after] = [loadDirTree(this.#repo, from), loadDirTree(this.#repo, to)];
    const left = namesOf(after);
    for (const { name, checksum } of before.files) {
      const other = left.get(name);
      if (other === undefined) this.removed.push(`${below}/${name}`);
      else if (other !== checksum) this.modified.push(`${below}/${name}`);
    }
    for (const { name, tree, meta } of before.directories) {
      const other = left.get(name);
      if (other === undefined) this.removed.push(`${below}/${name}`);
      else if (other !== meta) this.modified.push(`${below}/${name}`);
      const same = after.directories.find((directory) => directory.name === name);
      if (same !== undefined) this.compare(`${below}/${name}`, tree, same.tree);
    }
    this.#addNew(below, after, namesOf(before));
  }

  #addNew(below: string, { files, directories }: DirTree, known: ReadonlyMap<string, Checksum>): void {
    for (const { name } of files) if (!known.has(name)) this.added.push(`${below}/${name}`);
    for (const { name, tree } of directories) {
      if (known.has(name)) continue;
      this.added.push(`${below}/${name}`);
      this.#addNew(`${below}/${name}`, loadDirTree(this.#repo, tree), new Map());
    }
  }
}

/** What stands for an entry when it is compared: a file's checksum, a directory's attributes. */
function namesOf({ files, directories }: DirTree): ReadonlyMap<string, Checksum> {
  return new Map([
    ...files.map(({ name, checksum }) => [name, checksum] as const),
    ...directories.map(({ name, meta }) => [name, meta] as const),
  ]);
}

function requireRevision(text: string): string {
  if (!/^\.?\//.test(text)) return text;
  throw new AtomicError('NotSupported', `Comparing with a directory (${text}) is not built yet`, {
    hint: 'Commit it with --orphan, then compare the two commits.',
  });
}

/** `ostree diff`: what one commit changed, or what is different between two: `M`, `D` and `A` with the path. */
export function diffCommand(context: OstreeContext): Command {
  const command = repoCommand('diff', 'Compare two commits, or a commit with its parent')
    .argument('<rev>')
    .argument('[other]');
  return command.action((rev: string, other: string | undefined) => {
    using repo = openCommandRepo(context, command);
    const [from, to] = (other === undefined ? [`${rev}^`, rev] : [rev, other]).map((text) =>
      loadCommit(repo, requireCommit(repo, requireRevision(text))),
    );
    if (from === undefined || to === undefined) return;
    const diff = new TreeDiff(repo);
    diff.compare('', from.rootTree, to.rootTree);
    const lines = [
      ...diff.modified.map((path) => `M    ${path}\n`),
      ...diff.removed.map((path) => `D    ${path}\n`),
      ...diff.added.map((path) => `A    ${path}\n`),
    ];
    context.write(lines.join(''));
  });
}
