/** `ostree admin` on offline sysroots: the real program and ours, side by side and taking turns. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { errorLine } from '../support/both-ostrees.ts';
import { describeTree } from '../support/describe-tree.ts';
import { mountLoopImage } from '../support/loop-image.ts';
import { makeOsTree } from '../support/make-os-tree.ts';
import { ostree, tryOstree, type OstreeRun } from '../support/real-ostree.ts';
import { ourOstree, tryOurOstree } from '../support/run-ostree.ts';

/** Lines in which the real tool tells how it works, and what it removes by the way. */
const chatter = /^(Bootloader updated|Copying \/etc changes|Relabeling |Freed objects|Transaction complete)/;

const withoutChatter = (text: string): readonly string[] => text.split('\n').filter((line) => !chatter.test(line));

type Program = (sysroot: string, words: readonly string[]) => Promise<OstreeRun>;

const real: Program = async (sysroot, words) =>
  await Promise.resolve(tryOstree('admin', `--sysroot=${sysroot}`, ...words));
const ours: Program = async (sysroot, words) => await tryOurOstree(['admin', `--sysroot=${sysroot}`, ...words]);

/** Commits release `version` of a synthetic system to `test/os`; the same commit in every sysroot. */
function release(sysroot: string, version: number, kernel = `kernel ${version}\n`): void {
  const source = join(sysroot, '..', `tree-${version}`);
  mkdirSync(source, { recursive: true });
  if (readdirSync(source).length === 0) makeOsTree(source, { version: `${version}`, kernel });
  const options = [`--timestamp=@${version}000`, `--add-metadata-string=version=${version}`, `--tree=dir=${source}`];
  ostree(`--repo=${sysroot}/ostree/repo`, 'commit', '--branch=test/os', ...options);
}

/** What both programs say of a sysroot, which must be the same. */
async function status(sysroot: string): Promise<string> {
  const [told, answer] = [await real(sysroot, ['status']), await ours(sysroot, ['status'])];
  expect(answer).toEqual({ status: 0, stdout: told.stdout, stderr: '' });
  return told.stdout;
}

/** Runs one command line on both sysroots and compares how it ended and what is deployed then. */
async function step(sysroots: readonly [real: string, ours: string], line: string): Promise<void> {
  const words = line.split(' ');
  const [expected, actual] = [await real(sysroots[0], words), await ours(sysroots[1], words)];
  expect({ line, status: actual.status, stdout: withoutChatter(actual.stdout) }, actual.stderr).toEqual({
    line,
    status: expected.status,
    stdout: withoutChatter(expected.stdout),
  });
  const text = errorLine(expected);
  expect(errorLine(actual).slice(0, text.length)).toBe(text);
  expect(await status(sysroots[1])).toBe(await status(sysroots[0]));
}

it('makes a sysroot and a stateroot as the real one does', async () => {
  const work = mountLoopImage();
  const [left, right] = [join(work, 'left'), join(work, 'right')];
  for (const path of [left, right]) mkdirSync(path);
  ostree('admin', 'init-fs', left);
  await ourOstree('admin', 'init-fs', right);
  await ourOstree('admin', 'init-fs', right);
  await step([left, right], 'status');
  await step([left, right], 'os-init testos');
  await step([left, right], 'os-init testos');
  const describeAll = (root: string): string[] =>
    describeTree(root).filter((line) => !/"path":"\/ostree\/repo\/(tmp|config|\.lock)/.test(line));
  expect(describeAll(right)).toEqual(describeAll(left));
  for (const words of [
    ['admin', 'init-fs', `${work}/nope`],
    ['admin', `--sysroot=${work}/nope`, 'status'],
    ['admin', `--sysroot=${work}/nope`, 'os-init', 'x'],
  ]) {
    expect(tryOstree(...words).status).toBe(1);
    expect(await tryOurOstree(words)).toMatchObject({ status: 1, stdout: '' });
  }
  expect(readdirSync(work)).not.toContain('nope');
});

it('deploys, upgrades, pins, undeploys and cleans up alike', async () => {
  const work = mountLoopImage({ sizeBytes: 128 * 1024 * 1024 });
  const sysroots = [join(work, 'left'), join(work, 'right')] as const;
  for (const path of sysroots) {
    mkdirSync(path);
    ostree('admin', 'init-fs', path);
    ostree('admin', `--sysroot=${path}`, 'os-init', 'testos');
    ostree('admin', `--sysroot=${path}`, 'os-init', 'other');
  }
  const both = async (...lines: readonly string[]): Promise<void> => {
    for (const line of lines) await step(sysroots, line);
  };
  const releaseBoth = (version: number, kernel?: string): void => {
    for (const path of sysroots) release(path, version, kernel);
  };
  await both('deploy test/os', 'deploy --os=testos test/os', 'upgrade', 'upgrade --os=testos', 'undeploy 0', 'pin 0');
  releaseBoth(1);
  await both(
    'deploy test/os',
    'deploy --os=testos nope',
    'deploy --os=testos --stage test/os',
    'deploy --os=testos --karg=root=LABEL=x --karg-append=quiet test/os',
    'upgrade --os=testos',
    'upgrade --os=unknown',
    'upgrade',
    'undeploy 1',
    'pin 1',
    'pin 0',
    'pin 0',
    'pin --unpin 0',
    'pin -u 0',
  );
  await both('deploy --os=testos test/os');
  releaseBoth(2, 'kernel 1\n');
  await both('upgrade --os=testos', 'upgrade --os=testos', 'pin 1');
  releaseBoth(3);
  await both(
    'deploy --os=testos test/os',
    'deploy --os=other test/os',
    'deploy --os=testos --not-as-default test/os',
    'cleanup',
    'undeploy 9',
    'undeploy 1',
  );
  releaseBoth(4);
  await both(
    'upgrade --os=other',
    'deploy --retain --os=testos test/os',
    'deploy --os=testos --no-merge test/os',
    'deploy --os=testos --karg-none test/os',
    'cleanup',
    'undeploy 0',
    'undeploy 0',
    'cleanup',
  );
  const entries = (path: string): string[] => readdirSync(join(path, 'boot/loader/entries')).toSorted();
  expect(entries(sysroots[1]).length).toBe(entries(sysroots[0]).length);
  expect(ostree(`--repo=${sysroots[1]}/ostree/repo`, 'fsck', '-q')).toContain('no errors found');
});

it('takes turns with the real one on the same sysroot', async () => {
  const work = mountLoopImage({ sizeBytes: 128 * 1024 * 1024 });
  const sysroot = join(work, 'sysroot');
  mkdirSync(sysroot);
  ostree('admin', 'init-fs', sysroot);
  ostree('admin', `--sysroot=${sysroot}`, 'os-init', 'testos');
  release(sysroot, 1);
  const turns = [
    'deploy --os=testos --karg=root=LABEL=x test/os',
    'pin 0',
    'upgrade --os=testos',
    'deploy --os=testos --karg-append=quiet test/os',
    'upgrade --os=testos',
    'pin -u 1',
    'deploy --retain --os=testos test/os',
    'undeploy 1',
    'cleanup',
    'upgrade --os=testos',
  ];
  for (const first of [0, 1]) {
    for (const [index, line] of turns.entries()) {
      if (line.startsWith('upgrade')) release(sysroot, first * 100 + index + 2);
      const program = (first + index) % 2 === 0 ? real : ours;
      const { status: code, stderr } = await program(sysroot, line.split(' '));
      expect(code, `${line}: ${stderr}`).toBe(0);
      expect(await status(sysroot)).toMatch(/^ {2}testos [0-9a-f]{64}\.\d/);
    }
  }
  expect(ostree(`--repo=${sysroot}/ostree/repo`, 'fsck', '-q')).toContain('no errors found');
});

it('keeps the last deployment, which the real one would remove', async () => {
  const work = mountLoopImage();
  const sysroot = join(work, 'sysroot');
  mkdirSync(sysroot);
  ostree('admin', 'init-fs', sysroot);
  ostree('admin', `--sysroot=${sysroot}`, 'os-init', 'testos');
  release(sysroot, 1);
  await ourOstree('admin', `--sysroot=${sysroot}`, 'deploy', '--os=testos', 'test/os');
  const run = await ours(sysroot, ['undeploy', '0']);
  expect(run).toMatchObject({ status: 1, stdout: '' });
  expect(errorLine(run)).toContain('Cannot remove the last deployment');
});
