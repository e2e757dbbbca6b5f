import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { listRefs, requireRev, writeRef, type Repo } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';

interface RefsOptions {
  readonly delete?: boolean;
  readonly list?: boolean;
  readonly create?: string;
  readonly force?: boolean;
}

function createRef(repo: Repo, options: { from: string | undefined; to: string; force: boolean }): void {
  const { from, to, force } = options;
  if (from === undefined)
    throw new AtomicError('InvalidArgument', 'You must specify an existing ref when creating a new ref.');
  const checksum = requireRev(repo, from);
  if (!force && listRefs(repo, to).has(to)) {
    throw new AtomicError('InvalidArgument', `--create specified but ref ${to} already exists`, {
      hint: 'Pass --force to move it.',
    });
  }
  writeRef(repo, to, checksum);
}

/** `ostree refs`: lists, creates or deletes refs. Without `--list` a prefix is cut off the names printed. */
export function refsCommand(context: OstreeContext): Command {
  const command = repoCommand('refs', 'List refs')
    .argument('[prefix]')
    .option('--delete', 'delete refs which match PREFIX, rather than listing them')
    .option('--list', 'do not remove the prefix from the refs')
    .option('--create <newref>', 'create a new ref for an existing commit')
    .option('--force', 'overwrite existing refs when creating');
  return command.action((prefix: string | undefined, options: RefsOptions) => {
    using repo = openCommandRepo(context, command);
    if (options.create !== undefined) {
      createRef(repo, { from: prefix, to: options.create, force: options.force === true });
      return;
    }
    if (options.delete === true && prefix === undefined) {
      throw new AtomicError('InvalidArgument', 'At least one PREFIX is required when deleting refs');
    }
    for (const refspec of listRefs(repo, prefix).keys()) {
      if (options.delete === true) writeRef(repo, refspec, undefined);
      else if (prefix === undefined || options.list === true || refspec === prefix) context.write(`${refspec}\n`);
      else context.write(`${refspec.slice(prefix.length + 1)}\n`);
    }
  });
}
