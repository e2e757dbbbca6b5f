/** The demo's host: a sysroot in a directory, and what a boot loader, a bus and systemd would do for it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Stage } from './stage.ts';

/** Where the demo's host keeps its things. */
export interface DemoHost {
  readonly sysroot: string;
  readonly runDir: string;
  readonly stateDir: string;
  readonly recordFile: string;
  /** Directory of the built executables. */
  readonly bin: string;
}

/** What the running (simulated) kernel was started from. */
export interface DemoBoot {
  readonly bootVersion: number;
  readonly bootId: string;
  /** `STATEROOT/CHECKSUM.SERIAL`. */
  readonly deployment: string;
}

/** Follows the default boot entry as a boot loader would, and starts "the machine" from it with an empty /run. */
export function boot(host: DemoHost, count: number): DemoBoot {
  const entries = join(host.sysroot, 'boot/loader/entries');
  const texts = readdirSync(entries).map((name) => readFileSync(join(entries, name), 'utf8'));
  const version = (text: string): number => Number(/^version (\d+)$/m.exec(text)?.[1] ?? '0');
  const entry = texts.sort((left, right) => version(right) - version(left))[0] ?? '';
  const link = /ostree=(\/ostree\/boot\.([01])\/([^/]+)\/\S+)/.exec(entry);
  if (link === null) throw new Error(`the default boot entry has no ostree= argument: ${entry}`);
  const name = basename(readlinkSync(join(host.sysroot, link[1] ?? '')));
  const record: DemoBoot = {
    bootVersion: Number(link[2]),
    bootId: `demo-boot-${count}`,
    deployment: `${link[3] ?? ''}/${name}`,
  };
  rmSync(host.runDir, { recursive: true, force: true });
  mkdirSync(host.runDir, { recursive: true });
  writeFileSync(host.recordFile, JSON.stringify({ ...record, runDir: host.runDir }));
  return record;
}

/** Goes down and comes up again: finalizes what is staged, boots the default entry, completes the boot. */
export async function reboot(host: DemoHost, stage: Stage, count: number): Promise<DemoBoot> {
  const place = ['--sysroot', host.sysroot, '--boot-record', host.recordFile];
  await stage.run(join(host.bin, 'atomic-finalize'), place);
  const record = boot(host, count);
  await stage.run(join(host.bin, 'atomic-boot-complete'), place);
  return record;
}

async function firstLine(child: ChildProcess): Promise<string> {
  return await new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (more: string) => {
      text += more;
      if (text.includes('\n')) resolve(text.split('\n')[0] ?? '');
    });
    child.on('error', reject);
    child.on('exit', (status) => reject(new Error(`ended with ${status ?? 'a signal'} before it was ready: ${text}`)));
  });
}

/** Starts a private message bus below `directory`; resolves to its address. */
export async function startBus(directory: string): Promise<{ child: ChildProcess; address: string }> {
  mkdirSync(directory, { recursive: true });
  const config = join(directory, 'bus.conf');
  writeFileSync(
    config,
    `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=${directory}/bus.sock</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="false"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
`,
  );
  const child = spawn('dbus-daemon', ['--nofork', '--print-address=1', `--config-file=${config}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return { child, address: await firstLine(child) };
}

/** Starts the agent for the host on that bus. */
export function startAgentProcess(host: DemoHost, address: string): ChildProcess {
  const place = ['--sysroot', host.sysroot, '--boot-record', host.recordFile, '--state-dir', host.stateDir];
  return spawn(join(host.bin, 'atomicd'), ['--bus', address, ...place], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Ends a process of the demo's own and waits until it is gone. */
export async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => {
    child.once('exit', resolve);
    child.kill(signal);
  });
}
