import { Command, CommanderError } from 'commander';
import { AtomicError, isAtomicError, messageOf } from '../base/index.ts';
import { adminCommand } from './admin/admin-command.ts';
import { catCommand } from './commands/cat.ts';
import { checkoutCommand } from './commands/checkout.ts';
import { commitCommand } from './commands/commit.ts';
import { configCommand } from './commands/config.ts';
import { fsckCommand } from './commands/fsck.ts';
import { initCommand } from './commands/init.ts';
import { logCommand, showCommand } from './commands/log.ts';
import { lsCommand } from './commands/ls.ts';
import { pruneCommand } from './commands/prune.ts';
import { pullCommand } from './commands/pull.ts';
import { pullLocalCommand } from './commands/pull-local.ts';
import { refsCommand } from './commands/refs.ts';
import { remoteCommand } from './commands/remote.ts';
import { revParseCommand } from './commands/rev-parse.ts';
import { summaryCommand } from './commands/summary.ts';
import type { OstreeContext } from './context.ts';

/** Commands of the original that are not built yet: refused by name rather than reported as unknown. */
const notBuilt = [
  'checksum',
  'create-usb',
  'diff',
  'export',
  'find-remotes',
  'gpg-sign',
  'reset',
  'sign',
  'static-delta',
];

const factories = [
  adminCommand,
  catCommand,
  checkoutCommand,
  commitCommand,
  configCommand,
  fsckCommand,
  initCommand,
  logCommand,
  lsCommand,
  pruneCommand,
  pullCommand,
  pullLocalCommand,
  refsCommand,
  remoteCommand,
  revParseCommand,
  showCommand,
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

/** Makes a command and all below it throw instead of ending the process, and write where the context says. */
function configure(command: Command, context: OstreeContext): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => context.write(text),
    writeErr: () => undefined,
  });
  for (const child of command.commands) configure(child, context);
}

function createProgram(context: OstreeContext): Command {
  const program = new Command('ostree')
    .description('Works on an OSTree repository or sysroot directly.')
    .option('--repo <path>', 'path to the repository (defaults to the current directory or /sysroot/ostree/repo)')
    .option('-v, --verbose', 'print debug information on standard error')
    .version(context.version, '--version');
  for (const factory of factories) program.addCommand(factory(context));
  for (const name of notBuilt) program.addCommand(refusedCommand(name), { hidden: true });
  configure(program, context);
  return program;
}

/** The line a wrong command line gets: the words of the original where programs look for them. */
function usageError(error: CommanderError): string {
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? '';
  if (error.code === 'commander.unknownOption') return `Unknown option ${quoted}`;
  if (error.code === 'commander.unknownCommand') return `Unknown command '${quoted}'`;
  return error.message.replace(/^error: /, '');
}

function report(context: OstreeContext, error: unknown): number {
  context.writeError(`error: ${messageOf(error)}\n`);
  if (isAtomicError(error) && error.hint !== undefined) context.writeError(`hint: ${error.hint}\n`);
  return 1;
}

/** Runs one `ostree` command line; resolves to its exit status. Never throws: every failure is an `error:` line and 1. */
export async function runOstree(context: OstreeContext): Promise<number> {
  const program = createProgram(context);
  try {
    if (context.argv.length === 0) {
      context.writeError(`${program.helpInformation()}error: No command specified\n`);
      return 1;
    }
    await program.parseAsync([...context.argv], { from: 'user' });
    return 0;
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(context, error);
    if (error.exitCode === 0) return 0;
    if (error.code === 'commander.help') {
      context.writeError(`${program.helpInformation()}error: No command specified\n`);
      return 1;
    }
    context.writeError(`error: ${usageError(error)}\nSee 'ostree ${context.argv[0] ?? ''} --help'.\n`);
    return 1;
  }
}
