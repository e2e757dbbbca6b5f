import { type Command, CommanderError, Option } from 'commander';
import { AtomicError } from '../base/index.ts';
import { agentOptions, type CommandSpec, type OptionSpec } from './command-spec.ts';
import { cancel } from './commands/cancel.ts';
import { cleanup } from './commands/cleanup.ts';
import { deploy } from './commands/deploy.ts';
import { reload } from './commands/reload.ts';
import { rollback } from './commands/rollback.ts';
import { status } from './commands/status.ts';
import { upgrade } from './commands/upgrade.ts';
import type { CliContext } from './context.ts';
import type { OptionWords } from './hoist-command.ts';
import { Invocation } from './invocation.ts';

/** Every verb, in the order of the help. */
export const hostCommands: readonly CommandSpec[] = [status, upgrade, deploy, rollback, cleanup, cancel, reload];

/** The program as commander knows it, and the exit status of the verb it ran (0 before). */
export interface Program {
  readonly command: Command;
  readonly exit: { status: number };
}

/** Builds the program's commands; nothing is parsed yet. */
export function buildProgram(
  context: CliContext,
  commander: { readonly Command: new (name: string) => Command },
): Program {
  const exit = { status: 0 };
  const command = new commander.Command(context.program);
  const quiet = (one: Command): Command =>
    one
      .exitOverride()
      .configureOutput({
        writeOut: (text) => context.stdout.write(text),
        writeErr: (text) => context.stderr.write(text),
        // Errors are printed in one place, by whoever called us.
        outputError: () => undefined,
        getOutHelpWidth: () => context.stdout.columns,
        getErrHelpWidth: () => context.stderr.columns,
      })
      .helpOption('-h, --help', 'show this help')
      .helpCommand(false);
  quiet(command)
    .description('Updates an operating system as a whole, and takes it back as a whole.')
    .option('--version', 'show the version');
  const parent = context.program === 'atomic' ? quiet(command.command('host')) : command;
  if (parent !== command) parent.description('Commands for the operating system of this host.');
  for (const spec of hostCommands) addCommand(quiet(parent.command(spec.name)), spec, { context, exit });
  const name = context.program === 'atomic' ? 'atomic host' : 'rpm-ostree';
  command.addHelpText('after', `\nSee what a command does with: ${name} upgrade --help`);
  return { command, exit };
}

/** How options are told from commands where they stand before one: by the options of all commands. */
export function optionWords(): OptionWords {
  const flags = hostCommands.flatMap(({ options, refused }) => [...options.map((option) => option.flags), ...refused]);
  const spelled = (all: readonly string[], want: (option: Option) => boolean): ReadonlySet<string | undefined> =>
    new Set(
      all
        .map((one) => new Option(one))
        .filter(want)
        .flatMap(({ short, long }) => [short, long]),
    );
  const withValue = spelled(flags, ({ required }) => required);
  const common = spelled(
    agentOptions.map((option) => option.flags),
    () => true,
  );
  return { takesValue: (word) => withValue.has(word), isCommon: (word) => common.has(word) };
}

interface Running {
  readonly context: CliContext;
  readonly exit: { status: number };
}

function addCommand(command: Command, spec: CommandSpec, { context, exit }: Running): void {
  const prefix = context.program === 'atomic' ? 'atomic host' : 'rpm-ostree';
  command
    .summary(spec.summary)
    .description(spec.description)
    .aliases([...(spec.aliases ?? [])]);
  if (spec.argument !== undefined) command.argument(`<${spec.argument.name}>`, spec.argument.description);
  for (const option of spec.options) command.addOption(toOption(option));
  for (const flags of spec.refused) command.addOption(new Option(flags).hideHelp());
  const examples = spec.examples.map(([line, comment]) => [`  ${prefix} ${line}`, comment] as const);
  const width = Math.max(...examples.map(([line]) => line.length));
  const text = examples.map(([line, comment]) => `${line.padEnd(width)}   # ${comment}`).join('\n');
  command.addHelpText('after', `\nExamples:\n${text}`);
  command.action(async (...parsed: unknown[]) => {
    const options = command.opts<Record<string, unknown>>();
    refuseUnbuilt(spec, options);
    const args = parsed.slice(0, -2).map(String);
    exit.status = await spec.run(new Invocation(args, resolveAliases(spec, options)), context);
  });
}

function toOption(spec: OptionSpec): Option {
  const option = new Option(spec.flags, spec.description);
  return spec.aliasOf === undefined && spec.hidden !== true ? option : option.hideHelp();
}

/** An option that is accepted and ignored would promise what does not happen. */
function refuseUnbuilt(spec: CommandSpec, options: Readonly<Record<string, unknown>>): void {
  const asked = spec.refused
    .map((flags) => new Option(flags))
    .find((option) => options[option.attributeName()] !== undefined);
  if (asked === undefined) return;
  throw new AtomicError('NotSupported', `${spec.name}: the option ${asked.long ?? asked.flags} is not supported yet`, {
    hint: 'Nothing was changed; leave the option out',
  });
}

function resolveAliases(spec: CommandSpec, options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const resolved = { ...options };
  for (const option of spec.options) {
    if (option.aliasOf === undefined) continue;
    const value = options[new Option(option.flags).attributeName()];
    if (value !== undefined) resolved[option.aliasOf] ??= value;
  }
  return resolved;
}

/** True for what commander throws when it has printed help or a version and is done. */
export function isDone(error: unknown): boolean {
  return error instanceof CommanderError && error.exitCode === 0;
}

/** Commander's complaint about a command line as a sentence of ours; undefined if it is something else. */
export function usageComplaint(error: unknown): string | undefined {
  if (!(error instanceof CommanderError)) return undefined;
  const sentence = error.message.replace(/^error: /, '');
  switch (error.code) {
    case 'commander.unknownOption':
      return sentence.replace(/^unknown option '(.*?)'/, 'Unknown option $1').replace('\n', ' ');
    case 'commander.help':
      return 'No command specified';
    case 'commander.missingArgument':
    case 'commander.excessArguments':
      return 'Too few or too many arguments';
    default:
      return sentence.charAt(0).toUpperCase() + sentence.slice(1);
  }
}
