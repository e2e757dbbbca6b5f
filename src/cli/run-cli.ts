import type { Command } from 'commander';
import { AtomicError, errorCodes, isAtomicError, messageOf } from '../base/index.ts';
import type { CliContext } from './context.ts';
import { hoistCommand } from './hoist-command.ts';
import { isContainerCommand, refusedHostCommand } from './refused-commands.ts';
import { cleanText, styleOf } from './terminal-text.ts';

/**
 * Runs one command line and returns the exit status: 0, 77 where a command was asked to tell that nothing changed, or 1
 * with `error: <sentence>` (and what to do, where that is known) on stderr. Throws nothing.
 */
export async function runCli(context: CliContext): Promise<number> {
  try {
    if (context.argv.length === 1 && context.argv[0] === '--version') {
      printVersion(context);
      return 0;
    }
    return await parseAndRun(context);
  } catch (error) {
    printError(error, context);
    return isAtomicError(error) ? errorCodes[error.code].exit : 1;
  }
}

/** The reference's form: YAML with one key. */
function printVersion(context: CliContext): void {
  const rows = [`${context.program}:`, ` Version: '${context.version}'`, ' Features:', '  - ostree'];
  context.stdout.write(`${rows.join('\n')}\n`);
}

async function parseAndRun(context: CliContext): Promise<number> {
  // Commander is a third of the start-up time of `--version`, which scripts call to see whether we are there.
  const [commander, program] = await Promise.all([import('commander'), import('./program.ts')]);
  const { command, exit } = program.buildProgram(context, commander);
  const names = (first: string): number => (context.program === 'atomic' && first === 'host' ? 2 : 1);
  const argv = hoistCommand(context.argv, names, program.optionWords());
  const inHost = context.program === 'atomic' && argv[0] === 'host';
  const words = inHost ? argv.slice(1) : argv;
  if (context.program === 'atomic') refuseCommand({ word: argv[0], group: command, isHost: false }, context);
  const group = inHost ? command.commands[0] : command;
  if (group !== undefined && (inHost || context.program !== 'atomic')) {
    refuseCommand({ word: words[0], group, isHost: true }, context);
  }
  try {
    await command.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (program.isDone(error)) return 0;
    const complaint = program.usageComplaint(error);
    if (complaint === undefined) throw error;
    const named = group?.commands.find((one) => one.name() === words[0] || one.aliases().includes(words[0] ?? ''));
    context.stderr.write(`${(named ?? command).helpInformation()}\n`);
    throw new AtomicError('InvalidArgument', complaint, { cause: error });
  }
  return exit.status;
}

interface CommandWord {
  readonly word: string | undefined;
  readonly group: Command;
  readonly isHost: boolean;
}

/** Refuses what is not a command of ours, in the words its kind deserves; options are left to commander. */
function refuseCommand({ word, group, isHost }: CommandWord, context: CliContext): void {
  if (word === undefined) {
    context.stderr.write(group.helpInformation());
    const isGroup = isHost && context.program === 'atomic';
    throw new AtomicError('InvalidArgument', isGroup ? 'No "host" subcommand specified' : 'No command specified');
  }
  if (word.startsWith('-') || group.commands.some((one) => one.name() === word || one.aliases().includes(word))) return;
  const why = refusedHostCommand(word);
  if (isHost && why !== undefined) {
    throw new AtomicError('NotSupported', `The command '${word}' is not supported`, { hint: why });
  }
  if (!isHost && isContainerCommand(word)) {
    throw new AtomicError('NotSupported', `The command '${word}' is not part of this program`, {
      hint: 'Containers are the business of podman; this program has `atomic host` only',
    });
  }
  const hint =
    !isHost && group.commands[0]?.commands.some((one) => one.name() === word) === true
      ? { hint: `Did you mean: atomic host ${word}` }
      : {};
  context.stderr.write(`${group.helpInformation()}\n`);
  throw new AtomicError('InvalidArgument', `Unknown command '${word}'`, hint);
}

function printError(error: unknown, context: CliContext): void {
  const style = styleOf(context.stderr);
  context.stderr.write(`${style.red('error:')} ${cleanText(messageOf(error)).trimEnd()}\n`);
  const hint = isAtomicError(error) ? error.hint : undefined;
  if (hint !== undefined) context.stderr.write(`hint: ${cleanText(hint).trim()}\n`);
}
