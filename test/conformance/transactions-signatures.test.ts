import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Checksum, createJob } from '../../src/base/index.ts';
import { objectPath } from '../../src/format/index.ts';
import { pullLocal } from '../../src/remote/index.ts';
import { openRepo } from '../../src/repo/index.ts';
import { upgrade } from '../../src/transactions/index.ts';
import { type GpgHome, makeGpgHome } from '../support/gpg.ts';
import { type FollowingHost, makeHost } from '../support/make-host.ts';
import { listObjectPaths } from '../support/make-source.ts';

const job = createJob();

/** A host that follows signed releases, the vendor's key, and a release to come. */
async function makeSignedHost(): Promise<{ machine: FollowingHost; home: GpgHome; key: string }> {
  const home = makeGpgHome();
  const key = home.makeKey('Vendor <vendor@example.com>');
  const machine = await makeHost({ remote: {} });
  writeFileSync(join(repoPath(machine), 'origin.trustedkeys.gpg'), home.exportKeys([key]));
  return { machine, home, key };
}

const repoPath = (machine: FollowingHost): string => join(machine.sysrootPath, 'ostree/repo');

const signedBy = (home: GpgHome, key: string): readonly string[] => [`--gpg-sign=${key}`, `--gpg-homedir=${home.path}`];

describe('an upgrade from a remote that demands signatures', () => {
  it('deploys a release with a good one', async () => {
    const { machine: made, home, key } = await makeSignedHost();
    await using machine = made;
    const second = machine.releases.add({ version: '2', extraArgs: signedBy(home, key) });
    const outcome = await upgrade(machine.host, {}, job);
    expect(outcome).toMatchObject({ kind: 'deployed', update: { signatureRequired: true } });
    expect(machine.order()).toEqual([`+${second}`, `*${machine.first}`]);
    await machine.reboot();
    expect(machine.read('usr/lib/os-release')).toContain('VERSION_ID=2');
  });

  it.each([
    ['missing', 'SignatureRequired', 'no signatures found'],
    ['of a key nobody knows', 'SignatureInvalid', "Can't check signature: public key not found"],
    ['of another release', 'SignatureInvalid', 'BAD signature from "Vendor <vendor@example.com>"'],
  ])('is refused by name when it is %s, and the repo is as it was', async (what, code, words) => {
    const { machine: made, home, key } = await makeSignedHost();
    await using machine = made;
    const before = listObjectPaths(repoPath(machine));
    const signer = what === 'of another release' ? key : home.makeKey('Stranger <stranger@example.com>');
    const extraArgs = what === 'missing' ? [] : signedBy(home, signer);
    const second = machine.releases.add({ version: '2', extraArgs });
    if (what === 'of another release') moveSignature(machine, second, machine.releases.add({ version: '3' }));
    for (const options of [{}, { checkOnly: true }]) {
      await expect(upgrade(machine.host, options, job)).rejects.toMatchObject({
        code,
        message: expect.stringContaining(words) as string,
      });
    }
    expect(machine.order()).toEqual([`*${machine.first}`]);
    expect(listObjectPaths(repoPath(machine))).toEqual(before);
  });

  it('is refused for a release that came here some other way', async () => {
    const { machine: made } = await makeSignedHost();
    await using machine = made;
    machine.releases.add({ version: '2' });
    using repo = openRepo(repoPath(machine));
    using source = openRepo(machine.releases.repoPath);
    await pullLocal(repo, { source, refs: [machine.releases.ref], remoteName: 'origin' }, job);
    await expect(upgrade(machine.host, {}, job)).rejects.toMatchObject({ code: 'SignatureRequired' });
    expect(machine.order()).toEqual([`*${machine.first}`]);
  });
});

/** Gives a release the signature of another one. */
function moveSignature({ releases }: FollowingHost, from: Checksum, to: Checksum): void {
  const path = (checksum: Checksum): string =>
    join(releases.repoPath, 'objects', objectPath(checksum, 'commitmeta', true));
  writeFileSync(path(to), readFileSync(path(from)));
}
