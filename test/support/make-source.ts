/** An archive repo of our own making with two versions of a tree, to be put behind a server. */
import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Checksum, createJob } from '../../src/base/index.ts';
import { commitDirectory, initRepo, openRepo, type Repo, writeSummary } from '../../src/repo/index.ts';
import { createRandom } from './random-tree.ts';
import { makeTempDir } from './temp-dir.ts';

/** The served repo and its two commits; `v2` has `v1` as parent. */
export interface Source {
  readonly path: string;
  readonly tree: string;
  readonly ref: string;
  readonly v1: Checksum;
  /** Changes a few files, adds a directory, commits; the summary follows. */
  addVersion(): Promise<Checksum>;
}

/** How much is in the tree. */
export interface SourceOptions {
  readonly directories?: number;
  readonly filesPerDirectory?: number;
  /** Adds a file of so many incompressible bytes. */
  readonly largeBytes?: number;
}

/** Makes the repo with its first commit on `os/stable`. */
export async function makeSource(options: SourceOptions = {}): Promise<Source> {
  const path = join(makeTempDir(), 'source');
  const tree = join(makeTempDir(), 'tree');
  writeTree(tree, options);
  initRepo(path, { mode: 'archive' })[Symbol.dispose]();
  const ref = 'os/stable';
  let version = 0;
  const commit = async (): Promise<Checksum> => {
    using repo: Repo = openRepo(path);
    version += 1;
    const timestampSeconds = 1_767_225_600 + version * 86_400;
    const { checksum } = await commitDirectory(
      repo,
      { source: tree, branch: ref, subject: `version ${version}`, timestampSeconds },
      createJob(),
    );
    await writeSummary(repo, createJob());
    return checksum;
  };
  const v1 = await commit();
  return {
    path,
    tree,
    ref,
    v1,
    addVersion: async () => {
      writeFileSync(join(tree, 'usr/d0/f0'), `changed in version ${version + 1}`);
      mkdirSync(join(tree, `usr/new-${version}`));
      chmodSync(join(tree, `usr/new-${version}`), 0o700 + version);
      writeFileSync(join(tree, `usr/new-${version}/file`), `new in version ${version + 1}`);
      rmSync(join(tree, 'usr/d1/f1'), { force: true });
      return await commit();
    },
  };
}

function writeTree(tree: string, { directories = 4, filesPerDirectory = 6, largeBytes = 0 }: SourceOptions): void {
  const random = createRandom(7);
  mkdirSync(join(tree, 'usr'), { recursive: true });
  for (let d = 0; d < directories; d++) {
    mkdirSync(join(tree, `usr/d${d}`));
    for (let f = 0; f < filesPerDirectory; f++) {
      writeFileSync(join(tree, `usr/d${d}/f${f}`), `file ${d}/${f} ${random.bytes(random.int(400)).toString('hex')}`);
    }
  }
  writeFileSync(join(tree, 'usr/empty'), '');
  symlinkSync('d0/f0', join(tree, 'usr/link'));
  if (largeBytes > 0) writeFileSync(join(tree, 'usr/large'), noise(largeBytes));
}

/** Bytes that do not compress, quickly: a known block, shifted. */
function noise(length: number): Buffer {
  const block = createRandom(9).bytes(64 * 1024);
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 1) bytes[at] = (block[at % block.length] ?? 0) ^ ((at >> 16) * 37);
  return bytes;
}

/** The paths of all objects below a repo's `objects`, sorted. */
export function listObjectPaths(repoPath: string): string[] {
  const objects = join(repoPath, 'objects');
  return readdirSync(objects)
    .flatMap((directory) => readdirSync(join(objects, directory)).map((name) => `${directory}/${name}`))
    .toSorted();
}
