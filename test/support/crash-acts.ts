/** The verbs that the crash tests disturb, each with the state it starts from. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CrashRequest } from './crash-child.ts';
import { saveScene, type Scene } from './crash-scene.ts';
import { makeHost, type FollowingHost } from './make-host.ts';

export type Verb = CrashRequest['verb'];

/** One verb and the state it starts from. */
export interface Act {
  readonly name: string;
  readonly verb: Verb;
  /** Run again when it was done already, this verb goes back: rollback twice is where one began. */
  readonly toggles?: boolean;
  /** Brings the host from "release 1 is booted, release 2 published" to where the verb starts. */
  readonly prepare: (host: FollowingHost, run: (verb: Verb) => Promise<void>) => Promise<void>;
}

/** Every verb that changes what boots, or tidies up after one that did. */
export const acts: readonly Act[] = [
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

/**
 * A host in the state from which the act's verb starts, running (its server serves the releases) and saved as a scene; `run`
 * carries a verb out on it, in a process of its own.
 */
export async function makeScene(
  act: Act,
  run: (verb: Verb, host: FollowingHost) => Promise<void>,
): Promise<{ scene: Scene; host: FollowingHost }> {
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
  await act.prepare(host, async (verb) => await run(verb, host));
  const { boot } = host.host;
  if (boot === undefined) throw new Error('the host is not booted');
  return { scene: saveScene(host.directory, boot), host };
}

/** What the child is asked to do on the host in `directory`. */
export function requestFor(verb: Verb, boot: FollowingHost['host']['boot'], directory: string) {
  return { verb, directory, ...(boot === undefined ? {} : { boot }) };
}
