/** Repositories of modes for users without privileges, made by ours and read by the original. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeOsTree } from '../support/make-os-tree.ts';
import { ostree } from '../support/real-ostree.ts';
import { ourOstree, tryOurOstree } from '../support/run-ostree.ts';
import { makeTempDir } from '../support/temp-dir.ts';

it.each(['bare-user', 'bare-user-only', 'archive'])('commits to, checks and checks out of mode %s', async (mode) => {
  const work = makeTempDir('atomic-modes-');
  const tree = join(work, 'tree');
  mkdirSync(tree);
  makeOsTree(tree, { version: '1', kernel: 'kernel\n' });
  const commit = ['commit', '--branch=main', '--timestamp=@1700000000', `--tree=dir=${tree}`];
  ostree(`--repo=${work}/real`, 'init', `--mode=${mode}`);
  await ourOstree(`--repo=${work}/ours`, 'init', `--mode=${mode}`);
  const expected = ostree(`--repo=${work}/real`, ...commit);
  expect(await ourOstree(`--repo=${work}/ours`, ...commit)).toBe(expected);
  for (const repo of ['real', 'ours']) {
    expect(ostree(`--repo=${work}/${repo}`, 'fsck', '-q')).toContain('no errors found');
    expect(await ourOstree(`--repo=${work}/${repo}`, 'fsck', '-q')).toContain('no errors found');
    await ourOstree(`--repo=${work}/${repo}`, 'checkout', '-U', 'main', `${work}/out-${repo}`);
    const listed = ostree(`--repo=${work}/real`, 'ls', '-R', 'main');
    expect(await ourOstree(`--repo=${work}/${repo}`, 'ls', '-R', 'main')).toBe(listed);
  }
});

it('takes the time of a commit from SOURCE_DATE_EPOCH', async () => {
  const work = makeTempDir('atomic-epoch-');
  const repo = `--repo=${work}/repo`;
  await ourOstree(repo, 'init');
  mkdirSync(join(work, 'tree'));
  writeFileSync(join(work, 'tree/file'), 'x');
  const commit = [repo, 'commit', '--branch=main', join(work, 'tree')];
  await tryOurOstree(commit, { env: { SOURCE_DATE_EPOCH: '1234567890' } });
  expect(await ourOstree(repo, 'show', 'main')).toContain('Date:  2009-02-13 23:31:30 +0000');
  for (const text of ['soon', '12345678901234567890']) {
    const refused = await tryOurOstree(commit, { env: { SOURCE_DATE_EPOCH: text } });
    expect(refused).toMatchObject({ status: 1 });
    expect(refused.stderr).toContain('SOURCE_DATE_EPOCH');
  }
});
