import { describe, expect, it } from 'vitest';
import { loadDeployments } from '../../../src/sysroot/index.ts';
import { makeSysroot } from '../../support/make-sysroot.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

describe('an upgrade from staging to the next boot', () => {
  it('stages, finalizes at shutdown and runs the new version after the reboot', async () => {
    const host = await makeSysroot(makeTempDir());
    const made = await host.upgrade({ version: '2', kernel: 'kernel 2\n' });
    using before = host.open();
    const staged = loadDeployments(before);
    expect(staged.deployments.map(({ name, staged: s, booted }) => ({ name, s, booted }))).toEqual([
      { name: made.name, s: true, booted: false },
      { name: staged.booted?.name, s: false, booted: true },
    ]);
    const reboot = await host.reboot();
    expect(reboot.finalizeError).toBeUndefined();
    expect(reboot.deployment).toBe(`testos/${made.name}`);
    using after = host.open();
    expect(loadDeployments(after).booted?.name).toBe(made.name);
  });
});
