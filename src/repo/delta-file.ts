import { AtomicError, type Checksum, type Job } from '../base/index.ts';
import {
  decodeCommit,
  decodeDeltaSuperblock,
  decodeDirMeta,
  decodeDirTree,
  deltaName,
  detachedDeltaMetadata,
  inlineDeltaPart,
  maxMetadataObjectBytes,
  maxVariantBytes,
  type Commit,
} from '../format/index.ts';
import { Dir, type Stat } from '../platform/index.ts';
import { applyDelta, requireDeltaMode, type DeltaTotals, type OpenDelta } from './apply-delta.ts';
import { createBreather } from './breather.ts';
import { missingObject } from './errors.ts';
import { hasObject, loadMetadata, metadataChecksum, objectPathIn } from './objects.ts';
import { isPartial } from './partial.ts';
import type { Repo } from './repo.ts';
import { beginStaging, type Staging } from './staging.ts';

/** A delta on this machine: a directory with `superblock` and parts, or a superblock that carries its parts or has them beside it. */
export interface DeltaFile extends OpenDelta, Disposable {
  readonly path: string;
}

/** Opens the delta at `path`; `NotFound` and `InvalidFormat`. The superblock may have 512 MiB, for it may carry its parts. */
export function openDeltaFile(path: string): DeltaFile {
  const slash = path.replace(/\/+$/, '').lastIndexOf('/');
  const [parent, name] = [slash < 0 ? '.' : path.slice(0, slash + 1), path.replace(/\/+$/, '').slice(slash + 1)];
  using above = Dir.open(parent);
  const found: Stat | undefined = name === '' ? undefined : above.stat(name);
  if (found === undefined) throw notFound(path);
  const isDirectory = found.isDirectory();
  const dir = Dir.open(isDirectory ? path : parent);
  try {
    const bytes = dir.readFile(isDirectory ? 'superblock' : name, maxVariantBytes);
    if (bytes === undefined) throw notFound(path);
    return deltaIn(dir, path, bytes);
  } catch (error) {
    dir[Symbol.dispose]();
    throw error;
  }
}

function deltaIn(dir: Dir, path: string, bytes: Uint8Array): DeltaFile {
  const superblock = decodeDeltaSuperblock(bytes);
  return {
    path,
    superblock,
    isInline: (index) => inlineDeltaPart(superblock, index) !== undefined,
    readPart: async (index) => {
      const data = inlineDeltaPart(superblock, index);
      if (data !== undefined) return { data };
      if (!dir.exists(`${index}`)) throw notFound(`${path}: part ${index}`);
      return await Promise.resolve({ fd: dir.openFile(`${index}`) });
    },
    [Symbol.dispose]: () => dir[Symbol.dispose](),
  };
}

function notFound(path: string): AtomicError {
  return new AtomicError('NotFound', `No static delta at ${path}`, {
    facts: { path },
    hint: 'Name the directory of the delta, or the file that `ostree static-delta generate --filename` has made.',
  });
}

/**
 * Makes the commit of a delta part of the repo, durably, with nothing from a network; no ref is changed. A commit that is here
 * and complete is left as it is. `MissingObject` if the commit the delta builds on is not here and complete, or objects
 * are left out of it; the errors of {@link applyDelta}; after any of them the repo is as it was.
 */
export async function applyOfflineDelta(
  repo: Repo,
  delta: DeltaFile,
  job: Job,
): Promise<DeltaTotals & { readonly checksum: Checksum }> {
  const { superblock } = delta;
  const checksum = superblock.to;
  requireDeltaMode(repo);
  requireSource(repo, superblock.from);
  requireNoFallbacks(delta);
  const commit = decodeCommit(superblock.commit);
  if (hasObject(repo, 'commit', checksum) && !isPartial(repo, checksum)) {
    return { checksum, parts: 0, writtenObjects: 0, writtenBytes: 0 };
  }
  const staging = await beginStaging(repo, job);
  try {
    const totals = await applyDelta(staging, delta, job);
    await requireComplete(staging, commit, job);
    const detached = detachedDeltaMetadata(superblock);
    staging.markPartial(checksum);
    if (detached !== undefined) staging.writeCommitMeta(checksum, detached);
    staging.writeMetadata('commit', superblock.commit);
    await staging.publish();
    return { checksum, ...totals };
  } catch (error) {
    await staging.abort();
    throw error;
  }
}

function requireSource(repo: Repo, from: Checksum | undefined): void {
  if (from === undefined || (hasObject(repo, 'commit', from) && !isPartial(repo, from))) return;
  throw new AtomicError(
    'MissingObject',
    `Commit ${from}, which is the delta source, is not in repository ${repo.path}, or not complete`,
    { facts: { checksum: from, type: 'commit', path: repo.path }, hint: 'Apply a delta that builds on what is here.' },
  );
}

function requireNoFallbacks({ path, superblock }: DeltaFile): void {
  if (superblock.fallbacks.length === 0) return;
  throw new AtomicError('MissingObject', `Cannot execute delta offline: contains nonempty http fallback entries`, {
    facts: { path, delta: deltaName(superblock), fallbacks: superblock.fallbacks.length },
    hint: 'Generate the delta with --min-fallback-size=0, or pull it from a server.',
  });
}

/** Returns if every object of the commit's tree is here or staged: a delta promises that, and may lie. */
async function requireComplete(staging: Staging, commit: Commit, job: Job): Promise<void> {
  const breathe = createBreather(job);
  const seen = new Set<Checksum>([commit.rootTree]);
  const waiting: Checksum[] = [commit.rootTree];
  const requireMeta = (meta: Checksum): void => {
    if (!seen.has(meta)) decodeDirMeta(readHere(staging, 'dirmeta', meta));
    seen.add(meta);
  };
  requireMeta(commit.rootMeta);
  for (let tree = waiting.pop(); tree !== undefined; tree = waiting.pop()) {
    await breathe();
    const { files, directories } = decodeDirTree(readHere(staging, 'dirtree', tree));
    for (const { checksum } of files) {
      if (!staging.hasObject('file', checksum)) throw missingObject(staging.repo, { type: 'file', checksum });
    }
    for (const directory of directories) {
      requireMeta(directory.meta);
      if (seen.has(directory.tree)) continue;
      seen.add(directory.tree);
      waiting.push(directory.tree);
    }
  }
}

/** A dirtree or dirmeta, staged or in the repo, checked. */
function readHere(staging: Staging, type: 'dirtree' | 'dirmeta', checksum: Checksum): Uint8Array {
  const staged = staging.dir.readFile(objectPathIn(staging.repo, checksum, type), maxMetadataObjectBytes);
  if (staged !== undefined && metadataChecksum(staged) === checksum) return staged;
  return loadMetadata(staging.repo, type, checksum);
}
