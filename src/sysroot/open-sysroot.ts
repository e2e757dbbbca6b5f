import { AtomicError, isAtomicError, type Job } from '../base/index.ts';
import { isStaterootName } from '../format/index.ts';
import { Dir, lockFile, sys } from '../platform/index.ts';
import { initRepo, openRepo, type Repo } from '../repo/index.ts';
import type { BootRecord } from './boot-record.ts';

/** An opened sysroot: the physical root with `ostree/` and `boot/`, its repo, and what is known about the running machine. */
export class Sysroot implements Disposable {
  readonly path: string;
  readonly dir: Dir;
  readonly repo: Repo;
  /** Undefined when the sysroot is offline: not the one the machine runs from. */
  readonly boot: BootRecord | undefined;

  constructor(path: string, dir: Dir, opened: { repo: Repo; boot: BootRecord | undefined }) {
    this.path = path;
    this.dir = dir;
    this.repo = opened.repo;
    this.boot = opened.boot;
  }

  [Symbol.dispose](): void {
    this.repo[Symbol.dispose]();
    this.dir[Symbol.dispose]();
  }
}

/** Opens the sysroot at `path`; `InvalidSysroot` if it is none. Takes no lock. */
export function openSysroot(path: string, boot?: BootRecord): Sysroot {
  const dir = openDirectory(path);
  try {
    if (dir.stat('ostree/deploy')?.isDirectory() !== true || dir.stat('ostree/repo')?.isDirectory() !== true) {
      throw notASysroot(path);
    }
    const repo = openRepo(`${path.replace(/\/$/, '')}/ostree/repo`);
    return new Sysroot(path, dir, { repo, boot });
  } catch (error) {
    dir[Symbol.dispose]();
    throw error;
  }
}

/**
 * Makes the directory `path` (created if absent) a sysroot: the empty directories of a root file system, `ostree/deploy` and
 * a bare repo. What exists is left alone, so it is safe to run again. OSTree: `admin init-fs`.
 */
export function initSysroot(path: string, options: { readonly modern?: boolean } = {}): void {
  using parent = Dir.open('/');
  parent.ensureDir(path.replace(/^\//, ''), 0o755);
  using dir = Dir.open(path);
  for (const name of ['boot', 'ostree', 'ostree/deploy']) dir.ensureDir(name, 0o755);
  if (options.modern !== true) {
    for (const name of ['dev', 'home', 'proc', 'run', 'sys']) dir.ensureDir(name, 0o755);
    dir.ensureDir('root', 0o700);
    if (dir.stat('tmp') === undefined) makeDirExactly(dir, 'tmp', 0o1777);
  }
  if (dir.stat('ostree/repo/objects') === undefined) {
    initRepo(`${path.replace(/\/$/, '')}/ostree/repo`, { mode: 'bare' })[Symbol.dispose]();
  }
}

/**
 * Creates the stateroot `name`: its `deploy` comes with the first deployment, its `var` gets the directories and links that
 * every deployment expects there. `InvalidArgument` if it exists or the name cannot be one. OSTree: `admin os-init`.
 */
export function initStateroot(sysroot: Sysroot, name: string): void {
  if (!isStaterootName(name))
    throw new AtomicError('InvalidArgument', `Invalid stateroot name ${JSON.stringify(name)}`);
  const base = `ostree/deploy/${name}`;
  if (sysroot.dir.stat(base) !== undefined) {
    throw new AtomicError('InvalidArgument', `Stateroot ${name} already exists`);
  }
  for (const path of ['', '/var', '/var/lib', '/var/log']) sysroot.dir.ensureDir(`${base}${path}`, 0o755);
  makeDirExactly(sysroot.dir, `${base}/var/tmp`, 0o1777);
  sysroot.dir.symlink('../run', `${base}/var/run`);
  sysroot.dir.symlink('../run/lock', `${base}/var/lock`);
  sysroot.dir.touch('ostree/deploy');
}

/** Throws `StaterootNotFound`, saying how to create it, unless the stateroot is there. */
export function requireStateroot(sysroot: Sysroot, name: string): void {
  if (isStaterootName(name) && sysroot.dir.stat(`ostree/deploy/${name}`)?.isDirectory() === true) return;
  throw new AtomicError('StaterootNotFound', `Stateroot ${JSON.stringify(name)} not found in ${sysroot.path}`, {
    hint: `Create it with: ostree admin --sysroot=${sysroot.path} os-init ${name}`,
    facts: { stateroot: name },
  });
}

/** How long another writer (an upgrade in another process) is waited for unless told otherwise. */
const defaultLockTimeoutMs = 30_000;

/**
 * Takes `ostree/lock`, which every writer of a sysroot holds, the real `ostree` included; released on dispose.
 * `UpdateInProgress` if it cannot be had in time. Locks do not nest: two of one process exclude each other too.
 */
export async function lockSysroot(
  sysroot: Sysroot,
  job: Job,
  options: { readonly timeoutMs?: number } = {},
): Promise<Disposable> {
  return await lockFile(
    sysroot.dir,
    'ostree/lock',
    {
      exclusive: true,
      timeoutMs: options.timeoutMs ?? defaultLockTimeoutMs,
      deleteOnRelease: true,
      busy: () =>
        new AtomicError('UpdateInProgress', `Another program is changing the deployments of ${sysroot.path}`, {
          hint: 'Wait for it to finish and try again.',
        }),
    },
    job,
  );
}

function openDirectory(path: string): Dir {
  try {
    return Dir.open(path);
  } catch (error) {
    // Without the addon nothing can be opened; that is what has to be told.
    if (isAtomicError(error, 'NativeMissing')) throw error;
    throw notASysroot(path, error);
  }
}

function notASysroot(path: string, cause?: unknown): AtomicError {
  return new AtomicError('InvalidSysroot', `${path} is not a sysroot: it has no ostree/deploy and ostree/repo`, {
    hint: `Create one with: ostree admin init-fs ${path}`,
    cause,
  });
}

/** mkdir obeys the umask; a sticky world-writable directory must not. */
function makeDirExactly(dir: Dir, path: string, mode: number): void {
  dir.makeDir(path, mode);
  using made = dir.openDir(path);
  sys.fchmod(made.fd, mode);
}
