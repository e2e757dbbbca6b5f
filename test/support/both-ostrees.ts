/** Two equal repositories, one for the real `ostree` and one for ours, and the same command line run on both. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { makeRandomTree } from './random-tree.ts';
import { ostree, tryOstree, type OstreeRun } from './real-ostree.ts';
import { tryOurOstree } from './run-ostree.ts';
import { makeTempDir } from './temp-dir.ts';

/** Where a pair lies; `REPO` and `WORK` in a command line stand for these directories. */
export interface RepoPair {
  readonly real: string;
  readonly ours: string;
  /** Shared by both: sources of commits. */
  readonly work: string;
}

/** How a pair is made. */
export interface RepoPairOptions {
  readonly seed: number;
  readonly mode?: 'bare' | 'archive';
  readonly entries?: number;
}

/**
 * Repositories built by the real tool: two commits of random trees on `main`, `WORK/one` and `WORK/two`, the refs
 * `other/branch`, `other/two`, `origin:main` (the older one) and `origin:remote/x`.
 */
export function makeRepoPair({ seed, mode = 'bare', entries = 50 }: RepoPairOptions): RepoPair {
  const work = makeTempDir('atomic-both-');
  const real = join(work, 'real/repo');
  const repo = `--repo=${real}`;
  execFileSync('mkdir', [join(work, 'real'), join(work, 'ours')]);
  ostree(repo, 'init', `--mode=${mode}`);
  // What is compared is what is written; syncing it would take most of the time.
  ostree(repo, 'config', 'set', 'core.fsync', 'false');
  makeRandomTree(join(work, 'one'), { seed, entries });
  makeRandomTree(join(work, 'two'), { seed: seed + 1, entries });
  const commit = (branch: string, tree: string, ...more: readonly string[]): string =>
    ostree(repo, 'commit', `--branch=${branch}`, `--tree=dir=${join(work, tree)}`, ...more);
  commit('main', 'one', '--subject=First', '--body=Body line\nsecond line', '--timestamp=2021-02-03 04:05:06 +0000');
  commit('main', 'two', '--subject=Secönd', '--timestamp=@1700000000', ...metadata);
  commit('other/branch', 'one', '--body=only a body', '--timestamp=@1600000000');
  commit('other/two', 'two', '--timestamp=@1500000000');
  ostree(repo, 'refs', '--create=origin:remote/x', 'main');
  ostree(repo, 'refs', '--create=origin:main', 'main^');
  execFileSync('cp', ['-a', join(work, 'real/repo'), join(work, 'ours/repo')]);
  return { real, ours: join(work, 'ours/repo'), work };
}

/** One value of every kind that metadata is printed in. */
const metadata: readonly string[] = [
  '--add-metadata-string=version=2.0',
  `--add-metadata-string=quotes=it's "so" \\ ü \u0001`,
  '--add-metadata=number=uint32 7',
  '--add-metadata=negative=-5',
  '--add-metadata=long=int64 -77',
  '--add-metadata=short=uint16 513',
  '--add-metadata=list=["a","b"]',
  '--add-metadata=none=@as []',
  '--add-metadata=dictionary={"a":<1>, "b":<"x">}',
  '--add-metadata=bytes=[byte 1,2,0]',
  '--add-metadata=nothing=@ay []',
  `--add-metadata=text=b"it's \\"raw\\" \\001\\377"`,
  '--add-metadata=yes=true',
  '--add-metadata=pair=(uint64 1,"x")',
  '--add-metadata=single=(byte 3,)',
];

/** How both programs ended; paths of the repositories read `REPO`. */
export interface BothRuns {
  readonly real: OstreeRun;
  readonly ours: OstreeRun;
}

/** Runs one command line with both programs. */
export async function runBoth(pair: RepoPair, argv: readonly string[]): Promise<BothRuns> {
  const fill = (repo: string): string[] =>
    argv.map((word) => word.replaceAll('REPO', repo).replaceAll('WORK', pair.work));
  const hide = (run: OstreeRun, repo: string): OstreeRun => ({
    status: run.status,
    stdout: run.stdout.replaceAll(repo, 'REPO'),
    stderr: run.stderr.replaceAll(repo, 'REPO'),
  });
  return {
    real: hide(tryOstree(...fill(pair.real)), pair.real),
    ours: hide(await tryOurOstree(fill(pair.ours)), pair.ours),
  };
}

/** The line that says what went wrong; empty if nothing did. */
export function errorLine({ stderr }: OstreeRun): string {
  return stderr.split('\n').find((line) => line.startsWith('error: ')) ?? '';
}

/**
 * Expects the same exit status and output. Of a failure, the error line must begin as the real one's, unless only the
 * status counts. `sorted` compares lines in any order: the real tool lists refs as its hash table has them.
 */
export function expectSame({ real, ours }: BothRuns, how: { sorted?: boolean; anyText?: boolean } = {}): void {
  const lines = (text: string): readonly string[] =>
    how.sorted === true ? text.split('\n').toSorted() : text.split('\n');
  expect({ status: ours.status, stdout: lines(ours.stdout) }, ours.stderr).toEqual({
    status: real.status,
    stdout: lines(real.stdout),
  });
  if (real.status === 0) return;
  const [expected, actual] = [errorLine(real), errorLine(ours)];
  if (how.anyText === true) expect(actual).toMatch(/^error: \S/);
  else expect(actual.slice(0, expected.length)).toBe(expected);
}
