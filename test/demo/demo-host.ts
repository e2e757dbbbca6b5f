/** The demo's host: a sysroot in a directory, and what a boot loader, a bus and systemd would do for it. */
import { spawn, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import type { Stage } from './stage.ts';

/** Where the demo's host keeps its things. */
export interface DemoHost {
  readonly sysroot: string;
  readonly runDir: string;
  readonly stateDir: string;
  readonly recordFile: string;
  /** What the agent would tell the journal. */
  readonly agentLog: string;
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

/** Starts the agent for the host on that bus. */
export function startAgentProcess(host: DemoHost, address: string): ChildProcess {
  const place = ['--sysroot', host.sysroot, '--boot-record', host.recordFile, '--state-dir', host.stateDir];
  const log = openSync(host.agentLog, 'a');
  const agent = spawn(join(host.bin, 'atomicd'), ['--bus', address, ...place], { stdio: ['ignore', log, log] });
  closeSync(log);
  return agent;
}

/** Ends a process of the demo's own and waits until it is gone. */
export async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => {
    child.once('exit', resolve);
    child.kill(signal);
  });
}
