/** Builds the demo's two OS trees from real files: installed Debian packages where dpkg is there, else parts of /usr. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { DemoKernel } from './kernel.ts';

/** What a built tree holds. Sizes in bytes. */
export interface TreeFacts {
  readonly files: number;
  readonly sizeBytes: number;
  readonly source: string;
}

const maxFiles = 7_000;
const maxSizeBytes = 150_000_000;
const preferredPackages = [
  'base-files',
  'bash',
  'coreutils',
  'util-linux',
  'libc6',
  'libc-bin',
  'tzdata',
  'perl-base',
  'perl-modules-5.36',
  'libpython3.11-stdlib',
  'python3.11-minimal',
  'openssl',
  'systemd',
  'dbus',
  'vim-runtime',
  'git',
  'grub-common',
];

function installedFiles(): string[] {
  const installed = new Set(execFileSync('dpkg-query', ['-W', '-f', '${Package}\n'], { encoding: 'utf8' }).split('\n'));
  const packages = preferredPackages.filter((name) => installed.has(name));
  return execFileSync('dpkg-query', ['-L', ...packages], { encoding: 'utf8', maxBuffer: 64 << 20 }).split('\n');
}

/** The path with its directory resolved, so that /bin/sh is found where it is: in /usr/bin. */
function canonicalPath(path: string): string | undefined {
  const directory = dirname(path);
  return existsSync(directory) ? join(realpathSync(directory), basename(path)) : undefined;
}

function packageFiles(): { paths: string[]; sizeBytes: number } {
  const paths = new Set<string>();
  let sizeBytes = 0;
  for (const listed of installedFiles()) {
    const path = listed.startsWith('/') ? canonicalPath(listed) : undefined;
    if (path === undefined || !/^\/(usr|etc)\//.test(path) || !existsSync(path)) continue;
    const stat = lstatSync(path);
    if (stat.isDirectory() || paths.has(path)) continue;
    if (paths.size >= maxFiles || sizeBytes + stat.size > maxSizeBytes) break;
    paths.add(path);
    sizeBytes += stat.size;
  }
  return { paths: [...paths], sizeBytes };
}

function copyFiles(paths: readonly string[], tree: string): void {
  const archive = execFileSync('tar', ['-C', '/', '--null', '-T', '-', '-cf', '-'], {
    input: paths.map((path) => `${path.slice(1)}\0`).join(''),
    maxBuffer: 1 << 30,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  execFileSync('tar', ['-C', tree, '-xpf', '-'], { input: archive });
}

function writeOsRelease(tree: string, version: string): void {
  rmSync(join(tree, 'usr/lib/os-release'), { force: true });
  const lines = ['NAME="Demo Linux"', 'ID=demo', `VERSION_ID=${version}`, `PRETTY_NAME="Demo Linux ${version}"`, ''];
  writeFileSync(join(tree, 'usr/lib/os-release'), lines.join('\n'));
}

function addKernel(tree: string, kernel: DemoKernel, version: string): void {
  cpSync(join(kernel.directory, 'usr/lib/modules'), join(tree, 'usr/lib/modules'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  const stamp = `initramfs of Demo Linux ${version}\n`;
  writeFileSync(join(tree, 'usr/lib/modules', kernel.version, 'initramfs.img'), stamp.repeat(40_000));
}

function factsOf(tree: string, source: string): TreeFacts {
  let files = 0;
  let sizeBytes = 0;
  for (const entry of readdirSync(tree, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    files += 1;
    sizeBytes += lstatSync(join(entry.parentPath, entry.name)).size;
  }
  return { files, sizeBytes, source };
}

/** Builds version 1 in `tree`: real files, a kernel, default configuration in usr/etc. */
export function buildFirstTree(tree: string, kernel: DemoKernel): TreeFacts {
  mkdirSync(join(tree, 'usr/lib'), { recursive: true });
  let source = 'installed Debian packages';
  if (existsSync('/usr/bin/dpkg-query')) {
    copyFiles(packageFiles().paths, tree);
  } else {
    source = '/usr/bin and /usr/share/zoneinfo of this machine';
    copyFiles(['/usr/bin', '/usr/share/zoneinfo'], tree);
  }
  if (existsSync(join(tree, 'etc'))) renameSync(join(tree, 'etc'), join(tree, 'usr/etc'));
  mkdirSync(join(tree, 'usr/etc/demo'), { recursive: true });
  writeFileSync(join(tree, 'usr/etc/demo/greeting.conf'), 'greeting=hello from 1.0\n');
  writeFileSync(join(tree, 'usr/etc/demo/limits.conf'), 'limit=10\n');
  writeOsRelease(tree, '1.0');
  addKernel(tree, kernel, '1.0');
  return factsOf(tree, source);
}

/** Turns version 1 into version 2 in place: new kernel and release, some files changed, added and removed. */
export function buildSecondTree(tree: string, kernel: DemoKernel): TreeFacts {
  rmSync(join(tree, 'usr/lib/modules'), { recursive: true });
  addKernel(tree, kernel, '2.0');
  writeOsRelease(tree, '2.0');
  writeFileSync(join(tree, 'usr/etc/demo/limits.conf'), 'limit=20\n');
  const programs = readdirSync(join(tree, 'usr/bin'), { withFileTypes: true }).filter((entry) => entry.isFile());
  for (const program of programs.slice(0, 40))
    appendFileSync(join(tree, 'usr/bin', program.name), '\n# patched in 2.0\n');
  for (const program of programs.slice(-5)) rmSync(join(tree, 'usr/bin', program.name));
  mkdirSync(join(tree, 'usr/share/demo'), { recursive: true });
  for (let index = 0; index < 150; index += 1) {
    writeFileSync(join(tree, `usr/share/demo/data-${index}.bin`), randomBytes(4_096 + index * 64));
  }
  return factsOf(tree, 'version 1 with changes');
}
