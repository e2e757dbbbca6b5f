/**
 * The stage of the crash tests: a host in a known state that can be set up again and again, a child that is killed while
 * it works on it, and judges that look at what is left.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createJob } from '../../src/base/index.ts';
import { fsckRepo } from '../../src/repo/index.ts';
import { loadDeployments, openSysroot, type BootRecord } from '../../src/sysroot/index.ts';
import type { CrashReply, CrashRequest } from './crash-child.ts';
import { describeTree } from './describe-tree.ts';
import { followDefaultEntry } from './make-sysroot.ts';
import { tryOstree } from './real-ostree.ts';

/** A host that was saved in the state from which a verb starts. */
export interface Scene {
  /** The saved host: `sysroot`, `run` and `state` below it. Never written after it was saved. */
  readonly template: string;
  readonly boot: BootRecord;
}

/** What is left of a host, as far as it matters. */
export interface Verdict {
  /** What a boot loader would start: `STATEROOT/CHECKSUM.SERIAL`. */
  readonly boots: string;
  /** The bootable list as the real `ostree` reads it. */
  readonly list: readonly string[];
  /** Everything wrong; empty if nothing is. */
  readonly faults: readonly string[];
}

/** How a child ended. */
export interface ChildEnd {
  readonly signal: NodeJS.Signals | null;
  readonly reply: CrashReply | undefined;
  readonly stderr: string;
}

/** Saves the host in `directory` (with `sysroot`, `run`, `state` below) as a scene of its own. */
export function saveScene(directory: string, boot: BootRecord): Scene {
  const template = mkdtempSync(join(tmpdir(), 'atomic-scene-'));
  execFileSync('cp', ['-a', ...['sysroot', 'run', 'state'].map((name) => join(directory, name)), template]);
  return { template, boot };
}

/** Clears the immutable flags that deployments carry and removes the directory. */
export function discard(directory: string): void {
  const root = join(directory, 'sysroot/ostree/deploy');
  const names = existsSync(root) ? readdirSync(root) : [];
  const parents = names.map((name) => join(root, name, 'deploy')).filter((path) => existsSync(path));
  const deployments = parents.flatMap((parent) =>
    readdirSync(parent, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(parent, entry.name)),
  );
  if (deployments.length > 0) execFileSync('chattr', ['-i', ...deployments]);
  rmSync(directory, { recursive: true, force: true });
}

/** Sets the scene up at `directory`, whatever was there before; returns the boot record that fits it. */
export function setUp(scene: Scene, directory: string): BootRecord {
  discard(directory);
  execFileSync('cp', ['-a', scene.template, directory]);
  return { ...scene.boot, runDir: join(directory, 'run') };
}

/** Runs the child on the host in `directory`; `prefix` is a command that runs it, such as strace. */
export async function runChild(
  program: string,
  request: Omit<CrashRequest, 'sysrootPath' | 'stateDir'> & { readonly directory: string },
  prefix: readonly string[] = [],
): Promise<ChildEnd> {
  const { directory, ...rest } = request;
  const whole: CrashRequest = { ...rest, sysrootPath: join(directory, 'sysroot'), stateDir: join(directory, 'state') };
  const [command, ...args] = [...prefix, process.execPath, program, JSON.stringify(whole)];
  return await new Promise((resolve, reject) => {
    const child = spawn(command ?? '', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (_status, signal) => {
      resolve({ signal, stderr, reply: stdout === '' ? undefined : (JSON.parse(stdout) as CrashReply) });
    });
  });
}

/** The bootable deployments of a sysroot as the real tool lists them. */
export function realList(sysrootPath: string): readonly string[] {
  const { status, stdout, stderr } = tryOstree('admin', 'status', `--sysroot=${sysrootPath}`);
  if (status !== 0) return [`ostree admin status failed: ${stderr.trim()}`];
  return [...stdout.matchAll(/^[* ] (\S+) ([0-9a-f]{64}\.\d+)/gm)].map(
    (match) => `${match[1] ?? ''}/${match[2] ?? ''}`,
  );
}

/** The /usr and /etc of a deployment, comparable by text. */
export function describeDeployment(sysrootPath: string, deployment: string): string {
  const [stateroot, name] = deployment.split('/');
  const path = join(sysrootPath, 'ostree/deploy', stateroot ?? '', 'deploy', name ?? '');
  return ['usr', 'etc'].map((part) => JSON.stringify(describeTree(join(path, part)))).join('\n');
}

function bootOf(sysrootPath: string, faults: string[]): string {
  try {
    return followDefaultEntry(sysrootPath).deployment;
  } catch (error) {
    faults.push(`nothing boots: ${String(error)}`);
    return '';
  }
}

/** Looks at what is left with the eyes of a boot loader, of the real `ostree`, and of a fresh process of ours. */
export async function judge(sysrootPath: string, boot: BootRecord): Promise<Verdict> {
  const faults: string[] = [];
  const boots = bootOf(sysrootPath, faults);
  const list = realList(sysrootPath);
  const real = tryOstree('fsck', '--quiet', `--repo=${join(sysrootPath, 'ostree/repo')}`);
  if (real.status !== 0) faults.push(`the real fsck: ${real.stderr.trim()}`);
  using sysroot = openSysroot(sysrootPath, boot);
  const { deployments, notes } = loadDeployments(sysroot);
  faults.push(...notes);
  const ours = deployments.filter(({ staged }) => !staged).map(({ stateroot, name }) => `${stateroot}/${name}`);
  if (ours.join() !== list.join()) faults.push(`ours lists ${ours.join(' ')}, the real one ${list.join(' ')}`);
  const report = await fsckRepo(sysroot.repo, { quiet: true }, createJob());
  for (const { type, checksum } of [...report.corrupt, ...report.missing]) faults.push(`our fsck: ${checksum}.${type}`);
  for (const { refspec, reason } of report.brokenRefs) faults.push(`our fsck: ref ${refspec}: ${reason}`);
  return { boots, list, faults };
}
