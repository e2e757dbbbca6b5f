import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { gdbusCall, names, startAgentOnBus } from '../support/agent-on-bus.ts';
import { makeGpgHome } from '../support/gpg.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const readDeployments = ['org.freedesktop.DBus.Properties.Get', names.sysrootInterface, 'Deployments'];

it('shows who signed a deployment, from the very first question', async () => {
  const home = makeGpgHome();
  const key = home.makeKey('Vendor <vendor@example.com>');
  const stranger = home.makeKey('Stranger <stranger@example.com>');
  const ring = join(makeTempDir(), 'ring.gpg');
  writeFileSync(ring, home.exportKeys([key]));
  const signed = [key, stranger].map((one) => `--gpg-sign=${one}`);
  await using it1 = await startAgentOnBus({
    host: {
      remote: { gpgkeypath: ring },
      release: { version: '1', extraArgs: [...signed, `--gpg-homedir=${home.path}`] },
    },
  });
  const shown = await gdbusCall(it1.bus, names.sysroot, readDeployments);
  expect(shown).toContain("'gpg-enabled': <true>");
  const good = `<(true, false, false, false, false, '${key}', int64 `;
  expect(shown).toContain(good);
  expect(shown.slice(shown.indexOf(good))).toMatch(/^<\([^)]*'EdDSA', 'SHA\d+', 'Vendor', 'vendor@example.com'\)>/);
  expect(shown).toContain(`<(false, false, false, false, true, '${stranger}', int64 `);
});

it('shows an empty list for a deployment that nobody signed', async () => {
  await using it1 = await startAgentOnBus({ host: { remote: {} } });
  expect(await gdbusCall(it1.bus, names.sysroot, readDeployments)).toContain("'signatures': <@av []>");
});
