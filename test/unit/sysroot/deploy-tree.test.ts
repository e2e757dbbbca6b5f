import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJob, type Checksum } from '../../../src/base/index.ts';
import { parseOrigin } from '../../../src/format/index.ts';
import { deployTree, type DeployOptions, type NewDeployment } from '../../../src/sysroot/index.ts';
import { makeSysroot, type TestHost } from '../../support/make-sysroot.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

async function deploy(
  host: TestHost,
  checksum: Checksum,
  options: Partial<DeployOptions> = {},
): Promise<NewDeployment> {
  using sysroot = host.open();
  const origin = parseOrigin('[origin]\nrefspec=test/os\n');
  return await deployTree(sysroot, { stateroot: 'testos', checksum, origin, ...options }, createJob());
}

function left(host: TestHost): readonly string[] {
  const directory = join(host.path, 'ostree/deploy/testos/deploy');
  return existsSync(directory) ? readdirSync(directory) : [];
}

describe('deployTree', () => {
  it('refuses a tree without a kernel before anything is bootable, and removes it again', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 0 });
    const checksum = await host.commit({ kernel: undefined });
    await expect(deploy(host, checksum)).rejects.toMatchObject({ code: 'KernelMissing' });
    expect(left(host)).toEqual([]);
    expect(existsSync(join(host.path, 'boot/loader'))).toBe(false);
  });

  const withComposefs = (enabled: string) => ({
    files: { 'usr/lib/ostree/prepare-root.conf': `[composefs]\nenabled = ${enabled}\n` },
  });

  it.each(['yes', 'signed'])(
    'refuses a tree whose initramfs demands composefs (%s), naming the setting',
    async (enabled) => {
      const host = await makeSysroot(makeTempDir(), { deployments: 0 });
      const checksum = await host.commit(withComposefs(enabled));
      await expect(deploy(host, checksum)).rejects.toMatchObject({
        code: 'NotSupported',
        facts: { setting: 'composefs.enabled' },
      });
      expect(left(host)).toEqual([]);
    },
  );

  it.each(['maybe', 'no'])('deploys a tree that can do without composefs (%s)', async (enabled) => {
    const host = await makeSysroot(makeTempDir(), { deployments: 0 });
    expect((await deploy(host, await host.commit(withComposefs(enabled)))).serial).toBe(0);
  });

  it('says how to create a stateroot that is not there', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 0 });
    const checksum = await host.commit();
    await expect(deploy(host, checksum, { stateroot: 'other' })).rejects.toMatchObject({
      code: 'StaterootNotFound',
      hint: expect.stringContaining('os-init other') as string,
    });
  });

  it('refuses a tree with files in both places of the configuration', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 0 });
    const checksum = await host.commit({ files: { 'etc/x': 'x' } });
    await expect(deploy(host, checksum)).rejects.toMatchObject({ code: 'InvalidFormat' });
    expect(left(host)).toEqual([]);
  });

  it.each([
    ['packages.requested', '[packages]\nrequested=vim;\n'],
    ['overrides.remove', '[overrides]\nremove=nano;\n'],
    ['rpmostree.regenerate-initramfs', '[rpmostree]\nregenerate-initramfs=true\n'],
    ['origin.container-image-reference', '[origin]\ncontainer-image-reference=ostree-unverified-registry:x\n'],
  ])('refuses an origin that asks for %s, naming the key', async (key, text) => {
    const host = await makeSysroot(makeTempDir(), { deployments: 0 });
    const checksum = await host.commit();
    await expect(deploy(host, checksum, { origin: parseOrigin(text) })).rejects.toMatchObject({
      code: 'UnsupportedOrigin',
      message: expect.stringContaining(key) as string,
    });
    expect(left(host)).toEqual([]);
  });

  it('carries unknown keys of the origin through, but no pin', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 0 });
    const origin = parseOrigin(
      '[origin]\nrefspec=test/os\nfuture-key=1\n\n[libostree-transient]\npinned=true\n\n[other]\nx=y\n',
    );
    const made = await deploy(host, await host.commit(), { origin });
    const text = readFileSync(join(host.path, `${made.path}.origin`), 'utf8');
    expect(text).toContain('future-key=1');
    expect(text).toContain('[other]\nx=y');
    expect(text).not.toContain('pinned');
  });

  it('never uses a serial twice while anything of its name is left', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 0 });
    const checksum = await host.commit();
    expect((await deploy(host, checksum)).serial).toBe(0);
    expect((await deploy(host, checksum)).serial).toBe(1);
    writeFileSync(join(host.path, `ostree/deploy/testos/deploy/${checksum}.7.origin`), '');
    expect((await deploy(host, checksum)).serial).toBe(8);
  });

  it('moves a tree’s /etc to where defaults belong', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 0 });
    const checksum = await host.commit({ etcAt: 'etc' });
    const made = await deploy(host, checksum);
    for (const place of ['etc', 'usr/etc']) {
      expect(readdirSync(join(host.path, made.path, place))).toEqual(['a.conf', 'b.conf', 'dir', 'os-name']);
    }
  });

  it('stops when it is cancelled and leaves nothing', async () => {
    const host = await makeSysroot(makeTempDir(), { deployments: 0 });
    const checksum = await host.commit();
    using sysroot = host.open();
    const job = createJob({ signal: AbortSignal.abort() });
    const origin = parseOrigin('');
    await expect(deployTree(sysroot, { stateroot: 'testos', checksum, origin }, job)).rejects.toMatchObject({
      code: 'Cancelled',
    });
    expect(left(host)).toEqual([]);
  });
});
