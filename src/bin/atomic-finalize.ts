import process from 'node:process';
import { createJob } from '../base/index.ts';
import { finalizeStaged, openSysroot } from '../sysroot/index.ts';
import { findSysroot } from './find-sysroot.ts';
import { parseSettings } from './parse-settings.ts';
import { runMain } from './run-main.ts';

const settings = {
  sysroot: 'physical root to work on (default: the one this machine runs from)',
  'boot-record': 'JSON file that says how that root counts as booted',
} as const;

async function main(argv: readonly string[]): Promise<void> {
  const given = parseSettings(argv, settings);
  const { path, boot } = findSysroot({ sysroot: given.sysroot, bootRecord: given['boot-record'] });
  using sysroot = openSysroot(path, boot);
  const job = createJob({
    report: (event) => {
      if (event.kind === 'note') process.stdout.write(`${event.text}\n`);
    },
  });
  const outcome = await finalizeStaged(sysroot, job);
  if (outcome.kind === 'finalized') process.stdout.write(`Finalized deployment ${outcome.id}\n`);
}

void runMain({
  name: 'atomic-finalize',
  about: 'Makes the staged deployment the default of the next boot; runs while the machine goes down.',
  settings,
  main,
});
