/** Sysroots as the real `ostree` sees and makes them. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeOsTree, type OsTreeOptions } from './make-os-tree.ts';
import { ostree } from './real-ostree.ts';

/** A line of `ostree admin status`. */
export interface StatusLine {
  readonly stateroot: string;
  readonly name: string;
  readonly version: string | undefined;
  readonly refspec: string | undefined;
  readonly note: string | undefined;
}

/** The deployments the real tool lists, in its order. */
export function realStatus(sysroot: string): readonly StatusLine[] {
  const lines: StatusLine[] = [];
  for (const row of ostree('admin', `--sysroot=${sysroot}`, 'status').split('\n')) {
    const [, stateroot, name, note] = /^[ *] (\S+) ([0-9a-f]{64}\.\d+)(?: \((.+)\))?$/.exec(row) ?? [];
    if (stateroot !== undefined && name !== undefined) {
      lines.push({ stateroot, name, note, version: undefined, refspec: undefined });
      continue;
    }
    const last = lines.pop();
    const [, key, value] = /^ {4}(Version|origin refspec): (.*)$/.exec(row) ?? [];
    if (last === undefined) continue;
    lines.push(
      key === 'Version' ? { ...last, version: value } : key === undefined ? last : { ...last, refspec: value },
    );
  }
  return lines;
}

/** Makes a sysroot with one stateroot by the real tool alone. */
export function realSysroot(path: string, stateroot = 'testos'): string {
  mkdirSync(path, { recursive: true });
  ostree('admin', `--sysroot=${path}`, 'init-fs', path);
  ostree('admin', `--sysroot=${path}`, 'os-init', stateroot);
  return path;
}

/** Commits a synthetic tree into the sysroot's repo by the real tool; returns the commit. */
export function realCommit(
  sysroot: string,
  scratch: string,
  tree: OsTreeOptions & { readonly ref?: string } = {},
): string {
  const source = join(scratch, `tree-${Math.random().toString(36).slice(2)}`);
  mkdirSync(source, { recursive: true });
  makeOsTree(source, tree);
  return ostree(
    `--repo=${sysroot}/ostree/repo`,
    'commit',
    `--branch=${tree.ref ?? 'test/os'}`,
    `--add-metadata-string=version=${tree.version ?? '1'}`,
    `--tree=dir=${source}`,
  ).trim();
}
