/**
 * The main job on real input, for a person to watch: two versions of a real tree are published by the real `ostree`,
 * served over loopback, deployed, upgraded to, rolled back from, and an upgrade is killed in the middle.
 */
import { execFileSync, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { serveDirectory, type FileServer } from '../support/http-server.ts';
import { startPrivateBus } from '../support/private-bus.ts';
import { boot, reboot, startAgentProcess, stop, type DemoBoot, type DemoHost } from './demo-host.ts';
import { findKernels } from './kernel.ts';
import { createStage, type Stage } from './stage.ts';
import { buildFirstTree, buildSecondTree, type TreeFacts } from './tree.ts';

const root = resolve(import.meta.dirname, '..');
const bin = join(root, 'dist/bin');
const branch = 'demo/x86_64/stable';
const stateroot = 'demo';

/** Everything the acts of the demo share. */
interface Play {
  readonly stage: Stage;
  readonly work: string;
  readonly host: DemoHost;
  readonly children: ChildProcess[];
  boots: number;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

function describeTree(version: string, facts: TreeFacts, kernel: string): string {
  return `${version}: ${facts.files} files, ${megabytes(facts.sizeBytes)}, from ${facts.source}; kernel ${kernel}`;
}

async function publish(play: Play, tree: string, version: string): Promise<void> {
  const metadata = `--add-metadata-string=version=${version}`;
  await play.stage.run('ostree', [`--repo=${join(play.work, 'www')}`, 'commit', `--branch=${branch}`, metadata, tree]);
  await play.stage.run('ostree', [`--repo=${join(play.work, 'www')}`, 'summary', '--update'], { quiet: true });
}

async function publishVersions(play: Play): Promise<void> {
  const { stage, work } = play;
  stage.heading('A publisher: two versions of a real tree, committed by the real ostree');
  const [older, newer] = findKernels(join(work, 'kernels'));
  const tree = join(work, 'tree');
  const first = buildFirstTree(tree, older);
  stage.say(describeTree('version 1.0', first, `${older.version} (${older.origin})`));
  await stage.run('ostree', [`--repo=${join(work, 'www')}`, 'init', '--mode=archive']);
  await publish(play, tree, '1.0');
  const hold = join(work, 'held');
  cpSync(join(work, 'www'), hold, { recursive: true, verbatimSymlinks: true });
  const second = buildSecondTree(tree, newer);
  stage.say(describeTree('version 2.0', second, `${newer.version} (${newer.origin})`));
  await publish(play, tree, '2.0');
  // The host is installed while only 1.0 is published.
  execFileSync('mv', [join(work, 'www'), join(work, 'www-2.0')]);
  execFileSync('mv', [hold, join(work, 'www')]);
}

async function installHost(play: Play, server: FileServer): Promise<void> {
  const { stage, host } = play;
  stage.heading(`A host: laid out in a directory, version 1.0 fetched from ${server.url}`);
  mkdirSync(host.sysroot);
  const ostree = join(host.bin, 'ostree');
  const repo = [`--repo=${join(host.sysroot, 'ostree/repo')}`];
  await stage.run(ostree, ['admin', 'init-fs', host.sysroot]);
  await stage.run(ostree, ['admin', `--sysroot=${host.sysroot}`, 'os-init', stateroot]);
  await stage.run(ostree, [...repo, 'remote', 'add', '--no-gpg-verify', 'demo', server.url]);
  await stage.run(ostree, [...repo, 'pull', 'demo', branch]);
  const deploy = ['deploy', `--os=${stateroot}`, '--karg=root=LABEL=root', '--karg=quiet', `demo:${branch}`];
  await stage.run(ostree, ['admin', `--sysroot=${host.sysroot}`, ...deploy]);
  const record = boot(host, 1);
  writeFileSync(join(deploymentPath(host, record), 'etc/demo/greeting.conf'), 'greeting=changed on this host\n');
  stage.say('the machine "boots"; somebody edits /etc/demo/greeting.conf');
}

function deploymentPath(host: DemoHost, record: DemoBoot): string {
  const [name, directory] = record.deployment.split('/');
  return join(host.sysroot, 'ostree/deploy', name ?? '', 'deploy', directory ?? '');
}

async function startAgent(play: Play, address: string): Promise<ChildProcess> {
  const agent = startAgentProcess(play.host, address);
  play.children.push(agent);
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const probe = ['host', 'status', '--json'];
    const { status } = await play.stage.run(join(bin, 'atomic'), probe, { quiet: true, expected: [0, 1] });
    if (status === 0) return agent;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error('the agent did not come up');
}

/** Lists a commit as path -> line, so that two can be compared. */
async function listing(play: Play, commit: string): Promise<ReadonlyMap<string, string>> {
  const args = [`--repo=${join(play.host.sysroot, 'ostree/repo')}`, 'ls', '-R', '-C', commit];
  const { stdout } = await play.stage.run(join(bin, 'ostree'), args, { quiet: true });
  const rows = stdout.split('\n').filter((line) => line.startsWith('-') || line.startsWith('l'));
  return new Map(rows.map((line) => [line.slice(line.indexOf(' /') + 1).split(' -> ')[0] ?? '', line]));
}

async function tellChanges(play: Play, before: DemoBoot, after: DemoBoot): Promise<void> {
  const checksum = (record: DemoBoot): string => record.deployment.replace(/^.*\/|\.\d+$/g, '');
  const [old, current] = [await listing(play, checksum(before)), await listing(play, checksum(after))];
  const added = [...current.keys()].filter((path) => !old.has(path));
  const removed = [...old.keys()].filter((path) => !current.has(path));
  const changed = [...current].filter(([path, line]) => old.has(path) && old.get(path) !== line);
  play.stage.say(`what changed: ${added.length} files added, ${changed.length} changed, ${removed.length} removed`);
  const etc = join(deploymentPath(play.host, after), 'etc/demo');
  play.stage.say(
    `/etc/demo/greeting.conf, edited on the host, kept: ${readFileSync(join(etc, 'greeting.conf'), 'utf8').trim()}`,
  );
  play.stage.say(
    `/etc/demo/limits.conf, not edited, is the new default: ${readFileSync(join(etc, 'limits.conf'), 'utf8').trim()}`,
  );
}

async function restart(
  play: Play,
  agent: ChildProcess,
  address: string,
): Promise<{ agent: ChildProcess; record: DemoBoot }> {
  play.stage.say('the machine "reboots": finalize at shutdown, follow the default boot entry, complete the boot');
  await stop(agent);
  play.boots += 1;
  const record = await reboot(play.host, play.stage, play.boots);
  return { agent: await startAgent(play, address), record };
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`demo: expected that ${what}`);
}

async function upgradeAndRollBack(play: Play, address: string): Promise<ChildProcess> {
  const { stage, work, host } = play;
  const atomic = (...args: string[]): Promise<unknown> => stage.run(join(bin, 'atomic'), ['host', ...args]);
  const first = JSON.parse(readFileSync(host.recordFile, 'utf8')) as DemoBoot;
  let agent = await startAgent(play, address);
  await atomic('status');
  execFileSync('rm', ['-r', join(work, 'www')]);
  execFileSync('mv', [join(work, 'www-2.0'), join(work, 'www')]);
  stage.heading('Version 2.0 is published; the host upgrades through the agent');
  await atomic('upgrade', '--check');
  await atomic('upgrade');
  const upgraded = await restart(play, agent, address);
  check(upgraded.record.deployment !== first.deployment, 'version 2.0 is booted after the upgrade');
  await atomic('status');
  await tellChanges(play, first, upgraded.record);
  stage.heading('A step back: rollback');
  await atomic('rollback');
  const back = await restart(play, upgraded.agent, address);
  agent = back.agent;
  check(back.record.deployment === first.deployment, 'version 1.0 is booted after the rollback');
  await atomic('status');
  return agent;
}

async function killInTheMiddle(play: Play, address: string, server: FileServer): Promise<void> {
  const { stage, work, host } = play;
  stage.heading('Version 3.0, and kill -9 in the middle of the upgrade');
  const tree = join(work, 'tree');
  writeFileSync(
    join(tree, 'usr/lib/os-release'),
    'NAME="Demo Linux"\nID=demo\nVERSION_ID=3.0\nPRETTY_NAME="Demo Linux 3.0"\n',
  );
  for (let index = 0; index < 400; index += 1)
    writeFileSync(join(tree, `usr/share/demo/new-${index}`), `${index}\n`.repeat(500));
  await publish(play, tree, '3.0');
  const before = readFileSync(host.recordFile, 'utf8');
  const agent = play.children.at(-1);
  const seen = server.log.length;
  server.mischief = () => {
    if (server.log.length - seen === 200) agent?.kill('SIGKILL');
    return undefined;
  };
  await stage.run(join(bin, 'atomic'), ['host', 'upgrade'], { expected: [1] });
  server.mischief = () => undefined;
  check(agent?.signalCode === 'SIGKILL' || agent?.killed === true, 'the agent was killed');
  stage.say(
    'the agent was killed by SIGKILL while objects were coming in; what would boot now, and is the repository sound?',
  );
  const asked = server.log.length - seen;
  await stage.run('ostree', ['admin', `--sysroot=${host.sysroot}`, 'status']);
  const repo = [`--repo=${join(host.sysroot, 'ostree/repo')}`];
  await stage.run('ostree', [...repo, 'fsck', '--quiet']);
  await stage.run(join(bin, 'ostree'), [...repo, 'fsck']);
  play.boots += 1;
  const record = boot(host, play.boots);
  check(before.includes(record.deployment), 'the same deployment boots after the kill');
  stage.say('the same command again goes on where it was stopped');
  const again = await startAgent(play, address);
  const resumed = server.log.length;
  await stage.run(join(bin, 'atomic'), ['host', 'upgrade']);
  stage.say(`requests: ${asked} before the kill, ${server.log.length - resumed} after it`);
  const { record: third, agent: last } = await restart(play, again, address);
  check(third.deployment !== record.deployment, 'version 3.0 is booted in the end');
  await stage.run(join(bin, 'atomic'), ['host', 'status']);
  await stop(last);
}

async function play(work: string): Promise<void> {
  const host: DemoHost = {
    sysroot: join(work, 'sysroot'),
    runDir: join(work, 'run'),
    stateDir: join(work, 'state'),
    recordFile: join(work, 'boot-record.json'),
    agentLog: join(work, 'agent.log'),
    bin,
  };
  const stage = createStage(
    new Map([
      [bin, 'dist/bin'],
      [work, '$DEMO'],
    ]),
  );
  const scene: Play = { stage, work, host, children: [], boots: 1 };
  const end = async (): Promise<void> => {
    for (const child of scene.children) await stop(child, 'SIGKILL');
  };
  process.once('SIGINT', () => void end().then(() => process.exit(130)));
  try {
    await publishVersions(scene);
    await using server = await serveDirectory(join(work, 'www'));
    await installHost(scene, server);
    stage.heading('The agent on a message bus of its own, and what it says');
    await using bus = await startPrivateBus();
    // What the commands of the demo take for the system's bus.
    process.env['DBUS_SYSTEM_BUS_ADDRESS'] = bus.address;
    await upgradeAndRollBack(scene, bus.address);
    await killInTheMiddle(scene, bus.address, server);
    stage.heading('Where to look');
    stage.say(
      'boot entries: $DEMO/sysroot/boot/loader/entries, deployments: $DEMO/sysroot/ostree/deploy/demo/deploy; agent: $DEMO/agent.log',
    );
    stage.say('Set ATOMIC_DEMO_KEEP=1 to keep $DEMO; every command above can then be run again by hand.');
  } finally {
    await end();
  }
}

async function main(): Promise<void> {
  const begun = Date.now();
  const work = mkdtempSync(join(tmpdir(), 'atomic-demo-'));
  console.log(`atomic demo; everything happens in $DEMO = ${work}`);
  const keep = process.env['ATOMIC_DEMO_KEEP'] !== undefined;
  try {
    await play(work);
    console.log(
      `\ndemo finished in ${((Date.now() - begun) / 1000).toFixed(0)} s: upgraded, rolled back, killed, and nothing broke`,
    );
  } catch (error) {
    console.error(`\ndemo FAILED: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  } finally {
    if (!keep) {
      spawnSync('chattr', ['-R', '-f', '-i', work], { stdio: 'ignore' });
      rmSync(work, { recursive: true, force: true });
    }
  }
}

await main();
