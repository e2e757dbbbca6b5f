import { AtomicError, isAtomicError } from '../base/index.ts';
import { lockFile, readBootId, systemClock } from '../platform/index.ts';
import type { Repo } from './repo.ts';

/** Staging directories are `tmp/staging-BOOTID-RANDOM6`; the boot id tells which survived a crash of the machine. */
export const stagingPrefix = 'staging-';

/**
 * Removes what nobody needs in `tmp`: stagings of other boots (their objects may never have reached the disk), stagings of
 * this boot that are unused and older than `core.tmp-expiry-secs`, and every other thing that old. Leaves `cache` and what
 * somebody holds. OSTree repository format: transactions.
 */
export async function cleanTmp(repo: Repo): Promise<void> {
  if (!repo.dir.exists('tmp')) return;
  const current = `${stagingPrefix}${readBootId()}-`;
  const expiredNs = tmpExpiryNs(repo);
  for (const { name, type } of repo.dir.list('tmp')) {
    if (name === 'cache') continue;
    const stat = repo.dir.stat(`tmp/${name}`);
    if (stat === undefined) continue;
    const isStaging = type === 'directory' && name.startsWith(stagingPrefix);
    const expired = stat.mtimeNs <= expiredNs;
    if (isStaging && (expired || !name.startsWith(current))) await removeStaging(repo, name);
    else if (!isStaging && expired) await repo.dir.removeTree(`tmp/${name}`);
  }
}

/** What was last changed before this moment, in nanoseconds, has expired. */
export function tmpExpiryNs(repo: Repo): bigint {
  return BigInt(systemClock.now().getTime() - repo.settings.tmpExpirySeconds * 1000) * 1_000_000n;
}

/** The directories of stagings, in use or left for the next one. */
export function listStagings(repo: Repo): readonly string[] {
  if (!repo.dir.exists('tmp')) return [];
  return repo.dir
    .list('tmp')
    .flatMap(({ name, type }) => (type === 'directory' && name.startsWith(stagingPrefix) ? [`tmp/${name}`] : []));
}

async function removeStaging(repo: Repo, name: string): Promise<void> {
  const lock = await tryLockStaging(repo, name);
  if (lock === undefined) return;
  try {
    await repo.dir.removeTree(`tmp/${name}`);
  } finally {
    lock[Symbol.dispose]();
  }
}

/** The lock of a staging directory, if nobody else holds it. */
export async function tryLockStaging(repo: Repo, name: string): Promise<Disposable | undefined> {
  try {
    return await lockFile(repo.dir, `tmp/${name}-lock`, {
      exclusive: true,
      timeoutMs: 0,
      deleteOnRelease: true,
      busy: () => new AtomicError('RepoLocked', `The staging ${repo.path}/tmp/${name} is in use`),
    });
  } catch (error) {
    if (isAtomicError(error, 'RepoLocked')) return undefined;
    throw error;
  }
}
