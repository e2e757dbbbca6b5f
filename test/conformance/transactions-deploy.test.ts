import { readFileSync, rmSync, writeFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { type Checksum, createJob } from '../../src/base/index.ts';
import { deploy, upgrade } from '../../src/transactions/index.ts';
import { expectAgreement, type FollowingHost, listeningJob, makeHost } from '../support/make-host.ts';

const job = createJob();

/** Adds releases 2 … `newest` and brings the host to the last. */
async function withReleases(machine: FollowingHost, newest: number): Promise<Checksum[]> {
  const commits = [machine.first];
  for (let version = 2; version <= newest; version += 1) commits.push(machine.releases.add({ version: `${version}` }));
  await upgrade(machine.host, {}, job);
  await machine.reboot();
  return commits;
}

const originOf = (machine: FollowingHost, index: number): string =>
  readFileSync(`${machine.sysrootPath}/${machine.list().deployments[index]?.path}.origin`, 'utf8');

describe('deploy', () => {
  it.each([
    ['version=2', 'a version with its prefix'],
    ['VERSION=2', 'a prefix in capitals'],
    ['2', 'a bare version'],
    ['revision=', 'a checksum with its prefix'],
    ['', 'a bare checksum'],
  ])('takes %s (%s)', async (prefix) => {
    await using machine = await makeHost();
    const [, second] = await withReleases(machine, 3);
    const revision = prefix.endsWith('2') ? prefix : `${prefix}${second}`;
    const outcome = await deploy(machine.host, { revision }, job);
    expect(outcome).toMatchObject({ kind: 'deployed', deploymentId: `vendor-${second}.0`, rebootRequested: false });
    expect(machine.order()[0]).toBe(`+${second}`);
    expectAgreement(machine);
    await machine.reboot();
    expect(machine.order()[0]).toBe(`*${second}`);
    expect(machine.read('usr/lib/os-release')).toContain('VERSION_ID=2');
    expectAgreement(machine);
  });

  it('goes back to an older version and stays there until the next upgrade', async () => {
    await using machine = await makeHost();
    const [first, , third] = await withReleases(machine, 3);
    await deploy(machine.host, { revision: '1', reboot: true }, job);
    expect(originOf(machine, 0)).toContain(`override-commit=${first}`);
    await machine.reboot();
    expect(machine.order()).toEqual([`*${first}`, third]);
    expect(await upgrade(machine.host, {}, job)).toMatchObject({ kind: 'deployed' });
    expect(machine.order()[0]).toBe(`+${third}`);
    expect(originOf(machine, 0)).not.toContain('override-commit');
    await machine.reboot();
    expect(machine.order()).toEqual([`*${third}`, first]);
    expectAgreement(machine);
  });

  it('refuses to go back when told so', async () => {
    await using machine = await makeHost();
    await withReleases(machine, 2);
    const refused = deploy(machine.host, { revision: '1', allowDowngrade: false }, job);
    await expect(refused).rejects.toMatchObject({ code: 'Downgrade' });
    await expect(refused).rejects.toThrow('chronologically older');
  });

  it('says that nothing changes when the revision is deployed', async () => {
    await using machine = await makeHost();
    const { job, notes } = listeningJob();
    const outcome = await deploy(machine.host, { revision: '1', reboot: true }, job);
    expect(outcome).toMatchObject({ kind: 'unchanged', message: 'No change.', rebootRequested: false });
    expect(notes()).toEqual(["Resolving version '1'", 'No change.']);
  });

  it('looks as deep into the history as it must, by commit objects alone', async () => {
    await using machine = await makeHost();
    const commits = [machine.first];
    for (let version = 2; version <= 25; version += 1) commits.push(machine.releases.add({ version: `${version}` }));
    const checked = await deploy(machine.host, { revision: '2', checkOnly: true }, job);
    expect(checked.update?.candidate.checksum).toBe(commits[1]);
    expect(machine.server.log.filter(({ path }) => /\.(filez|dirtree|dirmeta)$/.test(path))).toEqual([]);
    expect(machine.order()).toEqual([`*${machine.first}`]);
    await deploy(machine.host, { revision: commits[1] ?? '' }, job);
    expect(machine.order()[0]).toBe(`+${commits[1]}`);
  });

  it('fetches a shallow history only once for a near version', async () => {
    await using machine = await makeHost();
    for (let version = 2; version <= 25; version += 1) machine.releases.add({ version: `${version}` });
    await deploy(machine.host, { revision: '24', checkOnly: true }, job);
    const commits = machine.server.log.filter(({ path }) => path.endsWith('.commit'));
    expect(commits.length).toBeGreaterThan(1);
    expect(commits.length).toBeLessThan(15);
  });

  it('refuses a revision that the branch does not have', async () => {
    await using machine = await makeHost();
    machine.releases.add({ version: '2' });
    const elsewhere = machine.releases.add({ version: '9', ref: 'vendor/testing' });
    const nowhere = 'ab'.repeat(32);
    const refspec = 'origin:vendor/stable';
    for (const [revision, message] of [
      ['9', `Version 9 not found in ${refspec}`],
      [elsewhere, `Checksum ${elsewhere} not found in ${refspec}`],
      [nowhere, `Checksum ${nowhere} not found in ${refspec}`],
    ] as const) {
      await expect(deploy(machine.host, { revision }, job)).rejects.toMatchObject({ code: 'NotFound', message });
    }
    expect(machine.order()).toEqual([`*${machine.first}`]);
    await deploy(machine.host, { revision: elsewhere, skipBranchCheck: true }, job);
    expect(machine.order()[0]).toBe(`+${elsewhere}`);
    await machine.reboot();
    expectAgreement(machine);
  });

  it('takes the end of what the server keeps for the end of the history', async () => {
    await using machine = await makeHost();
    const second = machine.releases.add({ version: '2' });
    const third = machine.releases.add({ version: '3' });
    machine.releases.add({ version: '4' });
    rmSync(`${machine.releases.repoPath}/objects/${second.slice(0, 2)}/${second.slice(2)}.commit`);
    await expect(deploy(machine.host, { revision: '2' }, job)).rejects.toThrow(
      'Version 2 not found in origin:vendor/stable',
    );
    expect(await deploy(machine.host, { revision: '3' }, job)).toMatchObject({ deploymentId: `vendor-${third}.0` });
  });

  it('works from the cache: what is deployed or was downloaded', async () => {
    await using machine = await makeHost();
    const [first, second] = await withReleases(machine, 2);
    const requests = machine.server.log.length;
    await deploy(machine.host, { revision: first ?? '', cacheOnly: true }, job);
    expect(machine.order()[0]).toBe(`+${first}`);
    expect(machine.server.log).toHaveLength(requests);
    await expect(deploy(machine.host, { revision: '3', cacheOnly: true }, job)).rejects.toThrow('Version 3 not found');
    await machine.reboot();
    expect(machine.order()).toEqual([`*${first}`, second]);
  });

  it('downloads a revision without deploying it', async () => {
    await using machine = await makeHost();
    await withReleases(machine, 3);
    const before = machine.order();
    const outcome = await deploy(machine.host, { revision: '2', downloadOnly: true }, job);
    expect(outcome).toMatchObject({ kind: 'downloaded', message: 'Update downloaded.' });
    expect(machine.order()).toEqual(before);
    expect(await deploy(machine.host, { revision: '2', cacheOnly: true }, job)).toMatchObject({ kind: 'deployed' });
  });

  it('moves a pin to another commit that is here, and looks up no version', async () => {
    await using machine = await makeHost();
    const [first, second] = await withReleases(machine, 2);
    const { booted } = machine.list();
    writeFileSync(`${machine.sysrootPath}/${booted?.path}.origin`, `[origin]\nrefspec=${second}\n`);
    await expect(deploy(machine.host, { revision: '1' }, job)).rejects.toThrow(
      'Cannot look up version while pinned to commit',
    );
    await deploy(machine.host, { revision: first ?? '' }, job);
    expect(originOf(machine, 0)).toContain(`refspec=${first}`);
    expect(machine.order()[0]).toBe(`+${first}`);
  });
});
