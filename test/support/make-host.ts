/**
 * A host that follows a vendor's releases: an archive repo made by the real `ostree` behind a file server on this
 * machine, and a sysroot whose one deployment is the first release; booted unless told otherwise.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'vitest';

import { type Checksum, createJob, type Job, type JobEvent } from '../../src/base/index.ts';
import { systemClock } from '../../src/platform/index.ts';
import { addRemote } from '../../src/remote/index.ts';
import { type DeploymentList, loadDeployments } from '../../src/sysroot/index.ts';
import type { Host } from '../../src/transactions/index.ts';
import { type FileServer, serveDirectory } from './http-server.ts';
import { makeReleases, type ReleaseDescription, type Releases } from './make-releases.ts';
import { makeSysroot, type Reboot, type TestHost } from './make-sysroot.ts';
import { ostree } from './real-ostree.ts';

/** A host under test; `await using` it. */
export interface FollowingHost extends AsyncDisposable {
  readonly directory: string;
  readonly sysrootPath: string;
  readonly releases: Releases;
  readonly server: FileServer;
  /** The commit of the first release. */
  readonly first: Checksum;
  /** What the verbs are given; its boot record changes with {@link reboot}. */
  readonly host: Host;
  /** The deployments as they are now. */
  list(): DeploymentList;
  /** The checksum of each deployment in boot order, `*` before the booted one, `+` before a staged one. */
  order(): readonly string[];
  /** Goes down, finalizing what is staged, and boots the default. */
  reboot(): Promise<Reboot>;
  /** Boots the default without going down properly: what is staged stays as it is on disk, /run is lost. */
  start(): void;
  /** What is in the booted (else the first) deployment at `path`. */
  read(path: string): string;
  /** `CHECKSUM.SERIAL` of each bootable deployment, as the real `ostree` lists them. */
  realOrder(): readonly string[];
}

/** How a host is made. */
export interface HostDescription {
  readonly booted?: boolean;
  readonly release?: Partial<ReleaseDescription>;
  /** Where the sysroot lies, for tests that need a file system of its own; beside the releases unless given. */
  readonly sysrootParent?: string;
  /** Text of the origin file; the branch of the releases unless given. */
  readonly origin?: string;
  /** Settings of the remote; unsigned unless given. */
  readonly remote?: Readonly<Record<string, string>>;
}

/** The stateroot of every following host. */
export const stateroot = 'vendor';

const branch = 'vendor/stable';

/** Makes a host with one deployment. */
export async function makeHost(description: HostDescription = {}): Promise<FollowingHost> {
  const directory = mkdtempSync(join(tmpdir(), 'atomic-host-'));
  const releaseDirectory = join(directory, 'vendor');
  mkdirSync(releaseDirectory);
  const releases = makeReleases(releaseDirectory, branch);
  const first = releases.add({ version: '1', ...description.release });
  const server = await serveDirectory(releases.repoPath);
  const origin = description.origin ?? `[origin]\nrefspec=origin:${branch}\n`;
  const machine = await makeSysroot(description.sysrootParent ?? directory, {
    deployments: 0,
    stateroot,
    ref: branch,
    origin,
  });
  await install(machine, {
    releases,
    first,
    url: server.url,
    settings: description.remote ?? { 'gpg-verify': 'false' },
  });
  if (description.booted !== false) machine.start();
  const list = (): DeploymentList => {
    using sysroot = machine.open();
    return loadDeployments(sysroot);
  };
  return {
    directory,
    sysrootPath: machine.path,
    releases,
    server,
    first,
    list,
    host: hostOf(machine),
    order: () =>
      list().deployments.map(({ checksum, booted, staged }) => `${booted ? '*' : ''}${staged ? '+' : ''}${checksum}`),
    reboot: () => machine.reboot(),
    start: () => machine.start(),
    read: (path) => {
      const { booted, deployments } = list();
      return readFileSync(join(machine.path, (booted ?? deployments[0])?.path ?? '', path), 'utf8');
    },
    realOrder: () => realOrder(machine.path),
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await removeImmutable(machine);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function install(
  machine: TestHost,
  from: { releases: Releases; first: Checksum; url: string; settings: Readonly<Record<string, string>> },
): Promise<void> {
  {
    using sysroot = machine.open();
    addRemote(sysroot.repo, { name: 'origin', url: from.url, settings: new Map(Object.entries(from.settings)) });
    ostree(`--repo=${sysroot.repo.path}`, 'pull-local', '--remote=origin', from.releases.repoPath, branch);
  }
  await machine.deploy(from.first, { kargs: ['root=LABEL=root', 'quiet'] });
}

function hostOf(machine: TestHost): Host {
  return {
    sysrootPath: machine.path,
    get boot() {
      return machine.boot;
    },
    stateDir: machine.stateDir,
    clock: systemClock,
    reboot: () => Promise.resolve(),
  };
}

function realOrder(sysrootPath: string): readonly string[] {
  const status = ostree('admin', 'status', `--sysroot=${sysrootPath}`);
  return [...status.matchAll(/^[* ] \S+ ([0-9a-f]{64}\.\d+)/gm)].map((match) => match[1] ?? '');
}

/** Deployments are immutable so that nobody removes them by mistake; here it is meant. */
async function removeImmutable(machine: TestHost): Promise<void> {
  using sysroot = machine.open();
  const parent = `ostree/deploy/${stateroot}/deploy`;
  for (const { name } of sysroot.dir.list(parent)) await sysroot.dir.removeTree(`${parent}/${name}`);
}

/** Expects the real `ostree` to see the bootable deployments that we see, and to find nothing wrong with the repo. */
export function expectAgreement(machine: FollowingHost): void {
  const ours = machine.list().deployments.filter(({ staged }) => !staged);
  expect(machine.realOrder()).toEqual(ours.map(({ name }) => name));
  ostree(`--repo=${machine.sysrootPath}/ostree/repo`, 'fsck', '-q');
}

/** A job that remembers what it was told. */
export function listeningJob(signal?: AbortSignal): { job: Job; heard: JobEvent[]; notes: () => string[] } {
  const heard: JobEvent[] = [];
  const job = createJob({ ...(signal === undefined ? {} : { signal }), report: (event) => heard.push(event) });
  return { job, heard, notes: () => heard.flatMap((event) => (event.kind === 'note' ? [event.text] : [])) };
}
