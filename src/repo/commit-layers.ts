import { AtomicError, type Checksum, type Job } from '../base/index.ts';
import { encodeDirMeta, encodeDirTree, maxTreeDepth } from '../format/index.ts';
import type { TreeListing } from '../platform/index.ts';
import { createBreather } from './breather.ts';
import { loadDirTree } from './objects.ts';
import type { Repo } from './repo.ts';
import type { Staging } from './staging.ts';

/** The two objects of a directory. */
export interface TreeRoot {
  readonly tree: Checksum;
  readonly meta: Checksum;
}

/** A directory that is being put together for a commit; its files and its dirmeta are objects already. */
export interface LayeredTree {
  meta: Checksum;
  readonly files: Map<string, Checksum>;
  readonly directories: Map<string, LayeredTree>;
}

/** The tree an ingest has listed; stages the dirmeta objects. */
export async function treeOfListing(staging: Staging, { directories }: TreeListing, job: Job): Promise<LayeredTree> {
  const breathe = createBreather(job);
  const done: LayeredTree[] = [];
  // Parents stand before their children, so walking backwards finds every child done.
  for (let index = directories.length - 1; index >= 0; index -= 1) {
    const { uid, gid, mode, xattrs, files, directories: children } = at(directories, index);
    done[index] = {
      meta: staging.writeMetadata('dirmeta', encodeDirMeta({ uid, gid, mode, xattrs })),
      files: new Map(files.map(({ name, checksum }) => [name, checksum])),
      directories: new Map(children.map((child) => [child.name, at(done, child.index)])),
    };
    await breathe();
  }
  return at(done, 0);
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new AtomicError('Failed', `The listing of the tree lacks directory ${index}`);
  return item;
}

/** The tree of a commit, as the repo has it. `MissingObject` where it is not whole. */
export async function treeOfCommit(repo: Repo, root: TreeRoot, job: Job): Promise<LayeredTree> {
  const breathe = createBreather(job);
  const load = async ({ tree, meta }: TreeRoot, depth: number): Promise<LayeredTree> => {
    if (depth > maxTreeDepth) throw new AtomicError('LimitExceeded', `The tree ${root.tree} is too deep`);
    await breathe();
    const { files, directories } = loadDirTree(repo, tree);
    const children = new Map<string, LayeredTree>();
    for (const child of directories) children.set(child.name, await load(child, depth + 1));
    return { meta, files: new Map(files.map(({ name, checksum }) => [name, checksum])), directories: children };
  };
  return await load(root, 0);
}

/**
 * Lays one tree over another: its files replace files of the same name, directories are merged and take its owner and mode.
 * `InvalidArgument` where a file would replace a directory or the reverse.
 */
export function layOver(below: LayeredTree, above: LayeredTree): LayeredTree {
  below.meta = above.meta;
  for (const [name, checksum] of above.files) {
    if (below.directories.has(name)) throw inTheWay(`Can't replace directory with file: ${name}`, name);
    below.files.set(name, checksum);
  }
  for (const [name, child] of above.directories) {
    if (below.files.has(name)) throw inTheWay(`Can't replace file with directory: ${name}`, name);
    const existing = below.directories.get(name);
    below.directories.set(name, existing === undefined ? child : layOver(existing, child));
  }
  return below;
}

function inTheWay(message: string, name: string): AtomicError {
  return new AtomicError('InvalidArgument', message, { facts: { name } });
}

/** Stages the dirtree objects of a tree, children first, and returns the objects of its root. */
export async function writeTree(staging: Staging, root: LayeredTree, job: Job): Promise<TreeRoot> {
  const breathe = createBreather(job);
  const write = async (directory: LayeredTree): Promise<TreeRoot> => {
    const directories: { name: string; tree: Checksum; meta: Checksum }[] = [];
    for (const [name, child] of directory.directories) directories.push({ name, ...(await write(child)) });
    const files = Array.from(directory.files, ([name, checksum]) => ({ name, checksum }));
    await breathe();
    return { tree: staging.writeMetadata('dirtree', encodeDirTree({ files, directories })), meta: directory.meta };
  };
  return await write(root);
}

/** True if something stands at `path`, names divided by slashes. */
export function hasPath(root: LayeredTree, path: string): boolean {
  const names = path.split('/').filter((name) => name !== '');
  const last = names.pop();
  let directory: LayeredTree | undefined = root;
  for (const name of names) directory = directory?.directories.get(name);
  if (directory === undefined || last === undefined) return directory !== undefined;
  return directory.files.has(last) || directory.directories.has(last);
}

/** The release of the kernel in `usr/lib/modules/RELEASE/vmlinuz`; `NotFound` if the tree has none there. */
export function kernelRelease(root: LayeredTree): string {
  const modules = root.directories.get('usr')?.directories.get('lib')?.directories.get('modules');
  const found = [...(modules?.directories ?? [])].find(([, { files }]) => files.has('vmlinuz'));
  if (found !== undefined) return found[0];
  throw new AtomicError(
    'NotFound',
    'Determining bootable metadata: No such file or directory: /usr/lib/modules/RELEASE/vmlinuz',
    { hint: 'Put the kernel there, or leave out --bootable.' },
  );
}
