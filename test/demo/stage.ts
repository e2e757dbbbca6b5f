/** How the demo speaks: headings, commands as a person would type them, and their output. */
import { spawn } from 'node:child_process';

/** What a command printed and how it ended. */
export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
}

/** Prints the demo and runs its commands; `shorten` replaces long paths by the names the demo introduced. */
export interface Stage {
  heading(text: string): void;
  say(text: string): void;
  /** Runs a command shown as `$ …`, its output indented below; throws unless it ends with one of `expected`. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<CommandResult>;
}

/** How {@link Stage.run} runs. */
export interface RunOptions {
  /** Exit statuses that are fine; 0 unless told. */
  readonly expected?: readonly number[];
  /** Show neither the command nor its output. */
  readonly quiet?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '    ');
}

/** A stage that replaces the paths in `names` (long to short) in everything it prints. */
export function createStage(names: ReadonlyMap<string, string>): Stage {
  const colour = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
  const bold = (text: string): string => (colour ? `\u001b[1m${text}\u001b[0m` : text);
  const shorten = (text: string): string =>
    [...names].reduce((before, [long, brief]) => before.replaceAll(long, brief), text);
  let headings = 0;
  return {
    heading: (text) => {
      headings += 1;
      console.log(`\n${bold(`${headings}. ${text}`)}`);
    },
    say: (text) => console.log(indented(shorten(text))),
    run: async (command, args, options = {}) => {
      if (options.quiet !== true) console.log(bold(shorten(`  $ ${[command, ...args].join(' ')}`)));
      const result = await runCommand(command, args, options.env ?? {});
      if (options.quiet !== true && result.output !== '') console.log(indented(shorten(result.output.trimEnd())));
      if (!(options.expected ?? [0]).includes(result.status ?? -1)) {
        throw new Error(`${command} ${args.join(' ')} ended with ${result.status}: ${result.output}`);
      }
      return result;
    },
  };
}

async function runCommand(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<CommandResult & { output: string }> {
  return await new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    let stdout = '';
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, output }));
  });
}
