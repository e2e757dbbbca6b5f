/**
 * SIGKILL just before every mutating system call of every verb. After each, other processes look: the boot loader's view,
 * the real `ostree` and our own agree on a list that is exactly the old or the new one, both fscks are clean, old
 * deployments are untouched, and the same verb run again succeeds with the same end.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleChild } from '../support/bundle-child.ts';
import { acts, makeScene, requestFor } from '../support/crash-acts.ts';
import { describeDeployment, discard, judge, runChild, setUp, type Verdict } from '../support/crash-scene.ts';

const work = mkdtempSync(join(tmpdir(), 'atomic-crash-'));
const totals = { points: 0, old: 0, new: 0 };
let program = '';

beforeAll(async () => {
  program = await bundleChild('crash-child.ts', work);
});

afterAll(() => {
  rmSync(work, { recursive: true, force: true });
  console.log(
    `crash points tried: ${totals.points}; booted the old list after ${totals.old}, the new one after ${totals.new}`,
  );
});

/** A child run that must come to its end without an error; its count of mutating calls. */
async function mustRun(request: Parameters<typeof runChild>[1]): Promise<number> {
  const { reply, signal, stderr } = await runChild(program, request);
  expect({ signal, error: reply?.error, stderr }).toEqual({ signal: null, error: undefined, stderr: '' });
  return reply?.mutations ?? 0;
}

/** The list and the default of a state, as one value that can only be the old or the new one. */
function stateOf({ boots, list }: Verdict): string {
  return JSON.stringify({ boots, list });
}

describe.each(acts)('SIGKILL at every call of $name', (act) => {
  it(
    'leaves exactly the old or the new list, clean repositories, and a verb that can be run again',
    { timeout: 1_800_000 },
    async () => {
      const { scene, host } = await makeScene(act, async (verb, { host: { boot }, directory }) => {
        await mustRun(requestFor(verb, boot, directory));
      });
      await using _host = host;
      const directories = [join(work, `${act.verb}-a`), join(work, `${act.verb}-b`)];
      const [first = ''] = directories;
      const sysroot = (directory: string): string => join(directory, 'sysroot');

      const boot = setUp(scene, first);
      const before = await judge(sysroot(first), boot);
      const oldTrees = new Map(before.list.map((name) => [name, describeDeployment(sysroot(first), name)]));
      const calls = await mustRun(requestFor(act.verb, boot, first));
      const after = await judge(sysroot(first), boot);
      expect(before.faults).toEqual([]);
      expect(after.faults).toEqual([]);
      expect(calls).toBeGreaterThan(5);
      const newTrees = new Map(after.list.map((name) => [name, describeDeployment(sysroot(first), name)]));

      const crashAt = async (point: number, directory: string): Promise<void> => {
        const record = setUp(scene, directory);
        const killed = await runChild(program, { ...requestFor(act.verb, record, directory), crashAt: point });
        const left = await judge(sysroot(directory), record);
        const where = `SIGKILL before call ${point} of ${calls}`;
        expect({ where, signal: killed.signal }).toEqual({ where, signal: 'SIGKILL' });
        expect({ where, faults: left.faults }).toEqual({ where, faults: [] });
        expect([stateOf(before), stateOf(after)], where).toContain(stateOf(left));
        for (const name of left.list) {
          const expected = oldTrees.get(name) ?? newTrees.get(name);
          expect(describeDeployment(sysroot(directory), name) === expected, `${where}: ${name} is whole`).toBe(true);
        }
        totals.points += 1;
        totals[stateOf(left) === stateOf(before) ? 'old' : 'new'] += 1;
        await mustRun(requestFor(act.verb, record, directory));
        const again = await judge(sysroot(directory), record);
        const end = act.toggles === true && stateOf(left) === stateOf(after) ? before : after;
        expect({ where, ...again }).toEqual({ where, ...end });
      };

      let next = 1;
      const worker = async (directory: string): Promise<void> => {
        for (let point = next++; point <= calls; point = next++) await crashAt(point, directory);
      };
      await Promise.all(directories.map(worker));
      console.log(`${act.name}: ${calls} mutating calls, ${calls} crash points`);
      for (const directory of [...directories, scene.template]) discard(directory);
    },
  );
});
