import type { CliContext } from './context.ts';
import type { Invocation } from './invocation.ts';

/** An option as commander writes it and one line about it. */
export interface OptionSpec {
  readonly flags: string;
  readonly description: string;
  /** For an old spelling, which works and is not shown: the attribute name of the option it stands for. */
  readonly aliasOf?: string;
  /** For machines: works and is not shown. */
  readonly hidden?: boolean;
}

/** One verb of the host. */
export interface CommandSpec {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** One line for the list of commands. */
  readonly summary: string;
  /** What the verb does and what it leaves alone. */
  readonly description: string;
  /** The one word the verb needs. */
  readonly argument?: { readonly name: string; readonly description: string };
  readonly options: readonly OptionSpec[];
  /** Options of rpm-ostree that are refused by name: what they ask for would otherwise silently not happen. */
  readonly refused: readonly string[];
  /** Command lines after the program's name, each with a comment. */
  readonly examples: readonly (readonly [line: string, comment: string])[];
  /** Carries the verb out and returns the exit status. */
  readonly run: (invocation: Invocation, context: CliContext) => Promise<number>;
}

/** Options of every verb: which agent to ask. */
export const agentOptions: readonly OptionSpec[] = [
  { flags: '--sysroot <dir>', description: 'work on this directory with an agent of our own, without the bus' },
  { flags: '--boot-record <file>', description: 'with --sysroot: a JSON file that says what counts as booted' },
  { flags: '--bus <address>', description: 'D-Bus address of the agent (default: the system bus)' },
  { flags: '-q, --quiet', description: 'print errors only' },
];

/** The option to work on another stateroot, with its old name. */
export const staterootOptions: readonly OptionSpec[] = [
  { flags: '--stateroot <name>', description: 'work on this stateroot instead of the booted one' },
  { flags: '--os <name>', description: 'the same', aliasOf: 'stateroot' },
];

/** Nothing changed, or something is pending: the status scripts ask for by name. */
export const unchangedExit = 77;
