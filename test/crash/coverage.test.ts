/**
 * Proof that the crash tests reach every call: a run of each verb is traced by `strace`, and each mutating system call
 * below the sysroot, /boot and /run is one that the addon counted, so one that a crash point stands before.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundleChild } from '../support/bundle-child.ts';
import type { CrashRequest } from '../support/crash-child.ts';
import { runChild } from '../support/crash-scene.ts';
import { makeHost } from '../support/make-host.ts';
import { countMutations, mutatingCalls } from '../support/traced-calls.ts';

const work = mkdtempSync(join(tmpdir(), 'atomic-coverage-'));
let program = '';

beforeAll(async () => {
  program = await bundleChild('crash-child.ts', work);
});

afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

/** Runs one verb under strace; what the addon counted beside what the kernel saw. */
async function trace(verb: CrashRequest['verb'], directory: string, boot: CrashRequest['boot']) {
  const log = join(work, `${verb}.strace`);
  const strace = ['strace', '-f', '-qq', '-y', '-s', '0', '-o', log, '-e', `trace=${mutatingCalls.join(',')}`];
  const { reply, stderr } = await runChild(
    program,
    { verb, directory, ...(boot === undefined ? {} : { boot }) },
    strace,
  );
  expect({ error: reply?.error, stderr }).toEqual({ error: undefined, stderr: '' });
  const seen = countMutations(readFileSync(log, 'utf8'), directory);
  const total = [...seen.values()].reduce((sum, count) => sum + count, 0);
  const kinds = [...seen].sort(([left], [right]) => (left < right ? -1 : 1)).map(([name, count]) => `${name} ${count}`);
  console.log(
    `${verb}: strace saw ${total} mutating calls, the addon counted ${reply?.mutations}: ${kinds.join(', ')}`,
  );
  return { counted: reply?.mutations, total };
}

it('sees no mutating call of any verb that the addon did not count', { timeout: 600_000 }, async () => {
  await using host = await makeHost();
  host.releases.add({ version: '2', files: { 'usr/etc/new.conf': 'new', 'usr/share/two': 'two' } });
  const steps: [CrashRequest['verb'], (() => void) | undefined][] = [
    ['upgrade', undefined],
    ['finalize', undefined],
    ['complete-boot', () => host.start()],
    ['rollback', undefined],
    ['cleanup', undefined],
  ];
  for (const [verb, prepare] of steps) {
    prepare?.();
    const { counted, total } = await trace(verb, host.directory, host.host.boot);
    expect(total, verb).toBeGreaterThan(0);
    expect(counted, verb).toBe(total);
  }
});
