import { describe, expect, it } from 'vitest';
import { planEtcMerge, type EtcEntry, type EtcListing } from '../../../src/sysroot/index.ts';

/** `a=1` a file with content 1, `d/` a directory, `d/!700` one of mode 700, `l@x` a link to x, `s?` a socket. */
function etc(text: string): EtcListing {
  return new Map(
    text
      .split(' ')
      .filter((word) => word !== '')
      .map(entry),
  );
}

function entry(word: string): readonly [string, EtcEntry] {
  const base = { uid: 0, gid: 0, content: '' };
  const [, path = '', kind = '', rest = ''] = /^([\w./-]*?)(\/$|\/!|=|@|\?)(.*)$/.exec(word) ?? [];
  if (kind === '/' || kind === '/!')
    return [path, { ...base, kind: 'directory', mode: rest === '' ? 0o755 : Number.parseInt(rest, 8) }];
  if (kind === '@') return [path, { ...base, kind: 'symlink', mode: 0o777, content: rest }];
  if (kind === '?') return [path, { ...base, kind: 'other', mode: 0o644 }];
  return [path, { ...base, kind: 'file', mode: 0o644, content: rest }];
}

describe('planEtcMerge', () => {
  const rows: readonly (readonly [
    what: string,
    old: string,
    current: string,
    target: string,
    removed: string,
    copies: string,
  ])[] = [
    ['leaves unmodified files to the new default', 'a=1', 'a=1', 'a=2', '', ''],
    ['keeps a locally modified file', 'a=1', 'a=9', 'a=1', '', 'a'],
    ['keeps a locally modified file although the default changed', 'a=1', 'a=9', 'a=2', '', 'a'],
    ['brings an added file along', 'a=1', 'a=1 n=1', 'a=1', '', 'n'],
    ['keeps a local file that the new default has too', '', 'n=1', 'n=2', '', 'n'],
    ['removes what was removed', 'a=1 b=1', 'b=1', 'a=1 b=1', 'a', ''],
    ['removes what was removed although the default changed', 'a=1', '', 'a=2', 'a', ''],
    ['removes a directory once, not each file of it', 'd/ d/a=1 d/b=1', '', 'd/ d/a=1 d/b=1', 'd', ''],
    ['keeps a modified file that the new default lacks', 'a=1', 'a=9', '', '', 'a'],
    ['copies a new directory as a whole', '', 'd/ d/a=1 d/e/ d/e/b=1', '', '', 'd'],
    ['copies single files into a directory that the new default has', '', 'd/ d/a=1', 'd/ d/b=1', '', 'd/a'],
    [
      'copies a modified file below an unmodified directory alone',
      'd/ d/a=1 d/b=1',
      'd/ d/a=9 d/b=1',
      'd/ d/a=1 d/b=1',
      '',
      'd/a',
    ],
    ['leaves the attributes of a directory to the new tree', 'd/', 'd/!700', 'd/', '', ''],
    ['copies a changed directory that the new default lacks, whole', 'd/ d/a=1', 'd/!700 d/a=1', '', '', 'd'],
    ['treats a changed link as modified', 'l@x', 'l@y', 'l@x', '', 'l'],
    ['treats a link in place of a file as modified', 'a=1', 'a@x', 'a=1', '', 'a'],
    ['replaces the file of the new default by a local directory', 'a=1', 'a/ a/x=1', 'a=1', '', 'a'],
    ['replaces a link of the new default by a local directory', '', 'a/ a/x=1', 'a@x', '', 'a'],
    ['skips sockets and devices', '', 's?', '', '', ''],
    ['does not list the files of a directory that became a file', 'd/ d/a=1', 'd=1', '', '', 'd'],
  ];
  it.each(rows)('%s', (_what, old, current, target, removed, copies) => {
    const plan = planEtcMerge(etc(old), etc(current), etc(target));
    expect(plan.removed.join(' ')).toBe(removed);
    expect(plan.copies.map(({ path }) => path).join(' ')).toBe(copies);
  });

  it('counts what changed, as it is told to people', () => {
    const plan = planEtcMerge(etc('a=1 b=1 c=1'), etc('a=9 c=1 n=1 s?'), etc('a=2 b=1 c=2'));
    expect(plan).toMatchObject({ modified: ['a'], removed: ['b'], added: ['n', 's'], skipped: ['s'], kept: ['a'] });
  });

  it('says which copies replace something', () => {
    const plan = planEtcMerge(etc('a=1'), etc('a=9 n=1'), etc('a=1'));
    expect(plan.copies).toEqual([
      { path: 'a', kind: 'file', replace: true },
      { path: 'n', kind: 'file', replace: false },
    ]);
  });

  it('does not count a change of owner or mode as nothing', () => {
    const changed: EtcListing = new Map([['a', { kind: 'file', mode: 0o600, uid: 0, gid: 0, content: '1' }]]);
    expect(planEtcMerge(etc('a=1'), changed, etc('a=1')).modified).toEqual(['a']);
  });

  it.each([
    ['a modified file', 'a=1', 'a=9', 'a/ a/x=1'],
    ['an added file', '', 'a=9', 'a/'],
    ['an added link', '', 'a@x', 'a/'],
  ])('refuses %s where the new default is a directory, naming it', (_what, old, current, target) => {
    expect(() => planEtcMerge(etc(old), etc(current), etc(target))).toThrow(
      expect.objectContaining({
        code: 'EtcConflict',
        message: "During /etc merge: Modified config file newly defaults to directory 'a', cannot merge",
        hint: expect.stringContaining('/etc/a') as string,
      }) as Error,
    );
  });

  it('refuses a modified file below what the new default has as a file', () => {
    expect(() => planEtcMerge(etc('d/ d/a=1'), etc('d/ d/a=9'), etc('d=1'))).toThrow(
      expect.objectContaining({ code: 'EtcConflict' }) as Error,
    );
  });

  it('sees no conflict in what was not modified', () => {
    expect(() => planEtcMerge(etc('a=1 d/ d/a=1'), etc('a=1 d/ d/a=1'), etc('a/ d=1'))).not.toThrow();
  });
});
