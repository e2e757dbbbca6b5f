/** Runs our `ostree` in this process, as the real one is run by `tryOstree`. */
import { createJob } from '../../src/base/index.ts';
import { runOstree } from '../../src/ostree-cli/index.ts';
import type { OstreeRun } from './real-ostree.ts';

/** What differs from a plain run: the environment and the working directory it is told. */
export interface RunOstreeOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

/** Runs a command line and returns how it ended. Paths in it are absolute: the process keeps its own directory. */
export async function tryOurOstree(argv: readonly string[], options: RunOstreeOptions = {}): Promise<OstreeRun> {
  const stdout: Buffer[] = [];
  const stderr: string[] = [];
  const status = await runOstree({
    argv,
    env: options.env ?? {},
    cwd: options.cwd ?? '/',
    version: '1.2.3',
    now: () => new Date(),
    job: createJob(),
    write: (output) => void stdout.push(Buffer.from(output)),
    writeError: (text) => void stderr.push(text),
  });
  return { status, stdout: Buffer.concat(stdout).toString('utf8'), stderr: stderr.join('') };
}

/** As {@link tryOurOstree}, for a command line that must succeed; returns what it printed. */
export async function ourOstree(...argv: readonly string[]): Promise<string> {
  const run = await tryOurOstree(argv);
  if (run.status !== 0) throw new Error(`ostree ${argv.join(' ')} failed (${run.status}): ${run.stderr}${run.stdout}`);
  return run.stdout;
}
