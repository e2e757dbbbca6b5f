/** Runs the real `ostree`, the independent judge of what we write. */
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';

/** How a run of the real tool ended. */
export interface OstreeRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `ostree` and returns how it ended, whatever that is. */
export function tryOstree(...args: readonly string[]): OstreeRun {
  const { status, stdout, stderr, error } = spawnSync('ostree', args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (error !== undefined) throw error;
  return { status: status ?? -1, stdout, stderr };
}

/** Runs `ostree`, which must succeed, and returns what it printed. */
export function ostree(...args: readonly string[]): string {
  const run = tryOstree(...args);
  if (run.status !== 0) throw new Error(`ostree ${args.join(' ')} failed (${run.status}): ${run.stderr}${run.stdout}`);
  return run.stdout;
}

/** Starts `ostree` and lets it run; it ends when its standard input does, if it reads that. */
export function startOstree(...args: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn('ostree', args, { stdio: 'pipe' });
}
