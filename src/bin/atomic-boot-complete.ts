import process from 'node:process';
import { createJob } from '../base/index.ts';
import { completeBoot, openSysroot } from '../sysroot/index.ts';
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
  const { finalizeFailure, removed } = await completeBoot(sysroot, job);
  for (const id of removed) process.stdout.write(`Removed deployment ${id}\n`);
  // The unit shows as failed: somebody has to see that the upgrade did not happen.
  if (finalizeFailure !== undefined) process.exitCode = 1;
}

void runMain({
  name: 'atomic-boot-complete',
  about: 'Ends a boot: tells whether the last shutdown failed to finalize, and tidies what only an older boot named.',
  settings,
  main,
});
