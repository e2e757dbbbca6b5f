/**
 * Builds a host below one directory in one call: sysroot with stateroot and repo, deployments of small synthetic trees, a
 * fake /run, and a boot record, so that staging, finalizing and the completion of a boot run without a machine.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createJob, type Checksum, type Job } from '../../src/base/index.ts';
import { parseOrigin, variant } from '../../src/format/index.ts';
import { commitDirectory } from '../../src/repo/index.ts';
import {
  cleanup,
  completeBoot,
  deployTree,
  finalizeDeployment,
  finalizeStaged,
  initStateroot,
  initSysroot,
  loadDeployments,
  lockSysroot,
  openSysroot,
  planRetention,
  stageDeployment,
  writeDeployments,
  type BootRecord,
  type BootReport,
  type FinalizeOutcome,
  type NewDeployment,
  type Sysroot,
} from '../../src/sysroot/index.ts';
import { makeOsTree, type OsTreeOptions } from './make-os-tree.ts';

/** What to build. */
export interface SysrootOptions {
  /** How many deployments, version 1 first; the newest is the default. 1 by default. */
  readonly deployments?: 0 | 1 | 2;
  /** Whether the machine runs from it (the default deployment); true by default where there is one. */
  readonly booted?: boolean;
  readonly stateroot?: string;
  readonly ref?: string;
  /** Text of the origin of the deployments; follows the local ref by default. */
  readonly origin?: string;
  readonly kargs?: readonly string[];
}

/** What a reboot went through. */
export interface Reboot {
  /** Undefined when finalizing failed: a machine goes down all the same. */
  readonly finalized: FinalizeOutcome | undefined;
  readonly finalizeError: unknown;
  readonly report: BootReport;
  /** `STATEROOT/CHECKSUM.SERIAL` of what runs now. */
  readonly deployment: string;
}

/** A host in a directory. `boot` changes with every reboot; pass it on, do not keep it. */
export class TestHost {
  readonly path: string;
  readonly runDir: string;
  readonly stateDir: string;
  readonly stateroot: string;
  readonly ref: string;
  readonly origin: string;
  boot: BootRecord | undefined;
  readonly #treesDir: string;
  #trees = 0;

  constructor(directory: string, options: SysrootOptions) {
    this.path = join(directory, 'sysroot');
    this.runDir = join(directory, 'run');
    this.stateDir = join(directory, 'state');
    this.#treesDir = join(directory, 'trees');
    this.stateroot = options.stateroot ?? 'testos';
    this.ref = options.ref ?? 'test/os';
    this.origin = options.origin ?? `[origin]\nrefspec=${this.ref}\n`;
  }

  /** Opens the sysroot as the machine sees it now; dispose it. */
  open(): Sysroot {
    return openSysroot(this.path, this.boot);
  }

  /** Builds a tree and commits it to the host's own repo; the ref names it afterwards. */
  async commit(tree: OsTreeOptions = {}, job: Job = createJob()): Promise<Checksum> {
    this.#trees += 1;
    mkdirSync(this.#treesDir, { recursive: true });
    const source = mkdtempSync(join(this.#treesDir, 'tree-'));
    makeOsTree(source, tree);
    using sysroot = this.open();
    const { checksum } = await commitDirectory(
      sysroot.repo,
      {
        source,
        branch: this.ref,
        subject: `version ${tree.version ?? '1'}`,
        body: '',
        timestampSeconds: 1_700_000_000 + this.#trees,
        metadata: new Map([['version', variant('s', tree.version ?? '1')]]),
      },
      job,
    );
    return checksum;
  }

  /** Deploys a commit: staged where the machine runs from this sysroot, else written at once and cleaned up. */
  async deploy(
    checksum: Checksum,
    options: { readonly kargs?: readonly string[] } = {},
    job = createJob(),
  ): Promise<NewDeployment> {
    using sysroot = this.open();
    using _lock = await lockSysroot(sysroot, job);
    const list = loadDeployments(sysroot);
    const merge = list.booted ?? list.deployments.find(({ stateroot }) => stateroot === this.stateroot);
    const made = await deployTree(
      sysroot,
      { stateroot: this.stateroot, checksum, origin: parseOrigin(this.origin), merge, ...options },
      job,
    );
    if (list.booted === undefined) {
      await finalizeDeployment(sysroot, made, job);
      await writeDeployments(sysroot, planRetention(list, made), job);
      await cleanup(sysroot, { base: true }, job);
    } else await stageDeployment(sysroot, made, job);
    return made;
  }

  /** Commits a tree and deploys it. */
  async upgrade(tree: OsTreeOptions, options: { readonly kargs?: readonly string[] } = {}): Promise<NewDeployment> {
    return await this.deploy(await this.commit(tree), options);
  }

  /** Shuts down (finalizing what is staged), lets the boot loader choose the default entry, forgets /run, and boots. */
  async reboot(job: Job = createJob()): Promise<Reboot> {
    const shutdown = await this.#shutDown(job);
    const deployment = this.start();
    using sysroot = this.open();
    const report = await completeBoot(sysroot, job);
    return { ...shutdown, report, deployment };
  }

  /** A machine starts: /run is empty, and the boot record is that of the default entry, which is returned. */
  start(): string {
    rmSync(this.runDir, { recursive: true, force: true });
    mkdirSync(this.runDir, { recursive: true });
    const { bootVersion, deployment } = followDefaultEntry(this.path);
    this.boot = { bootVersion, deployment, bootId: randomUUID(), runDir: this.runDir };
    return deployment;
  }

  async #shutDown(job: Job): Promise<Pick<Reboot, 'finalized' | 'finalizeError'>> {
    using sysroot = this.open();
    try {
      return { finalized: await finalizeStaged(sysroot, job), finalizeError: undefined };
    } catch (finalizeError) {
      return { finalized: undefined, finalizeError };
    }
  }
}

/** Builds a host in `directory`, which must exist and is the caller's to remove. */
export async function makeSysroot(directory: string, options: SysrootOptions = {}): Promise<TestHost> {
  const host = new TestHost(directory, options);
  for (const path of [host.path, host.runDir, host.stateDir]) mkdirSync(path, { recursive: true });
  initSysroot(host.path);
  {
    using sysroot = openSysroot(host.path);
    initStateroot(sysroot, host.stateroot);
  }
  const kargs = options.kargs ?? ['root=LABEL=root', 'quiet'];
  for (let version = 1; version <= (options.deployments ?? 1); version += 1) {
    await host.upgrade({ version: String(version), kernel: `kernel ${version}\n` }, { kargs });
  }
  if ((options.deployments ?? 1) > 0 && options.booted !== false) host.start();
  return host;
}

/**
 * What a boot loader would start: the entry with the highest version below boot/loader, followed through its `ostree=`
 * argument. Written without the code under test.
 */
export function followDefaultEntry(sysrootPath: string): { bootVersion: 0 | 1; deployment: string; entry: string } {
  const entries = join(sysrootPath, 'boot', readlinkSync(join(sysrootPath, 'boot/loader')), 'entries');
  const texts = readdirSync(entries).map((name) => readFileSync(join(entries, name), 'utf8'));
  const version = (text: string) => Number(/^version (\d+)$/m.exec(text)?.[1]);
  const [entry] = texts.sort((a, b) => version(b) - version(a));
  const match = /ostree=(\/ostree\/boot\.([01])\/([^/\s]+)\/\S+)/.exec(entry ?? '');
  const [, link, slot, stateroot] = match ?? [];
  if (entry === undefined || link === undefined || stateroot === undefined) {
    throw new Error(`no bootable entry in ${entries}`);
  }
  for (const path of /^linux (.*)$/m.exec(entry)?.slice(1) ?? []) readFileSync(join(sysrootPath, 'boot', path));
  const name = basename(readlinkSync(join(sysrootPath, link)));
  readFileSync(join(sysrootPath, 'ostree/deploy', stateroot, 'deploy', name, 'usr/lib/os-release'));
  return { bootVersion: slot === '0' ? 0 : 1, deployment: `${stateroot}/${name}`, entry };
}
