import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJob, parseChecksum } from '../../src/base/index.ts';
import { parseOrigin } from '../../src/format/index.ts';
import { deployTree, finalizeDeployment, loadDeployments, openSysroot } from '../../src/sysroot/index.ts';
import { mountLoopImage } from '../support/loop-image.ts';
import { ostree, tryOstree } from '../support/real-ostree.ts';
import { realCommit, realSysroot } from '../support/real-sysroot.ts';

interface Case {
  readonly old: Readonly<Record<string, string>>;
  readonly next: Readonly<Record<string, string>>;
  readonly edit: (etc: string) => void;
}

const cases: Readonly<Record<string, Case>> = {
  'everything that merges': {
    old: {
      keep: 'k',
      changed: 'c',
      'changed-both': 'c',
      removed: 'r',
      'removed-changed': 'r',
      'mode-changed': 'm',
      'owner-changed': 'o',
      'dropped-unmodified': 'd',
      'dropped-modified': 'd',
      'file-to-link': 'f',
      'file-to-directory': 'f',
      'directory/unmodified': 'u',
      'directory/modified': 'm',
      'directory/removed': 'r',
      'removed-directory/file': 'f',
      'moded-directory/file': 'f',
      'gone-directory/kept': 'k',
      'gone-directory/edited': 'e',
      'directory-to-file/file': 'f',
      'empty-directory/file': 'f',
    },
    next: {
      keep: 'k2',
      changed: 'c',
      'changed-both': 'c2',
      removed: 'r',
      'removed-changed': 'r2',
      'mode-changed': 'm',
      'owner-changed': 'o',
      'file-to-link': 'f',
      'file-to-directory': 'f',
      'directory/unmodified': 'u2',
      'directory/modified': 'm2',
      'directory/removed': 'r',
      'directory/new': 'n',
      'removed-directory/file': 'f2',
      'moded-directory/file': 'f',
      'added-too': 'default',
      'added-directory/from-default': 'd',
      'replaced-by-directory': 'f',
    },
    edit: (etc) => {
      for (const name of [
        'changed',
        'changed-both',
        'dropped-modified',
        'directory/modified',
        'gone-directory/edited',
      ]) {
        writeFileSync(join(etc, name), 'local');
      }
      for (const name of [
        'removed',
        'removed-changed',
        'directory/removed',
        'removed-directory',
        'directory-to-file',
        'file-to-link',
        'file-to-directory',
      ]) {
        rmSync(join(etc, name), { recursive: true });
      }
      chmodSync(join(etc, 'mode-changed'), 0o600);
      chownSync(join(etc, 'owner-changed'), 12, 34);
      chmodSync(join(etc, 'moded-directory'), 0o700);
      rmSync(join(etc, 'empty-directory/file'));
      symlinkSync('keep', join(etc, 'file-to-link'));
      add(etc, 'file-to-directory/below', 'b');
      writeFileSync(join(etc, 'directory-to-file'), 'now a file');
      add(etc, 'added', 'a');
      add(etc, 'added-too', 'local');
      add(etc, 'added-directory/from-local', 'l');
      add(etc, 'new-directory/deep/er/file', 'n');
      chmodSync(join(etc, 'new-directory/deep'), 0o750);
      chownSync(join(etc, 'new-directory/deep'), 5, 6);
      add(etc, 'replaced-by-directory/file', 'x');
      symlinkSync('/nowhere', join(etc, 'added-link'));
      writeFileSync(join(etc, 'setuid'), 's');
      chownSync(join(etc, 'setuid'), 7, 8);
      chmodSync(join(etc, 'setuid'), 0o4750);
      execFileSync('setfattr', ['-n', 'user.note', '-v', 'kept', join(etc, 'added')]);
      execFileSync('mkfifo', [join(etc, 'fifo')]);
    },
  },
  'nothing changed': { old: { a: '1' }, next: { a: '2', b: '1' }, edit: () => undefined },
  'all removed': {
    old: { a: '1', 'd/e': '1' },
    next: { a: '2', 'd/e': '2', 'd/f': '1' },
    edit: (etc) => {
      for (const name of readdirSync(etc)) rmSync(join(etc, name), { recursive: true });
    },
  },
};

const conflicts: Readonly<Record<string, Case>> = {
  'a modified file that newly is a directory': {
    old: { x: 'f' },
    next: { 'x/file': 'f' },
    edit: (etc) => writeFileSync(join(etc, 'x'), 'local'),
  },
  'an added link that newly is a directory': {
    old: {},
    next: { 'x/file': 'f' },
    edit: (etc) => symlinkSync('keep', join(etc, 'x')),
  },
  'a file in place of a directory that stays one': {
    old: { 'x/file': 'f' },
    next: { 'x/file': 'f' },
    edit: (etc) => {
      rmSync(join(etc, 'x'), { recursive: true });
      writeFileSync(join(etc, 'x'), 'local');
    },
  },
  'a modified file below what newly is a file': {
    old: { 'x/file': 'f' },
    next: { x: 'f' },
    edit: (etc) => writeFileSync(join(etc, 'x/file'), 'local'),
  },
};

function add(etc: string, name: string, text: string): void {
  mkdirSync(dirname(join(etc, name)), { recursive: true });
  writeFileSync(join(etc, name), text);
}

interface Pair {
  readonly real: string;
  readonly ours: string;
  readonly commit: string;
}

/** Two identical sysroots whose deployed version 1 has an edited /etc, with version 2 in both repos. */
function makePair(mount: string, { old, next, edit }: Case): Pair {
  const real = realSysroot(join(mount, 'real'));
  const first = realCommit(real, mount, { version: '1', etc: old });
  ostree('admin', `--sysroot=${real}`, 'deploy', '--os=testos', 'test/os');
  edit(join(real, `ostree/deploy/testos/deploy/${first}.0/etc`));
  const commit = realCommit(real, mount, { version: '2', etc: next });
  const ours = join(mount, 'ours');
  execFileSync('cp', ['-a', real, ours]);
  return { real, ours, commit };
}

async function ourMerge(path: string, commit: string): Promise<void> {
  using sysroot = openSysroot(path);
  const merge = loadDeployments(sysroot).deployments[0];
  const origin = parseOrigin('[origin]\nrefspec=test/os\n');
  const job = createJob();
  const made = await deployTree(sysroot, { stateroot: 'testos', checksum: parseChecksum(commit), origin, merge }, job);
  await finalizeDeployment(sysroot, made, job);
}

function describeEtc(sysroot: string, commit: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  const root = join(sysroot, `ostree/deploy/testos/deploy/${commit}.0/etc`);
  const visit = (path: string): void => {
    const full = join(root, path);
    const stat = lstatSync(full);
    const what = `${stat.mode.toString(8)} ${stat.uid}:${stat.gid}`;
    if (stat.isSymbolicLink()) found[path] = `-> ${readlinkSync(full)}`;
    else if (stat.isFile()) found[path] = `${what} ${stat.nlink} ${readFileSync(full, 'utf8')} ${xattrs(full)}`;
    else found[path] = `${what} directory`;
    if (stat.isDirectory()) for (const name of readdirSync(full).sort()) visit(join(path, name));
  };
  visit('.');
  return found;
}

function xattrs(path: string): string {
  return execFileSync('getfattr', ['--absolute-names', '-d', '-m', '-', '--only-values', path], { encoding: 'utf8' });
}

describe('the /etc merge of ours and of the real ostree', () => {
  it.each(Object.entries(cases))('gives the same /etc: %s', async (_what, changes) => {
    const { real, ours, commit } = makePair(mountLoopImage(), changes);
    ostree('admin', `--sysroot=${real}`, 'deploy', '--os=testos', 'test/os');
    await ourMerge(ours, commit);
    const merged = describeEtc(ours, commit);
    expect(merged).toEqual(describeEtc(real, commit));
  });

  it.each(Object.entries(conflicts))('both refuse: %s', async (_what, changes) => {
    const { real, ours, commit } = makePair(mountLoopImage(), changes);
    expect(tryOstree('admin', `--sysroot=${real}`, 'deploy', '--os=testos', 'test/os').status).not.toBe(0);
    await expect(ourMerge(ours, commit)).rejects.toMatchObject({ code: 'EtcConflict' });
  });
});
