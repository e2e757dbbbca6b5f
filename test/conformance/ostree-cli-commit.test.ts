/** What `ostree commit` can put together and say: both programs on equal repositories. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectSame, makeRepoPair, runBoth, type RepoPair } from '../support/both-ostrees.ts';
import { ostree } from '../support/real-ostree.ts';
import { tryOurOstree } from '../support/run-ostree.ts';

const when = '--timestamp=@1700000000';

async function commitBoth(pair: RepoPair, ...options: readonly string[]): Promise<void> {
  const runs = await runBoth(pair, ['commit', '--repo=REPO', '--branch=made', '--parent=none', when, ...options]);
  expectSame(runs);
  if (runs.real.status === 0) ostree(`--repo=${pair.ours}`, 'fsck', '-q');
}

it.each([
  [['--tree=ref=main']],
  [['--tree=ref=main^', '--tree=dir=WORK/two']],
  [['--tree=dir=WORK/one', '--tree=dir=WORK/two']],
  [['--base=main', 'WORK/one']],
  [['--tree=dir=WORK/one', '--add-metadata=a=uint64 42']],
  [['--tree=dir=WORK/one', '--add-metadata=a=[("x", byte 1), ("y", 2)]']],
  [['--tree=dir=WORK/one', `--add-metadata=a={'k': <@as []>, "l": <b'raw\\001'>}`]],
  [['--tree=dir=WORK/one', '--add-detached-metadata-string=SIGNATURE=HANCOCK']],
  [['--tree=nothing']],
  [['--tree=bad=x']],
])('makes the same commit of %j', async (options) => {
  expect.hasAssertions();
  const pair = makeRepoPair({ seed: 21, entries: 20 });
  // A path in the way of the same kind of thing in the other tree is another case.
  for (const tree of ['one', 'two']) execFileSync('rm', ['-rf', join(pair.work, tree)]);
  for (const [tree, text] of [
    ['one', 'first'],
    ['two', 'second'],
  ] as const) {
    mkdirSync(join(pair.work, tree, 'both/deep'), { recursive: true });
    writeFileSync(join(pair.work, tree, 'both/file'), text);
    writeFileSync(join(pair.work, tree, `both/deep/${tree}`), text);
  }
  await commitBoth(pair, ...options);
});

it('takes permissions and left-out paths from files', async () => {
  const pair = makeRepoPair({ seed: 22, entries: 5 });
  const tree = join(pair.work, 'tree');
  mkdirSync(join(tree, 'sub/gone'), { recursive: true });
  for (const name of ['plain', 'sub/tool', 'sub/gone/file', 'left']) writeFileSync(join(tree, name), name);
  writeFileSync(join(pair.work, 'modes'), '=384 /plain\n+2048 /sub/tool\n');
  writeFileSync(join(pair.work, 'skips'), '/sub/gone\n/left\n');
  const files = ['--statoverride=WORK/modes', '--skip-list=WORK/skips', 'WORK/tree'];
  await commitBoth(pair, ...files);
  const listed = await runBoth(pair, ['ls', '--repo=REPO', '-R', 'made']);
  expectSame(listed);
  expect(listed.ours.stdout).not.toContain('gone');
});

it('flags a commit with a kernel as bootable, and refuses one without', async () => {
  const pair = makeRepoPair({ seed: 23, entries: 5 });
  const modules = join(pair.work, 'boot/usr/lib/modules/6.1.0');
  mkdirSync(modules, { recursive: true });
  writeFileSync(join(modules, 'vmlinuz'), 'kernel');
  await runBoth(pair, ['commit', '--repo=REPO', '--branch=made', '--bootable', 'WORK/boot']);
  for (const key of ['ostree.bootable', 'ostree.linux']) {
    expectSame(await runBoth(pair, ['show', '--repo=REPO', `--print-metadata-key=${key}`, 'made']));
  }
  const refused = await runBoth(pair, ['commit', '--repo=REPO', '--branch=x', '--bootable', '--tree=ref=main']);
  expectSame(refused, { anyText: true });
  expect(refused.ours.stderr).toMatch(/error: .*No such file or directory/);
});

it('removes what it was told to consume', async () => {
  const pair = makeRepoPair({ seed: 24, entries: 5 });
  execFileSync('cp', ['-a', join(pair.work, 'one'), join(pair.work, 'eaten')]);
  const argv = ['commit', `--repo=${pair.ours}`, '--branch=made', '--consume', `--tree=dir=${pair.work}/eaten`];
  expect((await tryOurOstree(argv)).status).toBe(0);
  expect(existsSync(join(pair.work, 'eaten'))).toBe(false);
  ostree(`--repo=${pair.ours}`, 'diff', 'made', join(pair.work, 'one'));
});
