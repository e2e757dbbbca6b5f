import process from 'node:process';
import { createJob } from '../base/index.ts';
import { runOstree } from '../ostree-cli/index.ts';
import { terminalSafe } from './terminal-safe.ts';
import { version } from './version.ts';

async function main(): Promise<void> {
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const [shown, shownError] = [terminalSafe(process.stdout), terminalSafe(process.stderr)];
  process.exitCode = await runOstree({
    argv: process.argv.slice(2),
    env: process.env,
    version,
    cwd: process.cwd(),
    now: () => new Date(),
    job: createJob({ signal: abort.signal }),
    write: (output) => {
      process.stdout.write(shown(output));
    },
    writeError: (text) => {
      process.stderr.write(shownError(text));
    },
  });
}

void main();
