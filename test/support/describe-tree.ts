/** Turns a directory into text that can be compared: every fact of every entry that a commit keeps. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { flags, sys } from '../../src/platform/index.ts';

/** What to leave out of a description, and what to add. */
export interface DescribeOptions {
  /** Adds the modification times of directories and regular files. */
  readonly mtime?: boolean;
  /** Leaves owners and xattrs out, for checkouts in user mode. */
  readonly withoutOwner?: boolean;
}

/** One line for each entry below `root`, `root` itself included, in byte order of the paths. */
export function describeTree(root: string, options: DescribeOptions = {}): string[] {
  const lines: string[] = [];
  const visit = (path: string): void => {
    const full = join(root, path);
    lines.push(describeEntry(full, path === '' ? '/' : `/${path}`, options));
    if (!lstatSync(full).isDirectory()) return;
    for (const name of readdirSync(full)) visit(path === '' ? name : `${path}/${name}`);
  };
  visit('');
  return lines.toSorted();
}

function describeEntry(full: string, path: string, options: DescribeOptions): string {
  const stat = lstatSync(full);
  const facts: Record<string, unknown> = { path, mode: stat.mode.toString(8) };
  if (options.withoutOwner !== true) {
    facts['owner'] = `${stat.uid}:${stat.gid}`;
    facts['xattrs'] = describeXattrs(full);
  }
  if (stat.isSymbolicLink()) facts['target'] = readlinkSync(full);
  if (stat.isFile()) facts['content'] = createHash('sha256').update(readFileSync(full)).digest('hex');
  if (options.mtime === true && !stat.isSymbolicLink()) facts['mtime'] = stat.mtimeMs;
  return JSON.stringify(facts);
}

/** An attribute with an empty value is none to OSTree, so it is none here. */
function describeXattrs(full: string): string[] {
  return sys
    .llistxattr(flags.AT_FDCWD, full)
    .toSorted()
    .flatMap((name) => {
      const value = sys.lgetxattr(flags.AT_FDCWD, full, name) ?? new Uint8Array();
      return value.length === 0 ? [] : [`${name}=${Buffer.from(value).toString('hex')}`];
    });
}
