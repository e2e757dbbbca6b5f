/** Smaller commands and options: both programs on equal repositories and sysroots. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { errorLine, expectSame, makeRepoPair, runBoth } from '../support/both-ostrees.ts';
import { mountLoopImage } from '../support/loop-image.ts';
import { makeOsTree } from '../support/make-os-tree.ts';
import { ostree, tryOstree } from '../support/real-ostree.ts';
import { ourOstree, tryOurOstree } from '../support/run-ostree.ts';

it.each([
  ['refs', '--repo=REPO', 'origin:.'],
  ['rev-parse', '--repo=REPO', 'origin/remote/x'],
  ['--repo=REPO', '--print-metadata-key=version', 'show', 'main'],
  ['refs', '--repo=REPO', '-A', 'main', '--create=origin:aliased'],
  ['init', '--repo=REPO-new', '--collection-id=nonsense'],
  ['checkout', '--repo=REPO', '-U', '-H', 'main', 'WORK/never'],
])('answers %s as the original does', async (...argv) => {
  expect.hasAssertions();
  expectSame(await runBoth(makeRepoPair({ seed: 31, entries: 5 }), argv), { sorted: true });
});

it('deletes one commit that no ref names', async () => {
  const pair = makeRepoPair({ seed: 32, entries: 5 });
  const old = ostree(`--repo=${pair.real}`, 'rev-parse', 'main^').trim();
  for (const repo of [pair.real, pair.ours]) ostree(`--repo=${repo}`, 'refs', '--delete', 'origin:main');
  expectSame(await runBoth(pair, ['prune', '--repo=REPO', `--delete-commit=${old}`]));
  expect((await tryOurOstree([`--repo=${pair.ours}`, 'show', old])).status).toBe(1);
});

it('keeps the summary up to date where the repository asks for it', async () => {
  const pair = makeRepoPair({ seed: 33, entries: 5 });
  const repo = `--repo=${pair.ours}`;
  await ourOstree(repo, 'config', 'set', 'core.auto-update-summary', 'true');
  await ourOstree(repo, 'refs', '--create=made', 'main');
  expect(ostree(repo, 'summary', '-v')).toContain('* made');
  await ourOstree(repo, 'refs', '--delete', 'made');
  expect(ostree(repo, 'summary', '-v')).not.toContain('* made');
});

it('adds metadata to the summary', async () => {
  const pair = makeRepoPair({ seed: 34, entries: 5 });
  await ourOstree(`--repo=${pair.ours}`, 'summary', '-u', '--add-metadata=map=@a{sv} {}', '-m', 'some-int=@t 123');
  const told = ostree(`--repo=${pair.ours}`, 'summary', '-v');
  expect(told).toContain('map: {}');
  expect(await ourOstree(`--repo=${pair.ours}`, 'summary', '-v')).toContain('map: {}');
});

it('refuses to change the files of a commit it lays in', async () => {
  const pair = makeRepoPair({ seed: 35, entries: 5 });
  const commit = [`--repo=${pair.ours}`, 'commit', '--branch=x', '--tree=ref=main'];
  for (const option of ['--owner-uid=5', '--no-xattrs', '--canonical-permissions']) {
    expect(errorLine(await tryOurOstree([...commit, option]))).toContain('not built yet');
  }
});

it('switches a sysroot to another ref, and says where it lies', async () => {
  const work = mountLoopImage();
  const lines: string[][] = [];
  for (const [name, run] of [
    ['left', (...words: string[]) => Promise.resolve(tryOstree(...words))],
    ['right', (...words: string[]) => tryOurOstree(words)],
  ] as const) {
    const sysroot = join(work, name);
    mkdirSync(sysroot);
    const made = await run('admin', 'init-fs', '--modern', sysroot);
    expect({ status: made.status, entries: readdirSync(sysroot).toSorted() }).toEqual({
      status: 0,
      entries: ['boot', 'ostree'],
    });
    const tree = join(work, `tree-${name}`);
    mkdirSync(tree);
    makeOsTree(tree, { version: '1', kernel: 'kernel\n' });
    const repo = `--repo=${sysroot}/ostree/repo`;
    for (const ref of ['one', 'two'])
      ostree(repo, 'commit', `--branch=${ref}`, '--timestamp=@1000', `--tree=dir=${tree}`);
    ostree('admin', `--sysroot=${sysroot}`, 'os-init', 'os');
    await run('admin', `--sysroot=${sysroot}`, 'deploy', '--os=os', 'one');
    const same = await run('admin', `--sysroot=${sysroot}`, 'switch', '--os=os', 'one');
    const current = await run('admin', `--sysroot=${sysroot}`, '--print-current-dir');
    lines.push([errorLine(same), current.stdout.replaceAll(sysroot, 'SYSROOT')]);
  }
  expect(lines[1]).toEqual(lines[0]);
  const admin = ['admin', `--sysroot=${work}/right`] as const;
  expect(await tryOurOstree([...admin, 'switch', '--os=os', 'two'])).toMatchObject({ status: 0 });
  expect(readFileSync(`${work}/right/boot/loader/entries/ostree-2-os.conf`, 'utf8')).toContain('ostree=');
  expect(ostree(...admin, 'status')).toContain('origin refspec: two');
});

it('pulls an older commit of a ref, from another place than the configured one', async () => {
  const pair = makeRepoPair({ seed: 36, entries: 5 });
  const old = ostree(`--repo=${pair.real}`, 'rev-parse', 'main^').trim();
  const server = `file://${pair.real}`;
  for (const [name, run] of [
    ['left', (...words: string[]) => Promise.resolve(tryOstree(...words))],
    ['right', (...words: string[]) => tryOurOstree(words)],
  ] as const) {
    const repo = `--repo=${join(pair.work, name)}`;
    ostree(repo, 'init');
    ostree(repo, 'remote', 'add', '--no-gpg-verify', 'from', 'http://127.0.0.1:9/nobody');
    expect(await run('pull', repo, `--url=${server}`, 'from', `main@${old}`)).toMatchObject({ status: 0 });
    expect(ostree(repo, 'rev-parse', 'from:main').trim()).toBe(old);
    expect(await run('pull', repo, `--url=${server}`, 'from', 'main@short')).toMatchObject({ status: 1 });
  }
});
