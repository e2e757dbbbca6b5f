import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { BusConnection, wireVariant, type WireValue } from '../../src/ipc/index.ts';
import { startAgentOnBus } from '../support/agent-on-bus.ts';
import { buildPrograms, type ProgramResult, runProgram, startProgram } from '../support/programs.ts';

beforeAll(buildPrograms);

const hint = 'Run "systemctl reboot" to start a reboot';
const idleHost = { status: 0, stderr: '' };

/** In an object, a pattern by itself would match everything. */
const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);

/** The JSON of status, as far as these tests look at it. */
function parseStatus(result: ProgramResult) {
  return JSON.parse(result.stdout) as {
    deployments: { version: string; booted: boolean; staged: boolean; checksum: string }[];
    transaction: string[] | null;
  };
}

async function waitFor(what: string, check: () => boolean): Promise<void> {
  for (let tries = 0; !check(); tries += 1) {
    if (tries > 600) throw new Error(`waited in vain for ${what}`);
    await sleep(50);
  }
}

/** A systemd with one active timer, which last elapsed at `lastRunSeconds`, and one inactive service. */
async function serveSystemd(address: string, lastRunSeconds: number): Promise<BusConnection> {
  const systemd = await BusConnection.open(address);
  await systemd.requestName('org.freedesktop.systemd1');
  const answer = (path: string, body: readonly WireValue[]): readonly [string, WireValue] => {
    const property = body[1];
    if (property === undefined) return ['o', body[0] === 'rpm-ostreed-automatic.timer' ? '/timer' : '/service'];
    if (property === 'LastTriggerUSec') return ['v', wireVariant('t', BigInt(lastRunSeconds) * 1_000_000n)];
    return ['v', wireVariant('s', path === '/timer' ? 'active' : 'inactive')];
  };
  systemd.connection.onCall((call) => {
    const [signature, value] = answer(call.path ?? '', call.body);
    const { serial, sender } = call;
    systemd.connection.send({ kind: 'return', replySerial: serial, destination: sender, signature, body: [value] });
  });
  return systemd;
}

describe('the commands on a bus', () => {
  it('check, upgrade, show and forget an update, with the statuses scripts ask for', async () => {
    await using world = await startAgentOnBus();
    const { machine } = world;
    const rpmOstree = async (...args: string[]): Promise<ProgramResult> =>
      await runProgram('rpm-ostree', args, { env: { DBUS_SYSTEM_BUS_ADDRESS: world.bus.address } });

    expect(await rpmOstree('status')).toEqual({
      ...idleHost,
      stdout: `State: idle\nDeployments:\n● origin:vendor/stable\n                  Version: 1 (2026-01-01T00:00:00Z)\n                   Commit: ${machine.first}\n`,
    });
    expect(await rpmOstree('upgrade', '--check')).toMatchObject({
      status: 77,
      stdout: matching(/No updates available\.\n$/),
    });
    expect(await rpmOstree('upgrade', '--unchanged-exit-77')).toMatchObject({
      status: 77,
      stdout: matching(/No upgrade available\.\n$/),
    });
    expect(await rpmOstree('upgrade')).toMatchObject({ status: 0 });

    const second = machine.releases.add({ version: '2' });
    const preview = await rpmOstree('upgrade', '--preview');
    expect(preview.status).toBe(0);
    expect(preview.stdout).toContain(
      `AvailableUpdate:\n        Version: 2 (2026-01-02T00:00:00Z)\n         Commit: ${second}\n`,
    );
    expect(machine.order()).toEqual([`*${machine.first}`]);

    const upgraded = await rpmOstree('upgrade');
    expect(upgraded).toMatchObject({ status: 0, stderr: '' });
    expect(upgraded.stdout.endsWith(`Next boot: origin:vendor/stable 2 (${second.slice(0, 10)})\n${hint}\n`)).toBe(
      true,
    );
    expect(machine.order()).toEqual([`+${second}`, `*${machine.first}`]);

    const json = parseStatus(await rpmOstree('status', '--json'));
    expect(json.deployments.map(({ version, booted, staged }) => ({ version, booted, staged }))).toEqual([
      { version: '2', booted: false, staged: true },
      { version: '1', booted: true, staged: false },
    ]);
    expect(parseStatus(await rpmOstree('status', '--json', '-b')).deployments).toHaveLength(1);
    expect(await rpmOstree('status', '--pending-exit-77')).toMatchObject({ status: 77 });

    expect(await rpmOstree('rollback')).toMatchObject({
      status: 1,
      stderr: matching(/^error: Staged deployment.*cleanup -p/),
    });
    expect(await rpmOstree('cleanup', '-p', '--quiet')).toEqual({ ...idleHost, stdout: '' });
    expect(machine.order()).toEqual([`*${machine.first}`]);
    expect(await rpmOstree('status', '--pending-exit-77')).toMatchObject({ status: 0 });
  });

  it('deploy one version, boot it, and roll back twice to where one began', async () => {
    await using world = await startAgentOnBus();
    const { machine } = world;
    const second = machine.releases.add({ version: '2' });
    machine.releases.add({ version: '3' });
    const atomic = async (...args: string[]): Promise<ProgramResult> =>
      await runProgram('atomic', ['host', ...args, '--bus', world.bus.address]);

    expect(await atomic('deploy', 'version=2')).toMatchObject({ status: 0, stderr: '' });
    await machine.reboot();
    expect(machine.order()).toEqual([`*${second}`, machine.first]);
    expect(await atomic('rollback')).toMatchObject({
      status: 0,
      stdout: matching(new RegExp(`${hint}\n$`)),
    });
    expect(machine.order()).toEqual([machine.first, `*${second}`]);
    expect(await atomic('rollback')).toMatchObject({ status: 0 });
    expect(machine.order()).toEqual([`*${second}`, machine.first]);
    expect(await atomic('deploy', 'version=9')).toMatchObject({
      status: 1,
      stderr: matching(/^error: Version 9 not found/),
    });
    expect(await atomic('reload')).toEqual({ ...idleHost, stdout: '' });
  });

  it('cancel what runs on Ctrl-C, and leave the host as it was', async () => {
    await using world = await startAgentOnBus();
    const { machine, bus } = world;
    machine.releases.add({ version: '2' });
    machine.server.mischief = (path) => (path.includes('.filez') ? { kind: 'silent' } : undefined);
    const upgrade = startProgram('atomic', ['host', 'upgrade', '--bus', bus.address]);
    await waitFor('a request for an object', () => machine.server.log.some(({ path }) => path.includes('.filez')));

    const busy = await runProgram('atomic', ['host', 'status', '--bus', bus.address]);
    expect(busy.stdout).toMatch(/^State: busy\nTransaction: upgrade --bus .*\n {2}Initiator: client\(id:cli /);
    const other = await runProgram('atomic', ['host', 'cleanup', '-b', '--bus', bus.address]);
    expect(other).toMatchObject({
      status: 1,
      stderr: matching(/^error: Transaction in progress: upgrade/),
    });

    upgrade.child.kill('SIGINT');
    await waitFor('the answer to Ctrl-C', () => upgrade.stderr().includes('Caught SIGINT, cancelling transaction\n'));
    const end = await upgrade.ended;
    expect(end.status).toBe(1);
    expect(end.stderr).toContain('error: Operation was cancelled\n');
    expect(machine.order()).toEqual([`*${machine.first}`]);
    expect(
      parseStatus(await runProgram('atomic', ['host', 'status', '--json', '--bus', bus.address])).transaction,
    ).toBeNull();
  });

  it('cancel what somebody else runs', async () => {
    await using world = await startAgentOnBus();
    const { machine, bus } = world;
    const cancel = async (): Promise<ProgramResult> =>
      await runProgram('rpm-ostree', ['cancel', `--bus=${bus.address}`]);
    expect(await cancel()).toEqual({ ...idleHost, stdout: 'No active transaction.\n' });
    machine.releases.add({ version: '2' });
    machine.server.mischief = (path) => (path.includes('.filez') ? { kind: 'silent' } : undefined);
    const upgrade = startProgram('rpm-ostree', ['upgrade', `--bus=${bus.address}`]);
    await waitFor('a request for an object', () => machine.server.log.some(({ path }) => path.includes('.filez')));
    expect(await cancel()).toMatchObject({
      status: 0,
      stdout: matching(/^Cancelling transaction: upgrade .*\nCancelled\.\n$/),
    });
    expect(await upgrade.ended).toMatchObject({
      status: 1,
      stderr: matching(/error: Operation was cancelled\n/),
    });
  });

  it('say so when the agent dies in the middle', async () => {
    await using world = await startAgentOnBus();
    const { machine, bus } = world;
    machine.releases.add({ version: '2' });
    const daemon = startProgram('atomicd', ['--help']);
    expect((await daemon.ended).stdout).toContain('--boot-record VALUE');
    machine.server.mischief = (path) => (path.includes('.filez') ? { kind: 'silent' } : undefined);
    const upgrade = startProgram('atomic', ['host', 'upgrade', '--bus', bus.address]);
    await waitFor('a request for an object', () => machine.server.log.some(({ path }) => path.includes('.filez')));
    await bus[Symbol.asyncDispose]();
    const end = await upgrade.ended;
    expect(end.status).toBe(1);
    expect(end.stderr).toMatch(/^error: Bus owner changed, aborting\. This likely means the daemon crashed/);
  });

  it('do for the timer what the settings say', async () => {
    const run = async (address: string): Promise<ProgramResult> =>
      await runProgram('rpm-ostree', ['upgrade', '--trigger-automatic-update-policy', `--bus=${address}`]);
    {
      await using world = await startAgentOnBus();
      world.machine.releases.add({ version: '2' });
      const disabled = 'Automatic updates are not enabled; exiting...\n';
      expect(await run(world.bus.address)).toEqual({ ...idleHost, stdout: disabled });
      expect(world.machine.order()).toEqual([`*${world.machine.first}`]);
    }
    await using world = await startAgentOnBus({ config: '[Daemon]\nAutomaticUpdatePolicy=stage\n' });
    const { machine, bus } = world;
    const second = machine.releases.add({ version: '2' });
    expect(await run(bus.address)).toMatchObject({ status: 0, stderr: '' });
    expect(machine.order()).toEqual([`+${second}`, `*${machine.first}`]);
    const status = await runProgram('rpm-ostree', ['status', `--bus=${bus.address}`]);
    expect(status.stdout).toContain(
      'State: idle\nAutomaticUpdates: stage; rpm-ostreed-automatic.timer: unknown state\nDeployments:\n',
    );
    const byHand = await runProgram('rpm-ostree', ['upgrade', `--bus=${bus.address}`]);
    expect(byHand.stdout).toContain('note: automatic updates (stage) are enabled\n');
  });

  it('tell what systemd says about the timer', async () => {
    await using world = await startAgentOnBus({ config: '[Daemon]\nAutomaticUpdatePolicy=check\n' });
    const { bus } = world;
    const lastRun = Math.floor(Date.now() / 1000) - 2 * 3600 - 60;
    const systemd = await serveSystemd(bus.address, lastRun);
    try {
      const status = await runProgram('rpm-ostree', ['status', `--bus=${bus.address}`]);
      const line = 'AutomaticUpdates: check; rpm-ostreed-automatic.timer: last run 2h ago\n';
      expect(status).toMatchObject({ status: 0, stderr: '' });
      expect(status.stdout.startsWith(`State: idle\n${line}Deployments:\n`)).toBe(true);
    } finally {
      await systemd.connection.close();
    }
  });

  it('let everybody look, and only root change', async () => {
    await using world = await startAgentOnBus({ bus: { policy: 'shipped' } });
    const asNobody = async (...args: string[]): Promise<ProgramResult> =>
      await runProgram('rpm-ostree', [...args, `--bus=${world.bus.address}`], { uid: 65_534, cwd: '/' });
    expect(await asNobody('status')).toMatchObject({ status: 0, stderr: '', stdout: matching(/^State: idle\n/) });
    expect(await asNobody('upgrade')).toMatchObject({
      status: 1,
      stderr: matching(/^error: .*not allowed for user\n/),
    });
    expect(await asNobody('reload')).toMatchObject({ status: 1, stderr: matching(/^error: .*not allowed for user\n/) });
  });

  it('name the bus that nobody listens at', async () => {
    const end = await runProgram('atomic', ['host', 'status', '--bus', 'unix:path=/nowhere/at/all']);
    expect(end).toMatchObject({
      status: 1,
      stderr: matching(/^error: Could not connect to unix:path=\/nowhere\/at\/all/),
    });
  });
});
