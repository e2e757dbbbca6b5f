import type { Command } from 'commander';
import type { Xattr } from '../../format/index.ts';
import { loadDirMeta, loadFile, lsTree, requireRev, type Repo, type TreeEntry } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';

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

/** Extended attributes as GVariant text, the form scripts parse. */
function formatXattrs(xattrs: readonly Xattr[]): string {
  if (xattrs.length === 0) return '@a(ayay) []';
  const hex = (bytes: Uint8Array): string =>
    Array.from(bytes, (byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(', ');
  const items = xattrs.map(({ name, value }) => {
    const bytes = value.length === 0 ? '@ay []' : `[byte ${hex(value)}]`;
    return `([byte ${hex(Buffer.from(`${name}\0`))}], ${bytes})`;
  });
  return `[${items.join(', ')}]`;
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
  if (options.xattrs === true) parts.push(`{ ${formatXattrs(row.xattrs)} }`);
  return `${parts.join(' ')} ${path}${row.suffix}\n`;
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
    const commit = requireRev(repo, rev);
    const lines: string[] = [];
    for (const path of paths.length === 0 ? ['/'] : paths) {
      for (const entry of lsTree(repo, commit, { path, recursive: options.recursive === true })) {
        const line =
          options.nulFilenamesOnly === true ? `${entry.path}\0` : formatRow(rowOf(repo, entry), entry.path, options);
        lines.push(line);
        if (options.dironly === true) break;
      }
    }
    context.write(lines.join(''));
  });
}
