import { AtomicError } from '../base/index.ts';
import { sys } from '../platform/index.ts';
import type { Repo } from './repo.ts';

/**
 * How many bytes of file content may still be written before the reserve of the repo (`core.min-free-space-percent`, 3 by
 * default, or `core.min-free-space-size`) is touched; negative when it already is. Root may use every free block, others
 * only those the file system does not keep for root.
 */
export function freeSpaceBudget(repo: Repo): bigint {
  const { blocks, freeBlocks, availableBlocks, blockSize } = sys.statfs(repo.dir.fd);
  const free = BigInt(process.getuid?.() === 0 ? freeBlocks : availableBlocks) * BigInt(blockSize);
  const { reserve } = repo.settings;
  const reserved =
    'bytes' in reserve ? reserve.bytes : (BigInt(blocks) * BigInt(blockSize) * BigInt(reserve.percent)) / 100n;
  return free - reserved;
}

/** Throws `NoSpace` unless `neededBytes` of file content can be written without touching the reserve of the repo. */
export function requireFreeSpace(repo: Repo, neededBytes: bigint): void {
  const budget = freeSpaceBudget(repo);
  if (neededBytes > 0n && neededBytes > budget) throw noSpace(repo, budget, `${neededBytes} bytes are needed`);
}

/** The refusal to write content that would touch the reserve; `needed` is a clause that says how much it would be. */
export function noSpace(repo: Repo, budget: bigint, needed: string): AtomicError {
  const { reserve } = repo.settings;
  const key = 'bytes' in reserve ? 'min-free-space-size' : 'min-free-space-percent';
  const value = 'bytes' in reserve ? `${reserve.bytes >> 20n}MB` : `${reserve.percent}`;
  const left = budget < 0n ? 0n : budget;
  return new AtomicError(
    'NoSpace',
    `Not enough space for repo ${repo.path}: ${needed}, ${left} are left above the reserve (${key}=${value})`,
    {
      facts: { path: repo.path, budgetBytes: Number(left), reserve: `${key}=${value}` },
      hint: `Free some space (for example \`ostree prune --repo=${repo.path} --refs-only\`), or lower core.${key} in ${repo.path}/config.`,
    },
  );
}
