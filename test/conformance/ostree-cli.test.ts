/** The name `ostree`: the same command lines given to the real program and to ours, on equal repositories. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { errorLine, expectSame, makeRepoPair, runBoth, type RepoPair } from '../support/both-ostrees.ts';
import { describeTree } from '../support/describe-tree.ts';
import { listObjectPaths } from '../support/make-source.ts';
import { makeRandomTree } from '../support/random-tree.ts';
import { ostree, tryOstree } from '../support/real-ostree.ts';
import { ourOstree, tryOurOstree } from '../support/run-ostree.ts';

const zeros = '0'.repeat(64);

/** Runs command lines (words split at blanks, `REPO` put in) one after the other and compares each. */
async function compareAll(
  pair: RepoPair,
  lines: readonly string[],
  how: { sorted?: boolean; anyText?: boolean } = {},
): Promise<void> {
  for (const line of lines) expectSame(await runBoth(pair, ['--repo=REPO', ...line.split(' ')]), how);
}

/** Paths of the regular files below `root`, from there. */
function regularFiles(root: string, below = ''): string[] {
  return readdirSync(join(root, below)).flatMap((name) => {
    const path = `${below}/${name}`;
    const stat = lstatSync(join(root, path));
    return stat.isDirectory() ? regularFiles(root, path) : stat.isFile() ? [path] : [];
  });
}

describe('refs and revisions', () => {
  it('lists refs as the real one does', async () => {
    expect.hasAssertions();
    const pair = makeRepoPair({ seed: 100 });
    await compareAll(
      pair,
      [
        'refs',
        'refs --list',
        'refs other',
        'refs --list other',
        'refs main',
        'refs --list main',
        'refs other/branch',
        'refs nope',
        'refs oth',
        'refs origin',
        'refs origin:',
        'refs origin:main',
        'refs origin:remote',
        'refs --list origin:remote',
        'refs main other',
        'refs --list main other',
      ],
      { sorted: true },
    );
    expectSame(await runBoth(pair, ['refs', 'other/', '--repo=REPO']), { anyText: true });
  });

  it('creates, moves, aliases and deletes refs', async () => {
    const pair = makeRepoPair({ seed: 101 });
    await compareAll(
      pair,
      [
        'refs --create=new',
        'refs --create=new nope',
        'refs --create=new main',
        'refs --create=new main',
        'refs --create=new other/branch',
        'refs --create=new --force other/branch',
        'rev-parse new',
        'refs --create=new2 main other',
        'refs --create=r:x main^',
        'rev-parse r:x',
        'refs --alias --create=al main',
        'refs --alias --create=al other/branch',
        'refs --alias --create=deep/er/alias other/branch',
        'refs --alias --create=lost nope',
        'refs --alias',
        'refs -A nope',
        'rev-parse al deep/er/alias',
        'refs',
        'refs --delete main',
        'refs --delete al',
        'refs --delete main',
        'refs --delete nope',
        'refs --delete',
        'refs --delete r:x',
        'refs --delete deep',
        'refs',
      ],
      { sorted: true },
    );
    await compareAll(pair, ['refs --create=new/below other/two', 'refs --create=other other/two'], { anyText: true });
    expectSame(await runBoth(pair, ['refs', '--create=bad name', 'other/two', '--repo=REPO']));
    await ourOstree(`--repo=${pair.real}`, 'refs', '--alias', '--create=ours/al', 'other/two');
    expect(ostree(`--repo=${pair.real}`, 'refs', '--alias')).toContain('ours/al -> other/two\n');
  });

  it('resolves revisions', async () => {
    const pair = makeRepoPair({ seed: 102 });
    const digits = ostree(`--repo=${pair.real}`, 'rev-parse', 'main').slice(0, 12);
    await compareAll(pair, [
      'rev-parse main',
      'rev-parse main^',
      'rev-parse main^^',
      'rev-parse main^^^',
      'rev-parse nope',
      'rev-parse nope^',
      'rev-parse origin:remote/x',
      'rev-parse remote/x',
      'rev-parse origin:nope',
      'rev-parse main other/branch',
      `rev-parse ${digits}`,
      `rev-parse ${digits}^`,
      `rev-parse ${digits.toUpperCase()}`,
      `rev-parse ${zeros}`,
      'rev-parse --single',
      'rev-parse',
      'reset main main^',
      'rev-parse main',
      'reset nope main',
      'reset main nope',
    ]);
    await compareAll(pair, [`rev-parse ${zeros}^`, 'rev-parse other', 'reset main'], { anyText: true });
    const single = join(pair.work, 'single');
    ostree(`--repo=${single}`, 'init', '--mode=bare');
    ostree(`--repo=${single}`, 'pull-local', pair.real, 'main');
    expect(await ourOstree(`--repo=${single}`, 'rev-parse', '--single')).toBe(
      ostree(`--repo=${single}`, 'rev-parse', '--single'),
    );
  });
});

describe('reading commits', () => {
  it.each([
    [110, 'bare'],
    [111, 'archive'],
  ] as const)('lists random tree %i in a repository of mode %s', async (seed, mode) => {
    expect.hasAssertions();
    const pair = makeRepoPair({ seed, mode, entries: 120 });
    await compareAll(pair, [
      'ls main',
      'ls -R main',
      'ls -RC main',
      'ls -RX main',
      'ls -R -C -X main^',
      'ls -d main',
      'ls -d main /d0',
      'ls -dR main /d0/d1',
      'ls main d0 /d0/d1 /',
      'ls -R --nul-filenames-only main',
      'ls --nul-filenames-only main /d0',
      'ls -C remote/x',
      'ls main /nope',
      'ls main /d0 /nope',
      'ls main ..',
      'ls nope',
    ]);
    expectSame(await runBoth(pair, ['ls', '--repo=REPO', 'main', '']));
    await compareAll(pair, ['ls', 'ls main /d0/nope/x'], { anyText: true });
  });

  it('writes the content of files', async () => {
    const pair = makeRepoPair({ seed: 112 });
    const files = regularFiles(join(pair.work, 'two'));
    expect(files.length).toBeGreaterThan(10);
    expectSame(await runBoth(pair, ['cat', '--repo=REPO', 'main', ...files]));
    await compareAll(pair, ['cat main /d0', 'cat main /nope', 'cat nope /x']);
    await compareAll(pair, ['cat main', 'cat'], { anyText: true });
  });

  it('prints commits, their history and their metadata', async () => {
    expect.hasAssertions();
    const pair = makeRepoPair({ seed: 113 });
    const keys =
      'version quotes number negative long short list none dictionary bytes nothing text yes pair single'.split(' ');
    await compareAll(pair, [
      ...['main', 'main^', 'other/branch', 'other/two'].flatMap((rev) => [
        `log ${rev}`,
        `log --raw ${rev}`,
        `show ${rev}`,
        `show --raw ${rev}`,
      ]),
      ...keys.map((key) => `show --print-metadata-key=${key} main`),
      'show --print-metadata-key=ostree.ref-binding main',
      'show --print-metadata-key=nope main',
      'show --print-detached-metadata-key=nope main',
      'log nope',
      'show nope',
      'show main^^',
    ]);
    await compareAll(pair, [`log ${zeros}`, `show ${zeros}`, 'log', 'show'], { anyText: true });
    const [root = '', meta = ''] = ostree(`--repo=${pair.real}`, 'ls', '-dC', 'main').match(/[0-9a-f]{64}/g) ?? [];
    await compareAll(pair, [`show ${root}`, `show ${meta}`]);
    const regular = ostree(`--repo=${pair.real}`, 'ls', '-RC', 'main')
      .split('\n')
      .find((row) => row.startsWith('-'));
    await compareAll(pair, [`show ${/[0-9a-f]{64}/.exec(regular ?? '')?.[0] ?? ''}`]);
    await runBoth(pair, ['--repo=REPO', 'reset', 'main', 'main^']);
    for (const repo of [pair.real, pair.ours]) {
      const parent = ostree(`--repo=${repo}`, 'rev-parse', 'other/branch').trim();
      rmSync(join(repo, 'objects', parent.slice(0, 2), `${parent.slice(2)}.commit`));
      const tree = `--tree=dir=${join(pair.work, 'one')}`;
      ostree(`--repo=${repo}`, 'commit', '-b', 'cut', `--parent=${parent}`, tree, '--timestamp=@5');
    }
    await compareAll(pair, ['log cut']);
  });

  it('tells what one commit changed', async () => {
    const pair = makeRepoPair({ seed: 114, entries: 100 });
    await compareAll(pair, [
      'diff main',
      'diff main^ main',
      'diff main main^',
      'diff main other/two',
      'diff other/branch',
      'diff nope main',
    ]);
    expect(errorLine(await tryOurOstree([`--repo=${pair.ours}`, 'diff', 'main', '/tmp']))).toContain('not built yet');
  });
});

describe('settings', () => {
  it('reads and edits the config', async () => {
    const pair = makeRepoPair({ seed: 120, entries: 3 });
    const edits = [
      ['config', 'get', 'core.mode'],
      ['config', 'set', 'core.x', 'y z'],
      ['config', 'get', 'core.x'],
      ['config', 'set', 'core.tricky', ' lead\\back'],
      ['config', 'get', 'core.tricky'],
      ['config', 'set', '--group=remote "c.d"', 'url', 'http://y'],
      ['config', 'get', '--group=remote "c.d"', 'url'],
      ['config', 'unset', 'core.x'],
      ['config', 'unset', 'core.x'],
      ['config', 'unset', 'nogroup.x'],
      ['config', 'get', 'core.x'],
      ['config', 'get', 'nope.x'],
      ['config', 'get', 'mode'],
      ['config', 'get'],
      ['config', 'set', 'core.x'],
      ['config', 'get', '--group=core'],
      ['config', 'frob', 'core.mode'],
    ];
    for (const words of edits) expectSame(await runBoth(pair, ['--repo=REPO', ...words]));
    expectSame(await runBoth(pair, ['--repo=REPO', 'config', 'get', 'core.mode', 'more']), { anyText: true });
    expect(readFileSync(join(pair.ours, 'config'), 'utf8')).toBe(readFileSync(join(pair.real, 'config'), 'utf8'));
  });

  it('adds, lists and deletes remotes', async () => {
    const pair = makeRepoPair({ seed: 121, entries: 3 });
    await compareAll(pair, [
      'remote list',
      'remote list -u',
      'remote add b http://b.example/',
      'remote add --no-gpg-verify longname http://l.example/repo main other',
      'remote add --set=xa=1 --set=xb=2=3 c http://c',
      'remote add --set=xa d http://d',
      'remote add --no-sign-verify e http://e',
      'remote add --contenturl=http://content f http://f',
      'remote add g mirrorlist=http://g',
      'remote add --if-not-exists b http://changed',
      'remote add --force c http://new',
      'remote add --collection-id=org.example.x h http://h',
      'remote list',
      'remote list --show-urls',
      'remote --repo=REPO list',
      'remote show-url b',
      'remote show-url g',
      'remote show-url nope',
      'remote refs nope',
      'remote delete nope',
      'remote delete --if-exists nope',
      'remote delete b',
      'remote delete b',
      'remote list -u',
    ]);
    await compareAll(
      pair,
      [
        'remote add c http://again',
        'remote add a/b http://x',
        'remote add x',
        'remote frob',
        'remote',
        'remote delete',
      ],
      { anyText: true },
    );
    expect(readFileSync(join(pair.ours, 'config'), 'utf8')).toBe(readFileSync(join(pair.real, 'config'), 'utf8'));
  });
});

describe('upkeep', () => {
  it('prunes the same objects and counts them alike', async () => {
    const pair = makeRepoPair({ seed: 130 });
    await compareAll(pair, [
      'prune',
      'prune --no-prune --refs-only --depth=0',
      'refs --delete origin:main',
      'refs --delete other/branch',
      'prune --no-prune --refs-only',
      'prune --no-prune --refs-only --depth=0',
      'prune --refs-only --depth=0',
      'refs --delete origin:remote/x',
      'refs --delete main',
      'prune',
      'prune --depth=-2',
      'prune --refs-only',
      'prune --refs-only',
    ]);
    expect(listObjectPaths(pair.ours)).toEqual(listObjectPaths(pair.real));
    await compareAll(pair, ['prune --depth=x'], { anyText: true });
  });

  const damages: readonly (readonly [what: string, suffix: string, damage: (path: string) => void])[] = [
    ['a changed file', '.file', (path) => writeFileSync(path, 'something else\n')],
    ['a missing file', '.file', (path) => rmSync(path)],
    ['a longer dirtree', '.dirtree', (path) => appendFileSync(path, 'xx')],
    ['a missing dirtree', '.dirtree', (path) => rmSync(path)],
    ['a changed dirmeta', '.dirmeta', (path) => appendFileSync(path, 'xx')],
    ['a changed commit', '.commit', (path) => appendFileSync(path, 'xx')],
    ['a missing commit', '.commit', (path) => rmSync(path)],
  ];

  it.each(damages)('finds %s', async (what, suffix, damage) => {
    const pair = makeRepoPair({ seed: 131, entries: 20 });
    const sound = await runBoth(pair, ['--repo=REPO', 'fsck']);
    expect(sound.ours.status).toBe(0);
    expect(sound.ours.stdout.split('\n').slice(-2)).toEqual(sound.real.stdout.split('\n').slice(-2));
    const steps = (text: string): string[] => text.split('\n').filter((line) => !line.startsWith('fsck objects'));
    expect(steps(sound.ours.stdout)).toEqual(steps(sound.real.stdout));
    // Of the commit objects, one that a ref names: others may be missing.
    const named = ostree(`--repo=${pair.real}`, 'rev-parse', 'other/two').trim();
    const object =
      suffix === '.commit'
        ? `${named.slice(0, 2)}/${named.slice(2)}.commit`
        : listObjectPaths(pair.real).find(
            (path) => path.endsWith(suffix) && lstatSync(join(pair.real, 'objects', path)).isFile(),
          );
    for (const repo of [pair.real, pair.ours]) damage(join(repo, 'objects', object ?? ''));
    for (const options of [[], ['-q'], ['--all'], ['--delete'], ['-q']]) {
      const { real, ours } = await runBoth(pair, ['--repo=REPO', 'fsck', ...options]);
      expect(ours.status, `${options.join(' ')}: ${ours.stderr}${real.stderr}`).toBe(real.status);
    }
    // Without the dirtree the real one gives up before it marks the commits that lack it.
    if (what === 'a missing dirtree') return;
    expect(readdirSync(join(pair.ours, 'state'))).toEqual(readdirSync(join(pair.real, 'state')));
  });

  it('writes a summary that both read alike', async () => {
    const pair = makeRepoPair({ seed: 132, entries: 5 });
    expectSame(await runBoth(pair, ['--repo=REPO', 'summary', '-v']), { anyText: true });
    expectSame(await runBoth(pair, ['--repo=REPO', 'summary']));
    expectSame(await runBoth(pair, ['--repo=REPO', 'summary', '-u']));
    for (const repo of [pair.real, pair.ours]) {
      for (const view of ['-v', '--view', '--raw']) {
        const real = ostree(`--repo=${repo}`, 'summary', view);
        const ours = await ourOstree(`--repo=${repo}`, 'summary', view);
        expect(ours.trimEnd()).toBe(real.trimEnd());
      }
    }
  });
});

describe('commit', () => {
  it('gives the commits the real one gives', async () => {
    const pair = makeRepoPair({ seed: 140 });
    writeFileSync(join(pair.work, 'body'), 'from a file\n\nwith lines\n');
    const times = [
      '@100',
      '@1577836800.5',
      '2020-01-01',
      '2020-01-01T10:11:12Z',
      '2020-01-01 10:11:12',
      '2020-01-01 10:11',
      '2020-01-01 10:11:12 +0200',
      '2020-01-01T10:11:12+02:00',
      '2020-01-01T10:11:12.75-03:30',
      'Wed, 01 Jan 2020 10:11:12 +0200',
    ];
    const options: readonly (readonly string[])[] = [
      ...times.map((time) => [`--timestamp=${time}`]),
      ['-s', 'Subject', '-m', 'Body'],
      ['--subject=Subject', '--body=two\nlines'],
      ['-s', '', '-m', ''],
      ['-s', 'üñí 🌲'],
      ['-F', 'WORK/body'],
      ['--parent=none'],
      [`--parent=${ostree(`--repo=${pair.real}`, 'rev-parse', 'main').trim()}`],
      ['--bind-ref=zz', '--bind-ref=aa'],
      ['--no-bindings'],
      ['--no-bindings', '--bind-ref=aa'],
      ['--owner-uid=5', '--owner-gid=6'],
      ['--owner-uid=5'],
      ['--canonical-permissions'],
      ['--canonical-permissions', '--owner-uid=0'],
      ['--canonical-permissions', '--owner-uid=7'],
      ['--no-xattrs'],
      ['--add-metadata-string=z=y=x', '--add-metadata-string=a=b', '--add-metadata-string=e='],
      ['--add-metadata-string=version=7'],
      ['--keep-metadata=version'],
      ['--keep-metadata=nope'],
      ['--add-metadata-string=a'],
      ['--skip-if-unchanged'],
      ['--skip-if-unchanged', '--no-xattrs'],
      ['--fsync=false'],
      ['--fsync=true'],
      ['--fsync=maybe'],
      ['--disable-fsync'],
    ];
    for (const more of options) {
      // Later options win, so `--timestamp` of the table replaces the fixed one.
      const argv = ['--repo=REPO', 'commit', '-b', 'made', '--timestamp=@100', '--tree=dir=WORK/one', ...more];
      expectSame(await runBoth(pair, argv), { anyText: more.includes('--add-metadata-string=a') });
    }
    expectSame(await runBoth(pair, ['--repo=REPO', 'commit', '--orphan', '--timestamp=@100', 'WORK/two']));
    expectSame(await runBoth(pair, ['--repo=REPO', 'commit', '--orphan', '-b', 'named', '--timestamp=@1', 'WORK/two']));
    expectSame(await runBoth(pair, ['--repo=REPO', 'refs']), { sorted: true });
    expect(ostree(`--repo=${pair.ours}`, 'fsck', '-q')).toContain('no errors found');
  });

  it('refuses what the real one refuses', async () => {
    expect.hasAssertions();
    const pair = makeRepoPair({ seed: 141, entries: 3 });
    await compareAll(pair, [
      'commit --tree=dir=WORK/one',
      'commit -b x --tree=dir=WORK/nope',
      'commit -b x --tree=dir=WORK/body',
      'commit -b x WORK/nope',
      'commit -b x --tree=nope',
      'commit -b x --tree=foo=nope',
      'commit -b x --timestamp=garbage --tree=dir=WORK/one',
      'commit -b x --keep-metadata=version --tree=dir=WORK/one',
    ]);
    await compareAll(
      pair,
      [
        'commit -b main/below --tree=dir=WORK/one',
        'commit -b other --tree=dir=WORK/one',
        'commit -b bad//name --tree=dir=WORK/one',
        'commit -b x --owner-uid=x --tree=dir=WORK/one',
      ],
      { anyText: true },
    );
    execFileSync('mkfifo', [join(pair.work, 'one/pipe')]);
    await compareAll(pair, ['commit -b x --tree=dir=WORK/one'], { anyText: true });
    expectSame(await runBoth(pair, ['--repo=REPO', 'refs']), { sorted: true });
  });

  it('refuses by name what it would have to drop', async () => {
    const pair = makeRepoPair({ seed: 142, entries: 3 });
    const tree = `--tree=dir=${join(pair.work, 'one')}`;
    for (const more of [['--tree=tar=x'], ['--add-metadata-string=a=1', tree, '--add-metadata-string=a=2']]) {
      const run = await tryOurOstree([`--repo=${pair.ours}`, 'commit', '-b', 'x', ...more]);
      expect(run).toMatchObject({ status: 1, stdout: '' });
      expect(errorLine(run)).toMatch(/not built yet|given twice/);
    }
  });
});

describe('checkout', () => {
  it.each([
    [
      'bare',
      [
        [],
        ['-U'],
        ['-H'],
        ['-C'],
        ['-U', '-C'],
        ['--fsync=true'],
        ['--subpath=/d0'],
        ['--subpath=d0/d1'],
        ['--subpath=/'],
      ],
    ],
    ['archive', [[], ['-U'], ['-C'], ['--subpath=/d0']]],
  ] as const)('makes the same tree from a repository of mode %s', async (mode, table) => {
    const { real, work } = makeRepoPair({ seed: 150, mode, entries: 100 });
    for (const [index, options] of table.entries()) {
      const [left, right] = [join(work, `left-${index}`), join(work, `right-${index}`)];
      ostree('checkout', `--repo=${real}`, ...options, 'main', left);
      await ourOstree('checkout', `--repo=${real}`, ...options, 'main', right);
      expect(describeTree(right), options.join(' ')).toEqual(describeTree(left));
      const again = [`--repo=${real}`, 'checkout', 'main'];
      expect(tryOstree(...again, left).status).toBe(1);
      expect((await tryOurOstree([...again, right])).status).toBe(1);
    }
  });

  it('lays one commit over another', async () => {
    const { real, work } = makeRepoPair({ seed: 152, mode: 'archive', entries: 30 });
    // Trees of which no path is a file in one and a directory in the other.
    makeRandomTree(join(work, 'base'), { seed: 153, entries: 30 });
    execFileSync('cp', ['-a', join(work, 'base'), join(work, 'over')]);
    for (const path of regularFiles(join(work, 'over')).slice(0, 10)) writeFileSync(join(work, 'over', path), 'new\n');
    makeRandomTree(join(work, 'over/added'), { seed: 154, entries: 10 });
    const repo = `--repo=${real}`;
    for (const name of ['base', 'over']) ostree(repo, 'commit', '-b', name, `--tree=dir=${join(work, name)}`);
    const [left, right] = [join(work, 'left'), join(work, 'right')];
    for (const ref of ['base', 'over']) {
      ostree(repo, 'checkout', '--union', ref, left);
      await ourOstree(repo, 'checkout', '--union', ref, right);
      // A symlink that replaces another is left with the caller's owner and no xattrs by the real one.
      const describeAll = (root: string): string[] =>
        describeTree(root).map((line) =>
          line.includes('"target"') ? line.replace(/"owner".*"xattrs":\[.*?\],/, '') : line,
        );
      expect(describeAll(right)).toEqual(describeAll(left));
    }
  });

  it('refuses what the real one refuses', async () => {
    expect.hasAssertions();
    const pair = makeRepoPair({ seed: 155, entries: 3 });
    await compareAll(pair, ['checkout -H -C main WORK/x', 'checkout nope WORK/x']);
    await compareAll(
      pair,
      [
        'checkout -U -H main WORK/x',
        'checkout main WORK/nope/x',
        'checkout --subpath=/nope main WORK/x',
        'checkout',
        'checkout main /',
      ],
      { anyText: true },
    );
  });
});

describe('pull-local', () => {
  it.each(['bare', 'archive', 'bare-user'])('serves a tree of mode %s from an archive', async (mode) => {
    const { real, work } = makeRepoPair({ seed: 160, entries: 80 });
    const [source, left, right] = [join(work, 'source'), join(work, 'left'), join(work, 'right')];
    ostree(`--repo=${source}`, 'init', `--mode=${mode}`);
    ostree(`--repo=${source}`, 'pull-local', real, 'main', 'other/two');
    ostree(`--repo=${left}`, 'init', '--mode=archive');
    ostree(`--repo=${left}`, 'pull-local', '--depth=1', source, 'main');
    await ourOstree(`--repo=${right}`, 'init', '--mode=archive');
    await ourOstree(`--repo=${right}`, 'pull-local', '--depth=1', source, 'main');
    expect(listObjectPaths(right)).toEqual(listObjectPaths(left));
    expect(ostree(`--repo=${right}`, 'fsck', '-q')).toContain('no errors found');
    expect(ostree(`--repo=${right}`, 'ls', '-RCX', 'main')).toBe(ostree(`--repo=${real}`, 'ls', '-RCX', 'main'));
  });
});

describe('command lines that cannot be run', () => {
  it.each([
    'refs --nonsense',
    'refs -Z',
    'commit --nonsense -b x',
    'commit --tree=dir=/ -b x --selinux-policy-nonsense=/',
    'checkout --nonsense main x',
    'admin status --nonsense',
    'show --print-hex main',
    'pull --nonsense o',
  ])('names the unknown option of: %s', async (line) => {
    const [real, ours] = [tryOstree(...line.split(' ')), await tryOurOstree(line.split(' '))];
    expect({ status: ours.status, stdout: ours.stdout, error: errorLine(ours) }).toEqual({
      status: 1,
      stdout: '',
      error: errorLine(real),
    });
  });

  it.each([
    'checkout --union-add main x',
    'checkout --whiteouts main x',
    'commit -b x --selinux-policy=/',
    'commit -b x --generate-sizes',
    'pull o --subpath=/x',
    'refs --collections',
    'prune --keep-younger-than=yesterday',
    'admin upgrade --reboot',
    'admin deploy --retain-pending x',
  ])('never ignores an option that is not built: %s', async (line) => {
    const { status, stdout, stderr } = await tryOurOstree(line.split(' '));
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^error: Unknown option --[a-z-]+/);
  });

  it('says what is missing', async () => {
    expect.hasAssertions();
    const pair = makeRepoPair({ seed: 171, entries: 1 });
    for (const words of [['refs', '--create'], ['refs', '--repo'], [], ['admin'], ['admin', 'frob']]) {
      expectSame(await runBoth(pair, words));
    }
    for (const words of [['frob'], ['--frob'], ['ls', '--repo=REPO'], ['log', '--repo=REPO']]) {
      expectSame(await runBoth(pair, words), { anyText: true });
    }
  });

  const commands = [
    ...'cat checkout commit config diff fsck init log ls prune pull pull-local refs reset rev-parse show summary'.split(
      ' ',
    ),
    ...'add delete list refs show-url'.split(' ').map((name) => `remote ${name}`),
    ...'cleanup deploy init-fs os-init pin status undeploy upgrade'.split(' ').map((name) => `admin ${name}`),
  ];

  it.each([...commands, 'remote', 'admin'])('explains itself: %s --help', async (name) => {
    const { status, stdout, stderr } = await tryOurOstree([...name.split(' '), '--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`Usage: ostree ${name}`);
    expect(stdout.split('\n').length).toBeGreaterThan(5);
  });
});

describe('repositories that cannot be used', () => {
  const configs: readonly (readonly [what: string, text: string])[] = [
    ['that is not a keyfile', 'garbage'],
    ['that is empty', ''],
    ['of another version', '[core]\nrepo_version=2\nmode=bare\n'],
    ['without a version', '[core]\nmode=bare\n'],
    ['of an unknown mode', '[core]\nrepo_version=1\nmode=weird\n'],
    ['with a setting that is no boolean', '[core]\nrepo_version=1\nmode=bare\nfsync=perhaps\n'],
  ];

  it('have a config that makes no sense', async () => {
    const pair = makeRepoPair({ seed: 180, entries: 1 });
    for (const [what, text] of configs) {
      for (const repo of [pair.real, pair.ours]) writeFileSync(join(repo, 'config'), text);
      const runs = await runBoth(pair, ['--repo=REPO', 'refs']);
      expectSame(runs, { anyText: true });
      expect(errorLine(runs.ours), what).toContain('REPO');
      expect(runs.ours.stderr).not.toMatch(/\n\s+at /);
    }
  });

  it('are absent, a file, or no repository', async () => {
    const pair = makeRepoPair({ seed: 181, entries: 1 });
    writeFileSync(join(pair.work, 'file'), 'x');
    for (const path of ['WORK/nope', 'WORK/file', 'WORK/file/below', 'WORK/one', '']) {
      for (const words of [['refs'], ['log', 'main'], ['fsck'], ['commit', '--orphan', 'WORK/one']]) {
        const runs = await runBoth(pair, [`--repo=${path}`, ...words]);
        expectSame(runs, { anyText: true });
        expect(runs.ours.stderr).not.toMatch(/\n\s+at /);
      }
    }
    const nowhere = await tryOurOstree(['refs'], { cwd: pair.work });
    expect(nowhere.status).toBe(1);
    const here = await tryOurOstree(['rev-parse', 'main'], { cwd: pair.real });
    expect(here.stdout).toBe(ostree(`--repo=${pair.real}`, 'rev-parse', 'main'));
    const env = { OSTREE_REPO: pair.real };
    expect(await tryOurOstree(['rev-parse', 'main'], { env })).toEqual({ status: 0, stdout: here.stdout, stderr: '' });
  });

  it('are read and not written when mounted read-only', async () => {
    expect.hasAssertions();
    const pair = makeRepoPair({ seed: 182, entries: 3 });
    // Something to prune.
    await compareAll(pair, ['refs --delete other/two']);
    for (const repo of [pair.real, pair.ours]) {
      execFileSync('mount', ['--bind', repo, repo]);
      onTestFinished(() => void execFileSync('umount', [repo]));
      execFileSync('mount', ['-o', 'remount,bind,ro', repo]);
    }
    await compareAll(pair, ['log main', 'ls -R main', 'rev-parse main', 'show main', 'diff main']);
    await compareAll(
      pair,
      [
        'commit -b x --tree=dir=WORK/one',
        'refs --create=x main',
        'refs --delete main',
        'prune --refs-only',
        'config set core.x y',
        'summary -u',
        'remote add x http://x',
      ],
      { anyText: true },
    );
  });

  it('are named by an argument that is not UTF-8', async () => {
    const { work } = makeRepoPair({ seed: 183, entries: 1 });
    const damaged = Buffer.from([0x61, 0xff]).toString('utf8');
    for (const argv of [
      ['--repo', damaged, 'refs'],
      [`--repo=${work}/real/repo`, 'commit', '--orphan', '-s', damaged],
    ]) {
      const run = await tryOurOstree(argv);
      expect(run.status).toBe(1);
      expect(errorLine(run)).toContain('Invalid byte sequence');
    }
  });
});
