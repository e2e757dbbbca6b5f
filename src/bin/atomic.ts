import { basename } from 'node:path';
import process from 'node:process';
import { runCli } from '../cli/index.ts';
import { openScreen } from './open-screen.ts';
import { version } from './version.ts';

/** Ctrl-C ends us unless somebody listens, and then only asks. */
function onInterrupt(listener: () => void): Disposable {
  process.on('SIGINT', listener);
  return { [Symbol.dispose]: () => void process.off('SIGINT', listener) };
}

async function main(): Promise<void> {
  const stdout = openScreen('stdout');
  process.exitCode = await runCli({
    // A link under the other name is the other program.
    program: basename(process.argv[1] ?? '') === 'rpm-ostree' ? 'rpm-ostree' : 'atomic',
    argv: process.argv.slice(2),
    env: process.env,
    version,
    stdout,
    stderr: openScreen('stderr'),
    now: () => new Date(),
    nowMs: () => performance.now(),
    isOstreeBooted: async () => (await import('./is-ostree-booted.ts')).isOstreeBooted(),
    onInterrupt,
    openEmbedded: async (options) => await (await import('./open-embedded.ts')).openEmbedded(options),
  });
}

void main();
