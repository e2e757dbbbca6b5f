/** The built executables, run as a shell would run them. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';

const repository = resolve(import.meta.dirname, '../..');

/** How an executable ended. */
export interface ProgramResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How it is run; the environment is ours with these changes. */
export interface ProgramOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The name it is called by, where that is not its own path. */
  readonly path?: string;
  /** The user it runs as; ours unless given. */
  readonly uid?: number;
}

/** A child that runs. */
export interface RunningProgram {
  readonly child: ChildProcess;
  readonly ended: Promise<ProgramResult>;
  /** What it printed so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/** Builds dist/ unless it is that of the present sources. */
export function buildPrograms(): void {
  execFileSync(process.execPath, [join(repository, '.ci/setup.mjs'), 'build'], { stdio: 'pipe' });
}

/** The path of a built executable. */
export function programPath(name: string): string {
  return join(repository, 'dist/bin', name);
}

/** Starts an executable by its name in dist/bin. */
export function startProgram(name: string, args: readonly string[], options: ProgramOptions = {}): RunningProgram {
  const child = spawn(options.path ?? programPath(name), [...args], {
    cwd: options.cwd,
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    env: { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: undefined, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString('utf8');
  const ended = new Promise<ProgramResult>((done, fail) => {
    child.on('error', fail);
    child.on('close', (status) => done({ status, stdout: text(stdout), stderr: text(stderr) }));
  });
  return { child, ended, stdout: () => text(stdout), stderr: () => text(stderr) };
}

/** Runs an executable to its end. */
export async function runProgram(
  name: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  return await startProgram(name, args, options).ended;
}
