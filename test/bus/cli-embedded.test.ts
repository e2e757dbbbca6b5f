import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectAgreement, type FollowingHost, makeHost } from '../support/make-host.ts';
import { buildPrograms, programPath, type ProgramResult, runProgram } from '../support/programs.ts';
import { makeTempDir } from '../support/temp-dir.ts';

beforeAll(buildPrograms);

/** Writes how the host counts as booted to a file that the executables read. */
function writeBootRecord(machine: FollowingHost): string {
  const path = join(machine.directory, 'boot-record.json');
  writeFileSync(path, JSON.stringify(machine.host.boot));
  return path;
}

describe('the executables', () => {
  it.each(['atomic', 'atomicd', 'atomic-finalize', 'atomic-boot-complete', 'rpm-ostree', 'ostree'])(
    '%s starts from any directory, through PATH and through a link',
    async (name) => {
      const dir = makeTempDir();
      const link = join(dir, name);
      symlinkSync(programPath(name), link);
      const direct = await runProgram(name, ['--version'], { cwd: '/' });
      expect(direct).toMatchObject({ status: 0, stderr: '' });
      expect(direct.stdout).toMatch(name === 'ostree' ? /^\d+\.\d+\.\d+\n/ : new RegExp(`^${name}[: ]`));
      expect(await runProgram(name, ['--version'], { cwd: dir, path: link })).toEqual(direct);
      const byPath = { path: name, cwd: '/', env: { PATH: `${dir}:${process.env['PATH'] ?? ''}` } };
      expect(await runProgram(name, ['--version'], byPath)).toEqual(direct);
    },
  );

  it.each(['atomicd', 'atomic-finalize', 'atomic-boot-complete'])('%s refuses what it does not know', async (name) => {
    const unknown = await runProgram(name, ['--frobnicate']);
    expect(unknown).toMatchObject({ status: 1, stdout: '' });
    expect(unknown.stderr).toMatch(/^error: Unknown option --frobnicate\nhint: Options:\n/);
    expect((await runProgram(name, ['--sysroot'])).stderr).toBe('error: --sysroot needs a value\n');
    expect((await runProgram(name, ['--sysroot=/a', '--sysroot=/b'])).stderr).toBe(
      'error: --sysroot was given twice\n',
    );
    expect(await runProgram(name, ['--help'])).toMatchObject({ status: 0, stderr: '' });
  });

  it.each([
    ['{', /^error: Boot record is not JSON/],
    ['[]', /^error: Boot record \S+: not a JSON object/],
    ['{"bootId":"x","runDir":"run"}', /^error: Boot record \S+: runDir has to be an absolute path/],
    ['{"bootId":"x","runDir":"/run","bootversion":1}', /^error: Boot record \S+: unknown key "bootversion"/],
    ['{"bootId":"x","runDir":"/run","bootVersion":2}', /^error: Boot record \S+: bootVersion has to be 0 or 1/],
  ])('names what is wrong with the boot record %s', async (text, error) => {
    const path = join(makeTempDir(), 'record.json');
    writeFileSync(path, text);
    const end = await runProgram('atomic-finalize', ['--sysroot=/nowhere', `--boot-record=${path}`]);
    expect(end.status).toBe(1);
    expect(end.stderr).toMatch(error);
  });
});

describe('a directory as the sysroot', () => {
  it('is upgraded and rolled back without a bus, offline', async () => {
    await using machine = await makeHost({ booted: false });
    const second = machine.releases.add({ version: '2' });
    const runtime = makeTempDir('a-');
    const env = { XDG_RUNTIME_DIR: runtime };
    const atomic = async (...args: string[]): Promise<ProgramResult> =>
      await runProgram('atomic', ['host', ...args, '--sysroot', machine.sysrootPath], { cwd: '/', env });

    expect((await atomic('status')).stdout).toContain('  origin:vendor/stable\n                  Version: 1 (');
    const upgraded = await atomic('upgrade');
    expect(upgraded).toMatchObject({ status: 0, stderr: '' });
    expect(upgraded.stdout.endsWith(`Next boot: origin:vendor/stable 2 (${second.slice(0, 10)})\n`)).toBe(true);
    expect(machine.order()).toEqual([second, machine.first]);
    expect(await atomic('upgrade', '--unchanged-exit-77')).toMatchObject({ status: 77 });
    expect(await atomic('rollback', '-q')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(machine.order()).toEqual([machine.first, second]);
    expectAgreement(machine);
    // The packages that are not in the bundle are found from it.
    expect(existsSync(join(machine.sysrootPath, 'ostree/atomic/state/history.db'))).toBe(true);
    // The sockets of the agent went with it.
    expect(readdirSync(runtime)).toEqual([]);
  });

  it('stages, finalizes and completes a boot when a record says that it is booted', async () => {
    await using machine = await makeHost();
    const second = machine.releases.add({ version: '2' });
    const where = ['--sysroot', machine.sysrootPath, '--boot-record', writeBootRecord(machine)];
    const upgraded = await runProgram('rpm-ostree', ['upgrade', ...where]);
    expect(upgraded).toMatchObject({ status: 0, stderr: '' });
    expect(upgraded.stdout).toContain('\nRun "systemctl reboot" to start a reboot\n');
    expect(machine.order()).toEqual([`+${second}`, `*${machine.first}`]);

    const finalized = await runProgram('atomic-finalize', where);
    expect(finalized).toMatchObject({ status: 0, stderr: '' });
    expect(finalized.stdout).toContain(`Finalized deployment vendor-${second}.0\n`);
    expect(machine.order()).toEqual([second, `*${machine.first}`]);
    expect(await runProgram('atomic-finalize', where)).toEqual({ status: 0, stdout: '', stderr: '' });

    await machine.reboot();
    const rebooted = ['--sysroot', machine.sysrootPath, '--boot-record', writeBootRecord(machine)];
    expect(await runProgram('atomic-boot-complete', rebooted)).toMatchObject({ status: 0, stderr: '' });
    expect((await runProgram('atomic', ['host', 'status', '-b', ...rebooted])).stdout).toContain('Version: 2 (');
    expectAgreement(machine);
  });

  it('is refused with a sentence when it is none', async () => {
    const dir = makeTempDir();
    mkdirSync(join(dir, 'empty'));
    const end = await runProgram('atomic', ['host', 'status', '--sysroot', join(dir, 'empty')]);
    expect(end).toMatchObject({ status: 1, stdout: '' });
    expect(end.stderr).toMatch(/^error: \S.*\n/);
    expect(end.stderr).not.toContain('    at ');
  });
});
