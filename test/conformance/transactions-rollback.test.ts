import { describe, expect, it } from 'vitest';

import { type Checksum, createJob } from '../../src/base/index.ts';
import { rollback, upgrade } from '../../src/transactions/index.ts';
import { expectAgreement, type FollowingHost, listeningJob, makeHost } from '../support/make-host.ts';
import { ostree } from '../support/real-ostree.ts';

const job = createJob();

/** Upgrades to a second release and boots it. */
async function withRollback(machine: FollowingHost): Promise<Checksum> {
  const second = machine.releases.add({ version: '2' });
  await upgrade(machine.host, {}, job);
  await machine.reboot();
  return second;
}

describe('rollback', () => {
  it('makes the deployment behind the booted one the next boot', async () => {
    await using machine = await makeHost();
    const second = await withRollback(machine);
    const { job, notes } = listeningJob();
    const outcome = await rollback(machine.host, {}, job);
    expect(outcome).toMatchObject({ kind: 'rolled-back', deploymentId: `vendor-${machine.first}.0` });
    expect(notes()[0]).toBe(`Moving '${machine.first}.0' to be first deployment`);
    expect(machine.order()).toEqual([machine.first, `*${second}`]);
    expectAgreement(machine);
    await machine.reboot();
    expect(machine.order()).toEqual([`*${machine.first}`, second]);
    expect(machine.read('usr/lib/os-release')).toContain('VERSION_ID=1');
    expectAgreement(machine);
  });

  it('done twice is where it began', async () => {
    await using machine = await makeHost();
    await withRollback(machine);
    const before = machine.order();
    await rollback(machine.host, {}, job);
    await rollback(machine.host, {}, job);
    expect(machine.order()).toEqual(before);
    expectAgreement(machine);
  });

  it('asks for the reboot that was wanted', async () => {
    await using machine = await makeHost();
    await withRollback(machine);
    expect(await rollback(machine.host, { reboot: true }, job)).toMatchObject({ rebootRequested: true });
    expect(await rollback(machine.host, {}, job)).toMatchObject({ rebootRequested: false });
  });

  it('says that there is nothing to go back to', async () => {
    await using machine = await makeHost();
    await expect(rollback(machine.host, { reboot: true }, job)).rejects.toMatchObject({
      code: 'NoRollback',
      message: 'No rollback deployment found',
    });
    expect(machine.order()).toEqual([`*${machine.first}`]);
  });

  it('does not throw a staged update away', async () => {
    await using machine = await makeHost();
    await withRollback(machine);
    machine.releases.add({ version: '3' });
    await upgrade(machine.host, {}, job);
    const before = machine.order();
    await expect(rollback(machine.host, {}, job)).rejects.toMatchObject({
      code: 'StagedExists',
      message: 'Staged deployment (remove with cleanup -p)',
    });
    expect(machine.order()).toEqual(before);
  });

  it('puts the second first where nothing is booted', async () => {
    await using machine = await makeHost({ booted: false });
    const second = machine.releases.add({ version: '2' });
    await upgrade(machine.host, {}, job);
    await rollback(machine.host, {}, job);
    expect(machine.order()).toEqual([machine.first, second]);
    expectAgreement(machine);
  });

  it('keeps the changes of /etc of each system apart', async () => {
    await using machine = await makeHost();
    await withRollback(machine);
    expect(machine.read('etc/vendor.conf')).toBe('version=2\n');
    await rollback(machine.host, {}, job);
    await machine.reboot();
    expect(machine.read('etc/vendor.conf')).toBe('version=1\n');
  });

  it('works on a system whose list the real ostree has written', async () => {
    await using machine = await makeHost({ booted: false });
    const second = machine.releases.add({ version: '2' });
    await upgrade(machine.host, {}, job);
    ostree('admin', `--sysroot=${machine.sysrootPath}`, 'pin', '1');
    await rollback(machine.host, {}, job);
    expect(machine.order()).toEqual([machine.first, second]);
    expect(machine.list().deployments[0]?.pinned).toBe(true);
    expectAgreement(machine);
  });

  it('does not begin when it was cancelled before', async () => {
    await using machine = await makeHost();
    await withRollback(machine);
    const before = machine.order();
    const aborted = createJob({ signal: AbortSignal.abort() });
    await expect(rollback(machine.host, {}, aborted)).rejects.toMatchObject({ code: 'Cancelled' });
    expect(machine.order()).toEqual(before);
  });
});
