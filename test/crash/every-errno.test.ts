/**
 * An errno instead of every mutating system call of every verb: the disk is full, broken or read-only, the process is out of
 * descriptors or memory. After each, other processes look: what boots is exactly the old list or the new one, the
 * repositories are clean, nothing half-written is left, no lock is held, the error says what could not be done, and the
 * same verb run again succeeds with the same end.
 */
import { readdirSync, mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleChild } from '../support/bundle-child.ts';
import { acts, makeScene, requestFor } from '../support/crash-acts.ts';
import {
  describeDeployment,
  discard,
  judge,
  runChild,
  setUp,
  type ChildEnd,
  type Verdict,
} from '../support/crash-scene.ts';
import { runVerb } from '../support/run-verb.ts';

type ErrnoName = 'ENOSPC' | 'EIO' | 'EROFS' | 'EDQUOT' | 'EMFILE' | 'ENOMEM';

const names: readonly ErrnoName[] = ['ENOSPC', 'EIO', 'EROFS', 'EDQUOT', 'EMFILE', 'ENOMEM'];

/** What each errno may be called: a full disk is never "I/O", and a full /boot is known to be /boot. */
const codes: Readonly<Record<ErrnoName, readonly string[]>> = {
  ENOSPC: ['NoSpace', 'BootFull'],
  EDQUOT: ['NoSpace', 'BootFull'],
  EROFS: ['ReadOnly'],
  EIO: ['Io'],
  EMFILE: ['Io'],
  ENOMEM: ['Io'],
};

/** Verbs of at most this many calls are failed twice at each, with two errnos. */
const fewCalls = 80;

const work = mkdtempSync(join(tmpdir(), 'atomic-errno-'));
const totals = { points: 0, failed: 0, tolerated: 0 };
let program = '';

beforeAll(async () => {
  program = await bundleChild('crash-child.ts', work);
});

afterAll(() => {
  rmSync(work, { recursive: true, force: true });
  console.log(
    `calls failed: ${totals.points}; the verb failed after ${totals.failed}, and did without the call after ${totals.tolerated}`,
  );
});

/** Which call fails, and how. */
interface Fault {
  readonly call: number;
  readonly name: ErrnoName;
}

function faultsOf(calls: number): readonly Fault[] {
  const rounds = calls <= fewCalls ? [0, 1] : [0];
  return rounds.flatMap((round) =>
    Array.from({ length: calls }, (_, index) => ({ call: index + 1, name: names[(index + round) % 6] ?? 'EIO' })),
  );
}

/** A child run that must come to its end without an error; its count of mutating calls. */
async function mustRun(request: Parameters<typeof runChild>[1]): Promise<number> {
  const { reply, signal, stderr } = await runChild(program, request);
  expect({ signal, error: reply?.error, stderr }).toEqual({ signal: null, error: undefined, stderr: '' });
  return reply?.mutations ?? 0;
}

/** Names that only a file in the making has. */
function halfWritten(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /(^|\/)\.(tmp-[^/]*|[^/]+\.\d+-[0-9a-z]{1,8})$/.test(path),
  );
}

/** The error is one of ours, of the right kind, and a sentence that names what was tried. */
function expectSentence(error: { readonly code: string; readonly message: string }, { call, name }: Fault): void {
  const where = `call ${call}, ${name}: ${error.code}: ${error.message}`;
  expect(codes[name], where).toContain(error.code);
  expect(error.message, where).toMatch(/^(Cannot|Could not) [a-z]+ \S+.*: \S+/);
}

/** The list and the default of a state, as one value that can only be the old or the new one. */
function stateOf({ boots, list }: Verdict): string {
  return JSON.stringify({ boots, list });
}

function expectUsable(end: ChildEnd, left: Verdict, directory: string): void {
  expect(
    {
      signal: end.signal,
      stderr: end.stderr,
      leaked: end.reply?.leaked,
      faults: left.faults,
      halfWritten: halfWritten(directory),
    },
    JSON.stringify(end.reply),
  ).toEqual({ signal: null, stderr: '', leaked: [], faults: [], halfWritten: [] });
}

describe.each(acts)('an errno at every call of $name', (act) => {
  it(
    'leaves exactly the old or the new list, says what could not be done, and can be run again',
    { timeout: 1_800_000 },
    async () => {
      const { scene, host } = await makeScene(act, async (verb, { host: { boot }, directory }) => {
        await mustRun(requestFor(verb, boot, directory));
      });
      await using _host = host;
      const directories = [join(work, `${act.verb}-a`), join(work, `${act.verb}-b`)];
      const [first = ''] = directories;
      const describeAll = (directory: string, { list }: Verdict) =>
        new Map(list.map((name) => [name, describeDeployment(join(directory, 'sysroot'), name)]));

      const boot = setUp(scene, first);
      const before = await judge(join(first, 'sysroot'), boot);
      const oldTrees = describeAll(first, before);
      const calls = await mustRun(requestFor(act.verb, boot, first));
      const after = await judge(join(first, 'sysroot'), boot);
      const newTrees = describeAll(first, after);
      expect([before.faults, after.faults, halfWritten(first)]).toEqual([[], [], []]);
      expect(calls).toBeGreaterThan(5);
      const counts = { failed: 0, tolerated: 0 };

      const failAt = async (fault: Fault, directory: string): Promise<void> => {
        const record = setUp(scene, directory);
        const sysroot = join(directory, 'sysroot');
        const where = `call ${fault.call} of ${calls} failed with ${fault.name}`;
        const armed = { errorAt: fault.call, errno: constants.errno[fault.name] };
        const end = await runChild(program, { ...requestFor(act.verb, record, directory), ...armed });
        const left = await judge(sysroot, record);
        const { error } = end.reply ?? {};
        expectUsable(end, left, directory);
        if (error !== undefined) expectSentence(error, fault);
        const allowed = error === undefined ? [stateOf(after)] : [stateOf(before), stateOf(after)];
        expect(allowed, `${where}: ${JSON.stringify(error)}`).toContain(stateOf(left));
        for (const name of left.list) {
          const whole = describeDeployment(sysroot, name) === (oldTrees.get(name) ?? newTrees.get(name));
          expect(whole, `${where}: ${name} is whole`).toBe(true);
        }
        counts[error === undefined ? 'tolerated' : 'failed'] += 1;
        // In this process, which saves every second start of a program; that the failed one holds no lock was seen above.
        await runVerb({ verb: act.verb, sysrootPath: sysroot, stateDir: join(directory, 'state'), boot: record });
        const again = await judge(sysroot, record);
        const isBack = act.toggles === true && stateOf(left) === stateOf(after);
        expect({ where, ...again }).toEqual({ where, ...(isBack ? before : after) });
      };

      const faults = faultsOf(calls);
      let next = 0;
      const worker = async (directory: string): Promise<void> => {
        for (let fault = faults[next++]; fault !== undefined; fault = faults[next++]) await failAt(fault, directory);
      };
      await Promise.all(directories.map(worker));
      console.log(
        `${act.name}: ${calls} mutating calls, ${faults.length} failed calls: ` +
          `${counts.failed} failures, ${counts.tolerated} done without`,
      );
      totals.points += faults.length;
      totals.failed += counts.failed;
      totals.tolerated += counts.tolerated;
      for (const directory of [...directories, scene.template]) discard(directory);
    },
  );
});
