import { Command } from 'commander';
import { AtomicError, isAtomicError, messageOf } from '../base/index.ts';
import { adminCommand } from './admin/admin-command.ts';
import { catCommand } from './commands/cat.ts';
import { checkoutCommand } from './commands/checkout.ts';
import { commitCommand } from './commands/commit.ts';
import { configCommand } from './commands/config.ts';
import { diffCommand } from './commands/diff.ts';
import { fsckCommand } from './commands/fsck.ts';
import { gpgSignCommand } from './commands/gpg-sign.ts';
import { initCommand } from './commands/init.ts';
import { logCommand } from './commands/log.ts';
import { lsCommand } from './commands/ls.ts';
import { pruneCommand } from './commands/prune.ts';
import { pullCommand } from './commands/pull.ts';
import { pullLocalCommand } from './commands/pull-local.ts';
import { refsCommand } from './commands/refs.ts';
import { remoteCommand } from './commands/remote.ts';
import { resetCommand } from './commands/reset.ts';
import { revParseCommand } from './commands/rev-parse.ts';
import { showCommand } from './commands/show.ts';
import { signCommand } from './commands/sign.ts';
import { staticDeltaCommand } from './commands/static-delta.ts';
import { summaryCommand } from './commands/summary.ts';
import type { OstreeContext } from './context.ts';
import { describeUsageError, UsageError } from './usage-error.ts';

/** Commands of the original that are not built yet: refused by name rather than reported as unknown. */
const notBuilt = ['checksum', 'create-usb', 'export', 'find-remotes'];

const factories = [
  adminCommand,
  catCommand,
  checkoutCommand,
  commitCommand,
  configCommand,
  diffCommand,
  fsckCommand,
  gpgSignCommand,
  initCommand,
  logCommand,
  lsCommand,
  pruneCommand,
  pullCommand,
  pullLocalCommand,
  refsCommand,
  remoteCommand,
  resetCommand,
  revParseCommand,
  showCommand,
  signCommand,
  staticDeltaCommand,
  summaryCommand,
] as const;

function refusedCommand(name: string): Command {
  return new Command(name)
    .description('(not built yet)')
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .action(() => {
      throw new AtomicError('NotSupported', `"ostree ${name}" is not built yet`, {
        hint: 'Use the original ostree for it: both work on the same repository.',
      });
    });
}

/**
 * Makes a command and all below it throw instead of ending the process, write where the context says, and take the
 * options every command has. Options stand behind their own command's name, so that `-v` of one is not that of another.
 */
function configure(command: Command, context: OstreeContext): void {
  command
    .enablePositionalOptions()
    .exitOverride((error) => {
      throw new UsageError(error, command);
    })
    .configureOutput({ writeOut: (text) => context.write(text), writeErr: () => undefined });
  if (command.parent !== null) {
    const isFree = !command.options.some(({ short }) => short === '-v');
    command.option(isFree ? '-v, --verbose' : '--verbose', 'print debug information on standard error');
  }
  command.version(context.version, '--version', 'print the version and exit');
  for (const child of command.commands) configure(child, context);
}

function createProgram(context: OstreeContext): Command {
  const program = new Command('ostree')
    .description('Works on an OSTree repository or sysroot directly.')
    .option('--repo <path>', 'path to the repository (defaults to the current directory or /sysroot/ostree/repo)')
    .option('-v, --verbose', 'print debug information on standard error');
  for (const factory of factories) program.addCommand(factory(context));
  for (const name of notBuilt) program.addCommand(refusedCommand(name), { hidden: true });
  configure(program, context);
  return program;
}

function report(context: OstreeContext, error: unknown): number {
  context.writeError(`error: ${messageOf(error)}\n`);
  if (isAtomicError(error) && error.hint !== undefined) context.writeError(`hint: ${error.hint}\n`);
  const isVerbose = context.argv.some((argument) => argument === '-v' || argument === '--verbose');
  if (isVerbose && error instanceof Error) context.writeError(`debug: ${error.stack ?? ''}\n`);
  return 1;
}

/** Node gives the replacement character for bytes that are not UTF-8; no name and no text may silently become another. */
function requireText(argv: readonly string[]): void {
  const damaged = argv.find((argument) => argument.includes('\ufffd'));
  if (damaged === undefined) return;
  throw new AtomicError('InvalidArgument', `Invalid byte sequence in the argument ${JSON.stringify(damaged)}`, {
    hint: 'Arguments must be UTF-8.',
  });
}

/** The original takes a value after these flags and does not look at it; scripts write `--gpg-verify=true`. */
function withoutFlagValue(argument: string): string {
  return argument.replace(/^(--gpg-verify(?:-summary)?)=.*$/s, '$1');
}

/** Options that are the program's own when they stand before the command. */
const programOptions = /^(--repo(=.*)?|-v|--verbose|--version|-h|--help)$/;

/** The original takes a command's options before its name too: `ostree --print-metadata-key=K show REV`. */
function commandFirst(argv: readonly string[]): string[] {
  const at = argv.findIndex((word, index) => !word.startsWith('-') && argv[index - 1] !== '--repo');
  const before = argv.slice(0, Math.max(at, 0));
  if (before.every((word) => programOptions.test(word) || !word.startsWith('-'))) return [...argv];
  return [...argv.slice(at, at + 1), ...before, ...argv.slice(at + 1)];
}

/** Runs one `ostree` command line; resolves to its exit status. Never throws: every failure is an `error:` line and 1. */
export async function runOstree(context: OstreeContext): Promise<number> {
  try {
    requireText(context.argv);
    await createProgram(context).parseAsync(commandFirst(context.argv.map(withoutFlagValue)), { from: 'user' });
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) return report(context, error);
    if (error.found.exitCode === 0) return 0;
    context.writeError(describeUsageError(error));
    return 1;
  }
}
