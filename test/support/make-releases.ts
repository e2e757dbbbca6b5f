/** Makes commits of small bootable trees in an archive repo with the real `ostree`, as a vendor's build would. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { type Checksum, parseChecksum } from '../../src/base/index.ts';
import { ostree } from './real-ostree.ts';

/** What a release is made of besides what every bootable tree has. */
export interface ReleaseDescription {
  readonly version: string;
  /** Seconds since 1970; one day per release from 2026-01-01 by default. */
  readonly timestampSeconds?: number;
  /** Branch, the vendor's default one unless given. */
  readonly ref?: string;
  /** Further files by path; `null` makes a directory. */
  readonly files?: Readonly<Record<string, string | Uint8Array | null>>;
  /** False leaves the kernel out. */
  readonly kernel?: boolean;
  readonly extraArgs?: readonly string[];
}

/** A vendor's repo. */
export interface Releases {
  /** The archive repo, to be put behind a server. */
  readonly repoPath: string;
  readonly ref: string;
  /** Commits one more release and returns its checksum; each has the one before on the branch as parent. */
  add(description: ReleaseDescription): Checksum;
}

/** The first release's time unless it has its own: 2026-01-01T00:00:00Z. */
const firstTimestampSeconds = 1_767_225_600;

/** Makes an empty archive repo below `directory`. */
export function makeReleases(directory: string, ref = 'vendor/stable'): Releases {
  const repoPath = join(directory, 'releases');
  ostree(`--repo=${repoPath}`, 'init', '--mode=archive');
  const state = { count: 0 };
  return {
    repoPath,
    ref,
    add: (description) => {
      const tree = join(directory, `tree-${state.count}`);
      writeTree(tree, description);
      const timestamp = description.timestampSeconds ?? firstTimestampSeconds + state.count * 86_400;
      state.count += 1;
      const checksum = ostree(
        `--repo=${repoPath}`,
        'commit',
        `--branch=${description.ref ?? ref}`,
        `--tree=dir=${tree}`,
        `--timestamp=@${timestamp}`,
        `--subject=Release ${description.version}`,
        `--add-metadata-string=version=${description.version}`,
        '--owner-uid=0',
        '--owner-gid=0',
        ...(description.extraArgs ?? []),
      ).trim();
      rmSync(tree, { recursive: true });
      ostree(`--repo=${repoPath}`, 'summary', '-u');
      return parseChecksum(checksum);
    },
  };
}

/** The kernel version of every release. */
const kernelVersion = '6.1.0-test';

function writeTree(tree: string, description: ReleaseDescription): void {
  const write = (path: string, content: string | Uint8Array): void => {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), content);
  };
  write(
    'usr/lib/os-release',
    `NAME=Vendor\nID=vendor\nVERSION_ID=${description.version}\nPRETTY_NAME="Vendor ${description.version}"\n`,
  );
  write('usr/bin/hello', `#!/bin/sh\necho hello from ${description.version}\n`);
  write('usr/etc/vendor.conf', `version=${description.version}\n`);
  write('usr/etc/hosts', '127.0.0.1 localhost\n');
  if (description.kernel !== false) {
    write(`usr/lib/modules/${kernelVersion}/vmlinuz`, `the kernel of ${description.version}`);
    write(`usr/lib/modules/${kernelVersion}/initramfs.img`, 'the initramfs');
  }
  for (const name of ['boot', 'dev', 'proc', 'run', 'sys', 'sysroot', 'tmp', 'var']) {
    mkdirSync(join(tree, name), { recursive: true });
  }
  symlinkSync('sysroot/ostree', join(tree, 'ostree'));
  for (const [path, content] of Object.entries(description.files ?? {})) {
    rmSync(join(tree, path), { force: true });
    if (content === null) mkdirSync(join(tree, path), { recursive: true });
    else write(path, content);
  }
}
