import process from 'node:process';
import { isAtomicError, messageOf } from '../base/index.ts';
import { describeSettings, type SettingNames } from './parse-settings.ts';
import { terminalSafe } from './terminal-safe.ts';
import { version } from './version.ts';

/** A program without commands: what it is, its settings, its work. */
export interface Program {
  readonly name: string;
  /** One sentence for `--help`. */
  readonly about: string;
  readonly settings: SettingNames;
  readonly main: (argv: readonly string[]) => Promise<void>;
}

/** Runs a program: `--version` and `--help`, its work, and `error: …` with status 1 for whatever it throws. */
export async function runMain(program: Program): Promise<void> {
  const argv = process.argv.slice(2);
  try {
    if (argv[0] === '--version') process.stdout.write(`${program.name} ${version}\n`);
    else if (argv[0] === '--help' || argv[0] === '-h') {
      process.stdout.write(
        `Usage: ${program.name} [options]\n\n${program.about}\n\n${describeSettings(program.settings)}\n`,
      );
    } else await program.main(argv);
  } catch (error) {
    const shown = terminalSafe(process.stderr);
    process.stderr.write(shown(`error: ${messageOf(error)}\n`));
    if (isAtomicError(error) && error.hint !== undefined) process.stderr.write(shown(`hint: ${error.hint}\n`));
    process.exitCode = 1;
  }
}
