import { writeFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { createJob } from '../../src/base/index.ts';
import { planUpgrade, upgrade } from '../../src/transactions/index.ts';
import { expectAgreement, listeningJob, makeHost } from '../support/make-host.ts';
import { ostree } from '../support/real-ostree.ts';

const job = createJob();

/** True for a request that brings file content or trees, as opposed to refs, summary and commits. */
const bringsTree = ({ path }: { path: string }): boolean => /\.(filez|dirtree|dirmeta)$/.test(path);

describe('upgrade', () => {
  it('stages the newest release, and the reboot starts it', async () => {
    await using machine = await makeHost();
    const second = machine.releases.add({ version: '2' });
    const outcome = await upgrade(machine.host, {}, job);
    expect(outcome).toMatchObject({ kind: 'deployed', deploymentId: `vendor-${second}.0`, rebootRequested: false });
    expect(outcome.update).toMatchObject({ available: true, candidate: { version: '2' }, current: { version: '1' } });
    expect(machine.order()).toEqual([`+${second}`, `*${machine.first}`]);
    expectAgreement(machine);
    await machine.reboot();
    expect(machine.order()).toEqual([`*${second}`, machine.first]);
    expect(machine.read('usr/lib/os-release')).toContain('VERSION_ID=2');
    expectAgreement(machine);
  });

  it('says that there is nothing new, and deploys nothing', async () => {
    await using machine = await makeHost();
    const { job, notes } = listeningJob();
    const outcome = await upgrade(machine.host, { reboot: true }, job);
    expect(outcome).toMatchObject({ kind: 'unchanged', message: 'No upgrade available.', rebootRequested: false });
    expect(notes()).toEqual(['Updating from: origin:vendor/stable', 'No upgrade available.']);
    expect(machine.order()).toEqual([`*${machine.first}`]);
    machine.releases.add({ version: '2' });
    await upgrade(machine.host, {}, job);
    expect(await upgrade(machine.host, {}, job)).toMatchObject({ kind: 'unchanged' });
  });

  it('asks for a reboot when one was wanted and there is something new', async () => {
    await using machine = await makeHost();
    machine.releases.add({ version: '2' });
    expect(await upgrade(machine.host, { reboot: true }, job)).toMatchObject({ rebootRequested: true });
  });

  it('tells its steps in order', async () => {
    await using machine = await makeHost();
    machine.releases.add({ version: '2' });
    const { job, heard } = listeningJob();
    await upgrade(machine.host, {}, job);
    const phases = heard.flatMap((event) => (event.kind === 'phase' ? [event.text] : []));
    const order = ['Checking out tree', 'Staging deployment', 'Cleaning up'].map((text) => phases.indexOf(text));
    expect(order).not.toContain(-1);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(heard.some(({ kind }) => kind === 'transfer')).toBe(true);
  });

  it('replaces an update that was staged before, and chains on it', async () => {
    await using machine = await makeHost();
    machine.releases.add({ version: '2' });
    await upgrade(machine.host, {}, job);
    const third = machine.releases.add({ version: '3' });
    const outcome = await upgrade(machine.host, {}, job);
    expect(outcome.update?.current.version).toBe('2');
    expect(machine.order()).toEqual([`+${third}`, `*${machine.first}`]);
    await machine.reboot();
    expect(machine.order()).toEqual([`*${third}`, machine.first]);
    expectAgreement(machine);
  });

  it('keeps the running system and one update: the rollback goes when the next update boots', async () => {
    await using machine = await makeHost();
    const second = machine.releases.add({ version: '2' });
    await upgrade(machine.host, {}, job);
    await machine.reboot();
    const third = machine.releases.add({ version: '3' });
    await upgrade(machine.host, {}, job);
    expect(machine.order()).toEqual([`+${third}`, `*${second}`, machine.first]);
    await machine.reboot();
    expect(machine.order()).toEqual([`*${third}`, second]);
    expectAgreement(machine);
  });

  it('carries changes of /etc, also those made after staging, and kernel arguments', async () => {
    await using machine = await makeHost();
    machine.releases.add({ version: '2' });
    await upgrade(machine.host, {}, job);
    const { booted } = machine.list();
    writeFileSync(`${machine.sysrootPath}/${booted?.path}/etc/mine.conf`, 'mine');
    writeFileSync(`${machine.sysrootPath}/${booted?.path}/etc/hosts`, '10.0.0.1 changed\n');
    await machine.reboot();
    expect(machine.read('etc/mine.conf')).toBe('mine');
    expect(machine.read('etc/hosts')).toBe('10.0.0.1 changed\n');
    expect(machine.read('etc/vendor.conf')).toBe('version=2\n');
    expect(machine.list().booted?.kargs).toEqual(['root=LABEL=root', 'quiet']);
  });

  it('deploys at once where nothing is booted', async () => {
    await using machine = await makeHost({ booted: false });
    const second = machine.releases.add({ version: '2' });
    expect(await upgrade(machine.host, {}, job)).toMatchObject({ kind: 'deployed' });
    expect(machine.order()).toEqual([second, machine.first]);
    expectAgreement(machine);
    const third = machine.releases.add({ version: '3' });
    await upgrade(machine.host, {}, job);
    expect(machine.order()).toEqual([third, second]);
    expectAgreement(machine);
  });

  it('refuses a stateroot that has no deployment', async () => {
    await using machine = await makeHost();
    await expect(upgrade(machine.host, { stateroot: 'other' }, job)).rejects.toMatchObject({
      code: 'StaterootNotFound',
      message: 'OS name "other" not found',
    });
  });
});

describe('a check', () => {
  it('fetches the commit object alone and deploys nothing', async () => {
    await using machine = await makeHost();
    const second = machine.releases.add({ version: '2' });
    const outcome = await upgrade(machine.host, { checkOnly: true }, job);
    expect(outcome).toMatchObject({ kind: 'checked', rebootRequested: false });
    expect(outcome.update).toMatchObject({
      available: true,
      origin: 'origin:vendor/stable',
      candidate: { checksum: second, version: '2' },
      bootedChecksum: machine.first,
    });
    expect(machine.server.log.filter(bringsTree)).toEqual([]);
    expect(machine.order()).toEqual([`*${machine.first}`]);
    expect(ostree(`--repo=${machine.sysrootPath}/ostree/repo`, 'rev-parse', 'origin:vendor/stable').trim()).toBe(
      machine.first,
    );
  });

  it('makes the plan that the upgrade carries out', async () => {
    await using machine = await makeHost();
    machine.releases.add({ version: '2' });
    const plan = await planUpgrade(machine.host, {}, job);
    const checked = await upgrade(machine.host, { checkOnly: true }, job);
    const upgraded = await upgrade(machine.host, {}, job);
    expect(checked.update).toEqual(upgraded.update);
    expect(upgraded.update?.candidate).toEqual(plan.candidate);
  });

  it('says when there is nothing', async () => {
    await using machine = await makeHost();
    const outcome = await upgrade(machine.host, { checkOnly: true }, job);
    expect(outcome).toMatchObject({ kind: 'checked', update: { available: false } });
  });

  it('does not report an older commit as an update', async () => {
    await using machine = await makeHost();
    machine.releases.add({ version: '0', timestampSeconds: 1_600_000_000 });
    const outcome = await upgrade(machine.host, { checkOnly: true }, job);
    expect(outcome).toMatchObject({ kind: 'checked', update: { available: false } });
    expect(outcome.message).toContain('chronologically older');
  });

  it('knows what the update costs when the vendor recorded it', async () => {
    await using machine = await makeHost();
    const files = { 'usr/share/big': new Uint8Array(50_000).fill(1) };
    machine.releases.add({ version: '2', files, extraArgs: ['--generate-sizes'] });
    const { update } = await upgrade(machine.host, { checkOnly: true }, job);
    expect(update?.missingObjects).toBeGreaterThan(3);
    expect(update?.missingBytes).toBeGreaterThan(0);
  });
});

describe('an older commit', () => {
  it('is refused by an upgrade, with both times, and taken when allowed', async () => {
    await using machine = await makeHost();
    const older = machine.releases.add({ version: '0', timestampSeconds: 1_600_000_000 });
    const refused = upgrade(machine.host, {}, job);
    await expect(refused).rejects.toMatchObject({ code: 'Downgrade' });
    await expect(refused).rejects.toThrow(/2020-09-13T12:26:40Z is chronologically older than .* 2026-01-01T00:00:00Z/);
    expect(machine.order()).toEqual([`*${machine.first}`]);
    expect(machine.server.log.filter(bringsTree)).toEqual([]);
    await upgrade(machine.host, { allowDowngrade: true }, job);
    expect(machine.order()).toEqual([`+${older}`, `*${machine.first}`]);
  });

  it('is refused from the cache too', async () => {
    await using machine = await makeHost();
    machine.releases.add({ version: '0', timestampSeconds: 1_600_000_000 });
    await upgrade(machine.host, { downloadOnly: true, allowDowngrade: true }, job);
    await expect(upgrade(machine.host, { cacheOnly: true }, job)).rejects.toMatchObject({ code: 'Downgrade' });
  });
});

describe('download first, deploy later', () => {
  it('deploys without the network what was downloaded', async () => {
    await using machine = await makeHost();
    const second = machine.releases.add({ version: '2' });
    const { job, notes } = listeningJob();
    const downloaded = await upgrade(machine.host, { downloadOnly: true, reboot: true }, job);
    expect(downloaded).toMatchObject({ kind: 'downloaded', message: 'Update downloaded.', rebootRequested: false });
    expect(notes()).toContain('Update downloaded.');
    expect(machine.order()).toEqual([`*${machine.first}`]);
    const requests = machine.server.log.length;
    expect(await upgrade(machine.host, { cacheOnly: true }, job)).toMatchObject({ kind: 'deployed' });
    expect(machine.server.log).toHaveLength(requests);
    expect(machine.order()).toEqual([`+${second}`, `*${machine.first}`]);
    expectAgreement(machine);
  });

  it('finds nothing new in the cache while nothing was downloaded, not even after a check', async () => {
    await using machine = await makeHost();
    machine.releases.add({ version: '2' });
    await upgrade(machine.host, { checkOnly: true }, job);
    expect(await upgrade(machine.host, { cacheOnly: true }, job)).toMatchObject({ message: 'No upgrade available.' });
  });

  it('refuses a commit that is here only in part', async () => {
    await using machine = await makeHost();
    const second = machine.releases.add({ version: '2' });
    const repo = `--repo=${machine.sysrootPath}/ostree/repo`;
    ostree(repo, 'pull-local', '--commit-metadata-only', '--remote=origin', machine.releases.repoPath, 'vendor/stable');
    expect(ostree(repo, 'rev-parse', 'origin:vendor/stable').trim()).toBe(second);
    await expect(upgrade(machine.host, { cacheOnly: true }, job)).rejects.toMatchObject({ code: 'MissingObject' });
    expect(await upgrade(machine.host, {}, job)).toMatchObject({ kind: 'deployed' });
  });

  it('cannot be both at once', async () => {
    await using machine = await makeHost();
    await expect(upgrade(machine.host, { cacheOnly: true, downloadOnly: true }, job)).rejects.toMatchObject({
      code: 'InvalidArgument',
      message: 'Cannot specify both --cache-only and --download-only',
    });
  });
});
