import { cpSync, existsSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { createJob } from '../../src/base/index.ts';
import { cleanup, upgrade } from '../../src/transactions/index.ts';
import { expectAgreement, listeningJob, makeHost } from '../support/make-host.ts';
import { ostree } from '../support/real-ostree.ts';

const job = createJob();

describe('cleanup', () => {
  it('needs to be told what', async () => {
    await using machine = await makeHost();
    await expect(cleanup(machine.host, {}, job)).rejects.toMatchObject({
      code: 'InvalidArgument',
      message: 'At least one cleanup option must be specified',
    });
  });

  it('removes a staged update and the objects that only it had', async () => {
    await using machine = await makeHost();
    const files = { 'usr/share/big': new Uint8Array(2_000_000).fill(3) };
    const second = machine.releases.add({ version: '2', files });
    await upgrade(machine.host, {}, job);
    const { job: heardJob, notes } = listeningJob();
    const outcome = await cleanup(machine.host, { pending: true }, heardJob);
    expect(outcome.kind).toBe('cleaned');
    expect(machine.order()).toEqual([`*${machine.first}`]);
    expectAgreement(machine);
    await machine.reboot();
    expect(machine.order()).toEqual([`*${machine.first}`]);
    expect(notes().join('\n')).not.toContain('Deployments unchanged.');
    // The ref still names what was downloaded: the next upgrade takes it from the cache.
    expect(ostree(`--repo=${machine.sysrootPath}/ostree/repo`, 'rev-parse', 'origin:vendor/stable').trim()).toBe(
      second,
    );
  });

  it('removes the rollback; its space comes free when a boot no longer names it, and that is said', async () => {
    await using machine = await makeHost({
      release: { files: { 'usr/share/big': new Uint8Array(2_000_000).fill(5) } },
    });
    const second = machine.releases.add({ version: '2' });
    await upgrade(machine.host, {}, job);
    await machine.reboot();
    expect(await cleanup(machine.host, { rollback: true }, job)).toMatchObject({ kind: 'cleaned' });
    expect(machine.order()).toEqual([`*${second}`]);
    expectAgreement(machine);
    await machine.reboot();
    const { job: heardJob, notes } = listeningJob();
    const outcome = await cleanup(machine.host, { base: true }, heardJob);
    expect(outcome.message).toMatch(/^Freed: 2\.\d MB$/);
    expect(notes()).toContain(outcome.message);
    expect(machine.order()).toEqual([`*${second}`]);
    expectAgreement(machine);
  });

  it('says when there was nothing to remove', async () => {
    await using machine = await makeHost();
    for (const options of [
      { pending: true },
      { rollback: true },
      { pending: true, rollback: true, base: true, repomd: true },
    ]) {
      const { job: heardJob, notes } = listeningJob();
      const outcome = await cleanup(machine.host, options, heardJob);
      expect(outcome.message?.split('\n')[0]).toBe('Deployments unchanged.');
      expect(notes()).toContain('Deployments unchanged.');
    }
    expect(machine.order()).toEqual([`*${machine.first}`]);
    expectAgreement(machine);
  });

  it('keeps a pinned rollback', async () => {
    await using machine = await makeHost();
    const second = machine.releases.add({ version: '2' });
    await upgrade(machine.host, {}, job);
    await machine.reboot();
    ostree('admin', `--sysroot=${machine.sysrootPath}`, 'pin', '1');
    expect(await cleanup(machine.host, { rollback: true }, job)).toMatchObject({ message: 'Deployments unchanged.' });
    expect(machine.order()).toEqual([`*${second}`, machine.first]);
    expectAgreement(machine);
  });

  it('has no package metadata to remove', async () => {
    await using machine = await makeHost();
    const outcome = await cleanup(machine.host, { repomd: true }, job);
    expect(outcome).toEqual({ kind: 'cleaned', rebootRequested: false });
  });

  it('removes what a killed update left behind', async () => {
    await using machine = await makeHost();
    const { booted } = machine.list();
    const leftover = `${machine.sysrootPath}/ostree/deploy/vendor/deploy/${'ab'.repeat(32)}.0`;
    cpSync(`${machine.sysrootPath}/${booted?.path}/usr/lib`, leftover, { recursive: true });
    await cleanup(machine.host, { base: true }, job);
    expect(existsSync(leftover)).toBe(false);
    expect(machine.order()).toEqual([`*${machine.first}`]);
  });
});
