import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checksumFromBytes, isAtomicError, type Checksum } from '../../../src/base/index.ts';
import { encodeCommit, encodeDirMeta, encodeDirTree, objectPath } from '../../../src/format/index.ts';
import { initRepo, lsTree, type Repo } from '../../../src/repo/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

type MetadataType = 'dirtree' | 'dirmeta' | 'commit';

function put(repo: Repo, type: MetadataType, bytes: Uint8Array): Checksum {
  const checksum = checksumFromBytes(createHash('sha256').update(bytes).digest());
  repo.objects.ensureDir(checksum.slice(0, 2));
  repo.objects.writeFile(objectPath(checksum, type, true), bytes);
  return checksum;
}

/** A commit of `depth` directories inside one another, made of as many small objects. */
function putDeepCommit(repo: Repo, depth: number): Checksum {
  const rootMeta = put(repo, 'dirmeta', encodeDirMeta({ uid: 0, gid: 0, mode: 0o40755, xattrs: [] }));
  let rootTree = put(repo, 'dirtree', encodeDirTree({ files: [], directories: [] }));
  for (let level = 0; level < depth; level += 1) {
    const directories = [{ name: 'd', tree: rootTree, meta: rootMeta }];
    rootTree = put(repo, 'dirtree', encodeDirTree({ files: [], directories }));
  }
  const about = { metadata: new Map(), parent: undefined, subject: '', body: '', timestampSeconds: 0 };
  return put(repo, 'commit', encodeCommit({ ...about, rootTree, rootMeta }));
}

describe('a recursive listing', () => {
  it('goes as deep as a path can lead, and says so where a tree goes on', () => {
    using repo = initRepo(join(makeTempDir(), 'repo'), { mode: 'archive' });
    const deep = [...lsTree(repo, putDeepCommit(repo, 2000), { recursive: true })];
    expect(deep).toHaveLength(2001);
    expect(deep.at(-1)?.path).toBe('/d'.repeat(2000));
    const deeper = putDeepCommit(repo, 2060);
    expect(() => [...lsTree(repo, deeper, { recursive: true })]).toThrow(
      expect.toSatisfy((error: unknown) => isAtomicError(error, 'LimitExceeded')),
    );
  });
});
