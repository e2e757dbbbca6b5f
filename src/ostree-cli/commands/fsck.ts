import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { fsckRepo, type CorruptObjectReport, type FsckReport } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';

interface FsckOptions {
  readonly quiet?: boolean;
  readonly all?: boolean;
  readonly delete?: boolean;
}

/** The steps as the original announces them; scripts look for some of these lines. */
const announcements = 'Validating refs...\nValidating refs in collections...\nEnumerating commits...\n';

/** A corrupt object in the words of the original, the commits it is needed by before what is not a commit. */
function describeCorrupt({ type, checksum, reason }: CorruptObjectReport, { affected }: FsckReport): string {
  const actual = /its checksum is ([0-9a-f]{64})$/.exec(reason)?.[1];
  const what =
    actual === undefined
      ? `fsck ${checksum}.${type}: ${reason}`
      : `fsck ${type === 'file' ? `content object ${checksum}` : `${checksum}.${type}`}: Corrupted ${type} object; checksum expected='${checksum}' actual='${actual}'`;
  return type === 'commit' || affected.length === 0 ? what : `In commits ${affected.join(', ')}: ${what}`;
}

function tellProblems(context: OstreeContext, result: FsckReport): void {
  for (const object of result.corrupt) context.writeError(`${describeCorrupt(object, result)}\n`);
  for (const { type, checksum } of result.missing) context.writeError(`Object missing: ${checksum}.${type}\n`);
  for (const { refspec, reason } of result.brokenRefs) context.writeError(`Ref ${refspec}: ${reason}\n`);
  for (const checksum of result.newlyPartial) context.writeError(`Marking commit as partial: ${checksum}\n`);
}

/** Throws for anything that makes the repository unsound, in the words for the first of it unless all was asked for. */
function judge(result: FsckReport, { all, delete: deletes }: FsckOptions): void {
  const [ref] = result.brokenRefs;
  const [corrupt] = result.corrupt;
  const hint = 'Run `ostree fsck --delete`, then pull the affected refs again.';
  if (all !== true && deletes !== true && corrupt !== undefined) {
    throw new AtomicError('CorruptObject', describeCorrupt(corrupt, result), { hint });
  }
  if (ref?.missingCommit !== undefined) {
    const message = `Loading commit for ref ${ref.refspec}: No such metadata object ${ref.missingCommit}.commit`;
    throw new AtomicError('CorruptObject', message, { hint });
  }
  const broken = result.corrupt.length + result.missing.length + result.brokenRefs.length;
  if (broken > 0) {
    throw new AtomicError(
      'CorruptObject',
      `Repository corruption encountered: ${broken} problems in ${result.objects} objects`,
      { hint },
    );
  }
  if (result.damaged.length > 0) {
    throw new AtomicError('CorruptObject', `${result.damaged.length} partial commits from fsck-detected corruption`, {
      hint: 'Pull the affected refs again.',
    });
  }
}

/** `ostree fsck`: re-hashes every object that a commit reaches; every problem is told, `--all` or not. */
export function fsckCommand(context: OstreeContext): Command {
  const command = repoCommand('fsck', 'Check the repository for consistency')
    .option('-q, --quiet', 'print error messages and the last line only')
    .option('-a, --all', "don't stop on first error (always so here)")
    .option('--delete', 'remove corrupted objects');
  return command.action(async (options: FsckOptions) => {
    using repo = openCommandRepo(context, command);
    const isQuiet = options.quiet === true;
    if (!isQuiet) context.write(announcements);
    const result = await fsckRepo(repo, { deleteCorrupt: options.delete === true, quiet: isQuiet }, context.job);
    const { commits, partial } = result;
    if (!isQuiet) context.write(`Verifying content integrity of ${commits - partial.length} commit objects...\n`);
    tellProblems(context, result);
    if (partial.length > 0) context.write(`${partial.length} partial commits not verified\n`);
    judge(result, options);
    context.write(`object fsck of ${commits - partial.length} commits completed successfully - no errors found.\n`);
  });
}
