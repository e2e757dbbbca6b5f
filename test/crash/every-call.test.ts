/**
 * SIGKILL just before every mutating system call of every verb. After each, other processes look: the boot loader's view,
 * the real `ostree` and our own agree on a list that is exactly the old or the new one, both fscks are clean, old
 * deployments are untouched, and the same verb run again succeeds with the same end.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleChild } from '../support/bundle-child.ts';
import type { CrashRequest } from '../support/crash-child.ts';
import {
  describeDeployment,
  discard,
  judge,
  runChild,
  saveScene,
  setUp,
  type Scene,
  type Verdict,
} from '../support/crash-scene.ts';
import { makeHost, type FollowingHost } from '../support/make-host.ts';

type Verb = CrashRequest['verb'];

/** One verb and the state it starts from. */
interface Act {
  readonly name: string;
  readonly verb: Verb;
  /** Run again when it was done already, this verb goes back: rollback twice is where one began. */
  readonly toggles?: boolean;
  /** Brings the host from "release 1 is booted, release 2 published" to where the verb starts. */
  readonly prepare: (host: FollowingHost, run: (verb: Verb) => Promise<void>) => Promise<void>;
}

const acts: readonly Act[] = [
  { name: 'upgrade (pull and stage)', verb: 'upgrade', prepare: async () => undefined },
  {
    name: 'finalize',
    verb: 'finalize',
    prepare: async (_host, run) => {
      await run('upgrade');
    },
  },
  {
    name: 'boot-complete after an upgrade',
    verb: 'complete-boot',
    prepare: async (host, run) => {
      await run('upgrade');
      await host.reboot();
      host.releases.add({ version: '3', files: { 'usr/lib/modules/6.1.0-test/initramfs.img': 'initramfs 3' } });
      await run('upgrade');
      await run('finalize');
      host.start();
    },
  },
  {
    name: 'rollback',
    verb: 'rollback',
    toggles: true,
    prepare: async (host, run) => {
      await run('upgrade');
      await host.reboot();
    },
  },
  {
    name: 'cleanup of staged, rollback and garbage',
    verb: 'cleanup',
    prepare: async (host, run) => {
      await run('upgrade');
      await host.reboot();
      host.releases.add({ version: '3', files: { 'usr/share/three': 'three' } });
      await run('upgrade');
    },
  },
];

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

function requestFor(verb: Verb, boot: FollowingHost['host']['boot'], directory: string) {
  return { verb, directory, ...(boot === undefined ? {} : { boot }) };
}

/** A child run that must come to its end without an error; its count of mutating calls. */
async function mustRun(request: Parameters<typeof runChild>[1]): Promise<number> {
  const { reply, signal, stderr } = await runChild(program, request);
  expect({ signal, error: reply?.error, stderr }).toEqual({ signal: null, error: undefined, stderr: '' });
  return reply?.mutations ?? 0;
}

async function makeScene(act: Act): Promise<{ scene: Scene; host: FollowingHost }> {
  const host = await makeHost({
    release: { files: { 'usr/etc/app.conf': 'default 1', 'usr/etc/other.conf': 'other' } },
  });
  writeFileSync(join(host.directory, 'sysroot', host.list().deployments[0]?.path ?? '', 'etc/app.conf'), 'edited');
  host.releases.add({
    version: '2',
    files: {
      'usr/etc/app.conf': 'default 2',
      'usr/etc/new.conf': 'new',
      'usr/lib/modules/6.1.0-test/initramfs.img': 'initramfs 2',
    },
  });
  await act.prepare(host, async (verb) => {
    await mustRun(requestFor(verb, host.host.boot, host.directory));
  });
  const { boot } = host.host;
  if (boot === undefined) throw new Error('the host is not booted');
  return { scene: saveScene(host.directory, boot), host };
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
      const { scene, host } = await makeScene(act);
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
