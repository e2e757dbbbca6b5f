import { CommanderError, type Command } from 'commander';

/** A command line that cannot be run as it stands, or asks for help: what commander found, and in which command. */
export class UsageError extends Error {
  readonly found: CommanderError;
  readonly command: Command;

  constructor(found: CommanderError, command: Command) {
    super(found.message);
    this.name = 'UsageError';
    this.found = found;
    this.command = command;
  }
}

/** The command's names from the program down. */
function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** What is printed on standard error: the words of the original where programs look for them. */
export function describeUsageError({ found, command }: UsageError): string {
  const quoted = /'([^']*)'/.exec(found.message)?.[1] ?? '';
  const group = command.parent === null ? '' : `"${command.name()}" `;
  const see = `See '${pathOf(command)} --help'.\n`;
  switch (found.code) {
    case 'commander.help':
      return `${command.helpInformation()}error: No ${group === '' ? 'command' : `${group}subcommand`} specified\n`;
    case 'commander.unknownCommand': {
      const what = group === '' ? 'command' : `${group}subcommand`;
      return `${command.helpInformation()}error: Unknown ${what} '${quoted}'\n`;
    }
    case 'commander.missingArgument':
      return `${command.helpInformation()}error: ${quoted.toUpperCase()} must be specified\n`;
    case 'commander.unknownOption':
      return `error: Unknown option ${quoted}\n${see}`;
    case 'commander.optionMissingArgument':
      return `error: Missing argument for ${quoted.replace(/^-\w, | .*$/g, '')}\n${see}`;
    default:
      return `error: ${found.message.replace(/^error: /, '')}\n${see}`;
  }
}
