/** What SIGKILL or a power cut in the middle of a change must not do to a sysroot, call by call. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJob } from '../../../src/base/index.ts';
import { interceptSyscalls } from '../../../src/platform/index.ts';
import { listRefs } from '../../../src/repo/index.ts';
import {
  cleanup,
  completeBoot,
  finalizeStaged,
  loadDeployments,
  lockSysroot,
  openSysroot,
} from '../../../src/sysroot/index.ts';
import { makeSysroot } from '../../support/make-sysroot.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

describe('the refs of deployments', () => {
  it('name the commit of every deployment at every moment while a staged one is taken off the list', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 2 });
    await host.upgrade({ version: '3', files: { 'usr/share/three': 'three' } });
    using sysroot = host.open();
    const kept = loadDeployments(sysroot)
      .deployments.filter(({ staged }) => !staged)
      .map(({ checksum }) => checksum);
    const lost: string[] = [];
    using _interception = interceptSyscalls((name, original) => (...args) => {
      const answer = original(...args);
      if (name !== 'renameat2' && name !== 'unlinkat') return answer;
      const named = new Set(listRefs(sysroot.repo, 'ostree').values());
      lost.push(...kept.filter((checksum) => !named.has(checksum)));
      return answer;
    });
    await cleanup(sysroot, { pending: true }, createJob());
    expect(lost).toEqual([]);
    expect(loadDeployments(sysroot).deployments).toHaveLength(2);
  });
});

describe('finalizing', () => {
  it('that cannot have the sysroot leaves the reason for the next boot, where something is staged', async () => {
    const host = await makeSysroot(makeTempDir());
    const finalize = async (): Promise<unknown> => {
      using sysroot = host.open();
      return await finalizeStaged(sysroot, createJob(), { timeoutMs: 0 }).catch((error: unknown) => error);
    };
    const stamp = join(host.path, 'boot/ostree/finalize-failure.stamp');
    using holder = host.open();
    {
      using _lock = await lockSysroot(holder, createJob());
      expect(await finalize()).toMatchObject({ code: 'UpdateInProgress' });
      expect(readdirSync(join(stamp, '..'))).not.toContain('finalize-failure.stamp');
    }
    await host.upgrade({ version: '2' });
    {
      using _lock = await lockSysroot(holder, createJob());
      expect(await finalize()).toMatchObject({ code: 'UpdateInProgress' });
    }
    expect(readFileSync(stamp, 'utf8')).toMatch(/Another program/);
    host.start();
    using sysroot = host.open();
    expect((await completeBoot(sysroot, createJob())).finalizeFailure).toMatch(/Another program/);
  });
});

describe('cleaning up', () => {
  it('removes the temporary files of writers that were killed, and nothing else that begins with a dot', async () => {
    const host = await makeSysroot(makeTempDir());
    const deploy = `ostree/deploy/${host.stateroot}/deploy`;
    const at = (path: string) => join(host.path, path);
    symlinkSync('boot.1.1', at('ostree/.boot.1.123-abc'));
    mkdirSync(at('ostree/.mine'));
    for (const path of [`${deploy}/.${'a'.repeat(64)}.0.origin.7-x`, 'boot/ostree/.finalize-failure.stamp.7-x'])
      writeFileSync(at(path), '');
    for (const path of [`${deploy}/.keep`, 'boot/ostree/.keep']) writeFileSync(at(path), '');
    using sysroot = openSysroot(host.path, host.boot);
    await cleanup(sysroot, { base: true }, createJob());
    const hidden = ['ostree', deploy, 'boot/ostree'].map((path) =>
      readdirSync(at(path)).filter((name) => name.startsWith('.')),
    );
    expect(hidden).toEqual([['.mine'], ['.keep'], ['.keep']]);
  });
});
