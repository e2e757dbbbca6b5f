import { AtomicError } from '../base/index.ts';
import { Dir, isSystemError } from '../platform/index.ts';
import type { CommitLayer, ModeOverride, Repo } from '../repo/index.ts';
import { readGivenFile } from './read-given-file.ts';
import { requireCommit } from './require-commit.ts';

/** The options of `ostree commit` that say what is committed. */
export interface CommitSourceOptions {
  readonly base?: string;
  readonly tree?: readonly string[];
  readonly statoverride?: string;
  readonly skipList?: string;
}

/** Says which directory cannot be committed before anything is written. */
function requireDirectory(path: string): void {
  try {
    Dir.open(path)[Symbol.dispose]();
  } catch (cause) {
    if (!isSystemError(cause, 'ENOENT', 'ENOTDIR')) throw cause;
    const reason = cause.code === 'ENOENT' ? 'No such file or directory' : 'Not a directory';
    throw new AtomicError('NotFound', `opendir(${path}): ${reason}`, { facts: { path }, cause });
  }
}

function directoryLayer(path: string): CommitLayer {
  requireDirectory(path);
  return { kind: 'directory', path };
}

function parseTree(repo: Repo, tree: string): CommitLayer {
  const at = tree.indexOf('=');
  if (at < 0) throw new AtomicError('InvalidArgument', `Missing type in tree specification '${tree}'`);
  const [type, value] = [tree.slice(0, at), tree.slice(at + 1)];
  if (type === 'dir') return directoryLayer(value);
  if (type === 'ref') return { kind: 'commit', checksum: requireCommit(repo, value) };
  if (type === 'tar') throw new AtomicError('NotSupported', '--tree=tar is not built yet: dir=PATH and ref=COMMIT are');
  throw new AtomicError('InvalidArgument', `Invalid tree type specification '${type}'`);
}

/** What to commit, each layer covering those before it: the base, then the trees or else the one directory. */
export function commitLayers(
  repo: Repo,
  options: CommitSourceOptions,
  path: string | undefined,
): readonly CommitLayer[] {
  const { base, tree: trees = [] } = options;
  const below: CommitLayer[] = base === undefined ? [] : [{ kind: 'commit', checksum: requireCommit(repo, base) }];
  if (trees.length === 0) return [...below, directoryLayer(path ?? '.')];
  // As in the original, the directory of --tree counts and one given besides does not; here that is said.
  if (path !== undefined && trees.length > 0 && path !== '.') {
    throw new AtomicError('InvalidArgument', 'A directory and --tree cannot both be given', {
      hint: `Use --tree=dir=${path}.`,
    });
  }
  return [...below, ...trees.map((tree) => parseTree(repo, tree))];
}

function linesOf(path: string): readonly string[] {
  const text = Buffer.from(readGivenFile(path)).toString('utf8');
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

/** The lines `=MODE PATH` (instead of) and `+MODE PATH` (besides) of a file, the numbers decimal as in the original. */
export function readStatOverrides(path: string): ReadonlyMap<string, ModeOverride> {
  return new Map(
    linesOf(path).map((line) => {
      const [, sign, digits, name] = /^([=+]?)(\d{1,10}) (\/.*)$/.exec(line) ?? [];
      if (digits === undefined || name === undefined) {
        throw new AtomicError('InvalidArgument', `Malformed statoverride file (no space found): '${line}'`, {
          facts: { path },
          hint: 'Each line is =MODE /PATH or +MODE /PATH, the mode as a decimal number.',
        });
      }
      const bits = Number(digits) & 0o7777;
      return [name, sign === '=' ? { set: bits } : { add: bits }] as const;
    }),
  );
}

/** The paths a file lists, one a line. */
export function readSkipList(path: string): ReadonlySet<string> {
  return new Set(linesOf(path));
}
