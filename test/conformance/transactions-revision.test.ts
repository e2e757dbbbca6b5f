import { describe, expect, it } from 'vitest';

import { type Checksum, createJob, type JobEvent } from '../../src/base/index.ts';
import { openRepo, type Repo } from '../../src/repo/index.ts';
import { findRevision } from '../../src/transactions/candidate.ts';
import { parseRevision } from '../../src/transactions/revision.ts';
import { makeReleases, type Releases } from '../support/make-releases.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const source = { kind: 'branch', refspec: 'vendor/stable', remote: undefined, ref: 'vendor/stable' } as const;

function find(repo: Repo, revision: string, skipBranchCheck = false): Promise<Checksum> {
  return findRevision(
    repo,
    { source, remote: undefined, revision: parseRevision(revision), skipBranchCheck },
    createJob(),
  );
}

function makeHistory(count: number): { releases: Releases; commits: Checksum[] } {
  const releases = makeReleases(makeTempDir());
  const commits = Array.from({ length: count }, (_, index) => releases.add({ version: `1.${index}` }));
  return { releases, commits };
}

describe('a revision on a local branch', () => {
  it('is found by version and by checksum anywhere in the history', async () => {
    const { releases, commits } = makeHistory(4);
    using repo = openRepo(releases.repoPath);
    for (const [index, checksum] of commits.entries()) {
      expect(await find(repo, `1.${index}`)).toBe(checksum);
      expect(await find(repo, checksum)).toBe(checksum);
    }
  });

  it('is the newest commit of that version', async () => {
    const { releases } = makeHistory(2);
    const again = releases.add({ version: '1.0', files: { 'usr/again': 'x' } });
    using repo = openRepo(releases.repoPath);
    expect(await find(repo, 'version=1.0')).toBe(again);
  });

  it('is refused when the branch does not have it', async () => {
    const { releases } = makeHistory(2);
    const elsewhere = releases.add({ version: '9', ref: 'vendor/other' });
    using repo = openRepo(releases.repoPath);
    await expect(find(repo, '9')).rejects.toMatchObject({
      code: 'NotFound',
      message: 'Version 9 not found in vendor/stable',
    });
    await expect(find(repo, elsewhere)).rejects.toMatchObject({
      code: 'NotFound',
      message: `Checksum ${elsewhere} not found in vendor/stable`,
    });
    expect(await find(repo, elsewhere, true)).toBe(elsewhere);
  });

  it('cannot be a version while the origin is pinned to a commit', async () => {
    const { releases, commits } = makeHistory(1);
    using repo = openRepo(releases.repoPath);
    const pinned = { kind: 'pinned', message: '' } as const;
    const search = { source: pinned, remote: undefined, skipBranchCheck: false };
    const byVersion = findRevision(repo, { ...search, revision: parseRevision('1.0') }, createJob());
    await expect(byVersion).rejects.toThrow('Cannot look up version while pinned to commit');
    const byChecksum = findRevision(repo, { ...search, revision: parseRevision(commits[0] ?? '') }, createJob());
    expect(await byChecksum).toBe(commits[0]);
  });

  it('is announced before it is searched', async () => {
    const { releases, commits } = makeHistory(1);
    using repo = openRepo(releases.repoPath);
    const heard: JobEvent[] = [];
    const job = createJob({ report: (event) => heard.push(event) });
    for (const text of ['1.0', commits[0] ?? '']) {
      await findRevision(
        repo,
        { source, remote: undefined, revision: parseRevision(text), skipBranchCheck: false },
        job,
      );
    }
    expect(heard).toEqual([
      { kind: 'note', text: "Resolving version '1.0'" },
      { kind: 'note', text: `Validating checksum '${commits[0]}'` },
    ]);
  });
});
