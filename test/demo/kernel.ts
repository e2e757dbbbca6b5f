/** Finds real kernels for the demo's trees: Debian packages where apt can fetch them, else the machine's own, else a stand-in. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** One kernel laid out as `usr/lib/modules/VERSION/` below a directory. */
export interface DemoKernel {
  readonly version: string;
  /** The directory that holds `usr/`. */
  readonly directory: string;
  readonly origin: 'debian package' | 'this machine' | 'stand-in';
}

function output(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 60_000 });
}

/** Names of the newest signed cloud kernels apt knows, newest first. */
function kernelPackages(): string[] {
  const names = output('apt-cache', ['pkgnames', 'linux-image-6.']).split('\n');
  return names
    .filter((name) => /^linux-image-6\.\d+\.\d+-\d+-cloud-[a-z0-9]+$/.test(name))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .slice(0, 2);
}

function unpackKernel(directory: string, name: string): DemoKernel {
  const into = join(directory, name);
  mkdirSync(into, { recursive: true });
  execFileSync('apt-get', ['download', '-o', 'APT::Sandbox::User=root', name], {
    cwd: into,
    stdio: 'ignore',
    timeout: 60_000,
  });
  const archive = readdirSync(into).find((file) => file.endsWith('.deb'));
  if (archive === undefined) throw new Error(`apt-get left no package for ${name}`);
  execFileSync('dpkg-deb', ['-x', join(into, archive), into], { stdio: 'ignore' });
  rmSync(join(into, archive));
  const version = name.replace('linux-image-', '');
  // Debian's packages keep modules in /lib and the kernel in /boot; an OSTree tree has both below usr/lib/modules.
  mkdirSync(join(into, 'usr/lib'), { recursive: true });
  if (existsSync(join(into, 'lib/modules')))
    execFileSync('mv', [join(into, 'lib/modules'), join(into, 'usr/lib/modules')]);
  copyFileSync(join(into, 'boot', `vmlinuz-${version}`), join(into, 'usr/lib/modules', version, 'vmlinuz'));
  for (const rest of ['boot', 'lib', 'usr/share']) rmSync(join(into, rest), { recursive: true, force: true });
  return { version, directory: into, origin: 'debian package' };
}

function ownKernel(directory: string, version: string): DemoKernel {
  const modules = join(directory, version, 'usr/lib/modules', version);
  mkdirSync(modules, { recursive: true });
  const image = existsSync('/boot') ? readdirSync('/boot').find((name) => name.startsWith('vmlinuz-')) : undefined;
  if (image === undefined) writeFileSync(join(modules, 'vmlinuz'), `stand-in for kernel ${version}\n`.repeat(4096));
  else copyFileSync(join('/boot', image), join(modules, 'vmlinuz'));
  return { version, directory: join(directory, version), origin: image === undefined ? 'stand-in' : 'this machine' };
}

/** Two kernels below `directory`, oldest first; they differ in version wherever two can be had. */
export function findKernels(directory: string): readonly [DemoKernel, DemoKernel] {
  try {
    const [newest, older] = kernelPackages().map((name) => unpackKernel(directory, name));
    if (newest !== undefined) return [older ?? newest, newest];
  } catch {
    // No apt, no network or no such package: the demo goes on with what the machine has, and says so.
    rmSync(directory, { recursive: true, force: true });
  }
  return [ownKernel(directory, '6.1.0-1'), ownKernel(directory, '6.1.0-2')];
}
