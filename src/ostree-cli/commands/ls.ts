import type { Command } from 'commander';
import { AtomicError, type Checksum } from '../../base/index.ts';
import type { Xattr } from '../../format/index.ts';
import { findEntry, loadDirMeta, loadFile, lsTree, type Repo, type TreeEntry } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';
import { requireCommit } from '../require-commit.ts';
import { formatXattrs } from './show.ts';

interface LsOptions {
  readonly dironly?: boolean;
  readonly recursive?: boolean;
  readonly checksum?: boolean;
  readonly xattrs?: boolean;
  readonly nulFilenamesOnly?: boolean;
}

/** What one line shows of a file or directory. */
interface Row {
  readonly kind: 'd' | '-' | 'l';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly checksums: readonly string[];
  readonly xattrs: readonly Xattr[];
  readonly suffix: string;
}

function rowOf(repo: Repo, entry: TreeEntry): Row {
  if (entry.kind === 'directory') {
    const { uid, gid, mode, xattrs } = loadDirMeta(repo, entry.meta);
    return { kind: 'd', mode, uid, gid, sizeBytes: 0, checksums: [entry.tree, entry.meta], xattrs, suffix: '' };
  }
  const { header, sizeBytes } = loadFile(repo, entry.checksum);
  const { uid, gid, mode, xattrs, symlinkTarget } = header;
  const isLink = symlinkTarget !== '';
  const suffix = isLink ? ` -> ${symlinkTarget}` : '';
  return { kind: isLink ? 'l' : '-', mode, uid, gid, sizeBytes, checksums: [entry.checksum], xattrs, suffix };
}

function formatRow(row: Row, path: string, options: LsOptions): string {
  const permissions = (row.mode & 0o7777).toString(8).padStart(5, '0');
  const parts = [`${row.kind}${permissions} ${row.uid} ${row.gid} ${String(row.sizeBytes).padStart(6)}`];
  if (options.checksum === true) parts.push(...row.checksums);
  if (options.xattrs === true) parts.push(formatXattrs(row.xattrs));
  return `${parts.join(' ')} ${path}${row.suffix}\n`;
}

/** The lines of one path. An empty path is a mistake (an unset variable), not the root. */
function listPath(
  repo: Repo,
  { commit, path }: { readonly commit: Checksum; readonly path: string },
  options: LsOptions,
): string {
  if (path === '' || findEntry(repo, commit, path) === undefined) {
    const rooted = path.startsWith('/') ? path : `/${path}`;
    throw new AtomicError('NotFound', `Inspecting path '${path}': No such file or directory: ${rooted}`, {
      facts: { commit, path },
    });
  }
  const lines: string[] = [];
  const recursive = options.recursive === true;
  for (const entry of lsTree(repo, commit, { path, recursive })) {
    lines.push(
      options.nulFilenamesOnly === true ? `${entry.path}\0` : formatRow(rowOf(repo, entry), entry.path, options),
    );
    if (options.dironly === true && !recursive) break;
  }
  return lines.join('');
}

/** `ostree ls`: lists what a commit holds, without checking it out. */
export function lsCommand(context: OstreeContext): Command {
  const command = repoCommand('ls', 'List file paths')
    .argument('<commit>')
    .argument('[path...]')
    .option('-d, --dironly', 'do not recurse into directory arguments')
    .option('-R, --recursive', 'print directories recursively')
    .option('-C, --checksum', 'print checksum')
    .option('-X, --xattrs', 'print extended attributes')
    .option('--nul-filenames-only', 'print only filenames, NUL separated');
  return command.action((rev: string, paths: readonly string[], options: LsOptions) => {
    using repo = openCommandRepo(context, command);
    const commit = requireCommit(repo, rev);
    for (const path of paths.length === 0 ? ['/'] : paths) context.write(listPath(repo, { commit, path }, options));
  });
}
