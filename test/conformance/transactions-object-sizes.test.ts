import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { createJob } from '../../src/base/index.ts';
import { commitObjectSizes } from '../../src/format/index.ts';
import { initRepo, loadCommit, openRepo } from '../../src/repo/index.ts';
import { estimateMissing } from '../../src/transactions/missing.ts';
import { makeReleases } from '../support/make-releases.ts';
import { ostree } from '../support/real-ostree.ts';
import { makeTempDir } from '../support/temp-dir.ts';

describe('the sizes that the real ostree records', () => {
  it('say what a repo lacks of a commit, and nothing once it is there', async () => {
    const directory = makeTempDir();
    const releases = makeReleases(directory);
    const big = new Uint8Array(100_000).fill(7);
    const first = releases.add({ version: '1' });
    const second = releases.add({ version: '2', files: { 'usr/share/big': big }, extraArgs: ['--generate-sizes'] });
    using source = openRepo(releases.repoPath);
    const commit = loadCommit(source, second);
    expect(commitObjectSizes(commit)?.some(({ unpackedBytes }) => unpackedBytes === big.length)).toBe(true);
    expect(await estimateMissing(source, commit, createJob())).toEqual({
      objects: 0,
      downloadBytes: 0,
      storedBytes: 0,
    });
    using target = initRepo(join(directory, 'target'), { mode: 'bare' });
    const nothingHere = await estimateMissing(target, commit, createJob());
    ostree(`--repo=${target.path}`, 'pull-local', releases.repoPath, first);
    const oneHere = await estimateMissing(target, commit, createJob());
    expect(nothingHere?.storedBytes).toBeGreaterThan(big.length);
    expect(oneHere?.objects).toBeGreaterThan(0);
    expect(oneHere?.objects).toBeLessThan(nothingHere?.objects ?? 0);
    expect(oneHere?.downloadBytes).toBeLessThan(nothingHere?.downloadBytes ?? 0);
  });
});
