import { cpSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { buildPrograms, programPath, startProgram } from '../support/programs.ts';
import { makeTempDir } from '../support/temp-dir.ts';

beforeAll(() => buildPrograms());

it.each([
  ['ostree', ['--repo=/nowhere', 'refs']],
  ['ostree', ['admin', '--sysroot=/', 'status']],
  ['atomic', ['host', 'status', '--sysroot', '/nowhere']],
  ['atomicd', ['--sysroot', '/', '--peer-socket', '/nowhere/socket']],
  ['atomic-finalize', ['--sysroot', '/']],
])('%s without the addon says how to build it', async (name, args) => {
  const copy = join(makeTempDir(), 'dist');
  cpSync(dirname(dirname(programPath(name))), copy, { recursive: true, verbatimSymlinks: true });
  const { status, stderr } = await startProgram(name, args, {
    path: join(copy, 'bin', name),
    env: { DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/nowhere' },
  }).ended;
  expect({ name, status }).toEqual({ name, status: 1 });
  expect(stderr).toContain('npm run build:native');
});
