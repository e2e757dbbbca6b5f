import { type CliContext, runCli } from '../../src/cli/index.ts';

/** What a command line did, as a shell would see it. */
export interface CliOutcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A screen that keeps what is written to it. */
export function captureScreen(options: { isTerminal?: boolean; columns?: number; color?: boolean } = {}) {
  const written: string[] = [];
  return {
    isTerminal: options.isTerminal ?? false,
    columns: options.columns ?? 80,
    color: options.color ?? false,
    write: (text: string): void => void written.push(text),
    text: (): string => written.join(''),
  };
}

/** Runs a command line in this process, on a machine that was not booted from a deployment unless `over` says otherwise. */
export async function runCommandLine(argv: readonly string[], over: Partial<CliContext> = {}): Promise<CliOutcome> {
  const stdout = captureScreen();
  const stderr = captureScreen();
  const status = await runCli({
    program: 'rpm-ostree',
    argv,
    env: {},
    version: '1.2.3',
    stdout,
    stderr,
    now: () => new Date(0),
    nowMs: () => performance.now(),
    isOstreeBooted: async () => await Promise.resolve(false),
    onInterrupt: () => ({ [Symbol.dispose]: () => undefined }),
    openEmbedded: () => {
      throw new Error('this test has no embedded agent');
    },
    ...over,
  });
  return { status, stdout: stdout.text(), stderr: stderr.text() };
}
