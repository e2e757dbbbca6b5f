// Installs what a fresh clone lacks and builds what `npm run build|demo|test` need; quick when nothing is missing.
// Plain JavaScript with Node's own modules only: it runs before anything is installed.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const inRoot = (...parts) => join(root, ...parts);
const modes = ['install', 'native', 'build', 'demo', 'test'];
// How often a long step says that it is still alive, where no terminal shows a running clock.
const heartbeatMs = 15_000;
// A compiler or npm that is silent this long will not come back.
const stepLimitMs = 20 * 60_000;

/** A failure a person can act on; printed without a stack. */
class SetupError extends Error {}

function onPath(command) {
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return directories.some((directory) => {
    try {
      accessSync(join(directory, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Debian's own python, whatever other python stands first in PATH, can import `gi`. */
function hasPythonGi() {
  if (existsSync('/usr/lib/python3/dist-packages/gi/__init__.py')) return true;
  try {
    execFileSync('/usr/bin/python3', ['-c', 'import gi'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const debianPackages = [
  { name: 'liblzma-dev', modes, present: () => existsSync('/usr/include/lzma.h') },
  { name: 'ostree', modes: ['demo', 'test'], present: () => onPath('ostree') },
  { name: 'attr', modes: ['test'], present: () => onPath('setfattr') },
  { name: 'gnupg', modes: ['test'], present: () => onPath('gpg') && onPath('gpgv') },
  { name: 'strace', modes: ['test'], present: () => onPath('strace') },
  { name: 'dbus', modes: ['test'], present: () => onPath('dbus-daemon') },
  { name: 'e2fsprogs', modes: ['test'], present: () => onPath('mkfs.ext4') },
  { name: 'grub-common', modes: ['test'], present: () => onPath('grub-script-check') },
  { name: 'libglib2.0-bin', modes: ['test'], present: () => onPath('gdbus') },
  { name: 'systemd', modes: ['test'], present: () => onPath('busctl') },
  { name: 'python3-gi', modes: ['test'], present: hasPythonGi },
];

/** Runs one step and prints one line for it: what, how long. Nothing is printed when `work` finds nothing to do. */
async function step(title, work) {
  const started = performance.now();
  const elapsed = () => ((performance.now() - started) / 1000).toFixed(1);
  const clock = process.stdout.isTTY
    ? setInterval(() => process.stdout.write(`\r${title} … ${elapsed()} s `), 1000)
    : setInterval(() => console.log(`${title} … still working after ${Math.round(Number(elapsed()))} s`), heartbeatMs);
  try {
    await work();
  } finally {
    clearInterval(clock);
    if (process.stdout.isTTY) process.stdout.write('\r\u001B[K');
  }
  console.log(`${title}: ${elapsed()} s`);
}

const shownErrors = 12;
const shownTail = 25;

/** What to show of the output of a command that failed: the first lines that speak of errors, and the last lines. */
function excerpt(output) {
  const lines = output.trimEnd().split('\n');
  if (lines.length <= shownErrors + shownTail) return lines.join('\n');
  const errors = lines.slice(0, -shownTail).filter((line) => /\b(?:error|fatal|not found)\b/i.test(line));
  return [...errors.slice(0, shownErrors), '…', ...lines.slice(-shownTail)].join('\n');
}

/** Runs a command quietly; what it printed is shown only when it fails. */
function run(command, args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: stepLimitMs,
    });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => reject(new SetupError(`Running ${command} failed: ${error.message}`)));
    child.on('close', (status, signal) => {
      if (status === 0) return resolve();
      const how = signal === null ? `status ${status}` : signal;
      const shown = excerpt(Buffer.concat(output).toString());
      return reject(new SetupError(`${shown}\n\n\`${command} ${args.join(' ')}\` ended with ${how}.`));
    });
  });
}

function checkTools() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 20)) {
    throw new SetupError(`Node ${process.versions.node} is too old: install Node 20.20 or newer.`);
  }
}

/** Names the compilers that are missing, at the moment one is needed. */
function requireCompilers() {
  const missing = ['npm', 'python3', 'make', 'g++'].filter((command) => !onPath(command));
  if (missing.length > 0) {
    throw new SetupError(
      `Compiling needs ${missing.join(', ')}: install it (Debian: apt-get install npm python3 make g++).`,
    );
  }
}

async function installDebianPackages(mode) {
  const missing = debianPackages.filter((one) => one.modes.includes(mode) && !one.present()).map((one) => one.name);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !onPath('apt-get')) {
    throw new SetupError(
      `\`npm ${mode === 'test' ? '' : 'run '}${mode}\` needs these packages, install them first: ${missing.join(' ')}`,
    );
  }
  const quiet = { DEBIAN_FRONTEND: 'noninteractive' };
  const patience = ['-o', 'Acquire::Retries=2', '-o', 'Acquire::http::Timeout=30', '-o', 'DPkg::Lock::Timeout=120'];
  await step(`Debian packages ${missing.join(' ')}`, async () => {
    await run('apt-get', [...patience, 'update'], quiet);
    await run('apt-get', [...patience, 'install', '-y', '--no-install-recommends', ...missing], quiet);
  });
}

/**
 * Node's headers of this very major version, where some package left them; `undefined` lets node-gyp look for itself.
 * Without them node-gyp would download a tarball.
 */
function findNodeHeaders() {
  const configured = process.env.npm_config_nodedir;
  if (configured) return configured;
  const prefixes = [dirname(dirname(process.execPath)), '/usr', '/usr/local'];
  return prefixes.find((prefix) => {
    const header = join(prefix, 'include/node/node_version.h');
    if (!existsSync(header)) return false;
    const major = /#define NODE_MAJOR_VERSION (\d+)/.exec(readFileSync(header, 'utf8'))?.[1];
    return major === process.versions.node.split('.')[0];
  });
}

function compileEnvironment() {
  const headers = findNodeHeaders();
  return {
    ...(headers === undefined ? {} : { npm_config_nodedir: headers }),
    // prebuild-install would first ask a server for a binary that nobody here can check.
    npm_config_build_from_source: 'true',
    npm_config_update_notifier: 'false',
  };
}

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** True if node_modules holds exactly what package-lock.json asks for (other platforms' optional packages aside). */
function isInstalled() {
  const installedPath = inRoot('node_modules/.package-lock.json');
  if (!existsSync(installedPath)) return false;
  const installed = readJson(installedPath).packages;
  return Object.entries(readJson(inRoot('package-lock.json')).packages).every(([path, wanted]) => {
    if (path === '') return true;
    const found = installed[path];
    if (found === undefined) return wanted.optional === true || wanted.devOptional === true;
    return found.version === wanted.version && found.integrity === wanted.integrity && existsSync(inRoot(path));
  });
}

/** True if the compiled SQLite can be loaded by this Node. */
function sqliteLoads() {
  try {
    createRequire(import.meta.url)(inRoot('node_modules/better-sqlite3/build/Release/better_sqlite3.node'));
    return true;
  } catch {
    return false;
  }
}

async function installPackages() {
  if (!isInstalled()) {
    requireCompilers();
    const title = 'npm ci (compiles SQLite, about a minute)';
    await step(title, () =>
      run('npm', ['ci', '--foreground-scripts', '--no-audit', '--no-fund'], compileEnvironment()),
    );
  }
  if (!sqliteLoads()) {
    requireCompilers();
    await step('SQLite for this Node', () => run('npm', ['rebuild', 'better-sqlite3'], compileEnvironment()));
  }
}

/** Every file below `paths`, sorted; directories named in `skip` are left out. */
function filesBelow(paths, skip = []) {
  return paths
    .filter((path) => existsSync(inRoot(path)))
    .flatMap((path) => {
      const entries = readdirSync(inRoot(path), { withFileTypes: true });
      return entries.flatMap((entry) => {
        const child = join(path, entry.name);
        if (skip.includes(child)) return [];
        return entry.isDirectory() ? filesBelow([child], skip) : [child];
      });
    })
    .sort();
}

/** A name for the content of these files under this Node: the same name means nothing has to be built again. */
function stampOf(files) {
  const hash = createHash('sha256').update(`${process.version} ${process.arch}\n`);
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(readFileSync(inRoot(file)))
      .update('\0');
  return hash.digest('hex');
}

const isCurrent = (path, stamp) => existsSync(inRoot(path)) && readFileSync(inRoot(path), 'utf8') === stamp;

function writeStamp(path, stamp) {
  mkdirSync(dirname(inRoot(path)), { recursive: true });
  writeFileSync(inRoot(path), stamp);
}

/** Compiles the addon in a directory of its own, so that whoever uses the old one never finds none. */
async function compileAddon(sources) {
  const gyp = inRoot('node_modules/node-gyp/bin/node-gyp.js');
  const headers = findNodeHeaders();
  const options = headers === undefined ? [] : ['--nodedir', headers];
  const work = mkdtempSync(inRoot('.native-'));
  try {
    for (const file of sources) {
      const copy = join(work, relative('native', file));
      mkdirSync(dirname(copy), { recursive: true });
      copyFileSync(inRoot(file), copy);
    }
    await run(process.execPath, [gyp, 'rebuild', '--directory', work, '--jobs', 'max', ...options]);
    mkdirSync(inRoot('native/build/Release'), { recursive: true });
    renameSync(join(work, 'build/Release/atomic.node'), inRoot('native/build/Release/atomic.node'));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function buildAddon() {
  if (!existsSync(inRoot('native/binding.gyp'))) return;
  const stampPath = 'native/build/.stamp';
  const addonVersion = readJson(inRoot('node_modules/node-addon-api/package.json')).version;
  const sources = filesBelow(['native'], ['native/build']);
  const stamp = `${stampOf(sources)} ${addonVersion}`;
  if (isCurrent(stampPath, stamp) && existsSync(inRoot('native/build/Release/atomic.node'))) return;
  requireCompilers();
  await step('native addon', async () => await compileAddon(sources));
  writeStamp(stampPath, stamp);
}

async function buildBundles() {
  const stampPath = 'dist/.stamp';
  const inputs = [...filesBelow(['src', 'dbus', 'test/demo']), '.ci/build.mjs', 'package.json', 'package-lock.json'];
  const stamp = stampOf(inputs);
  if (isCurrent(stampPath, stamp)) return;
  await step('bundles in dist/', async () => {
    const { buildAll } = await import(pathToFileURL(inRoot('.ci/build.mjs')).href);
    await buildAll(root);
  });
  writeStamp(stampPath, stamp);
}

async function main(mode = 'install') {
  if (!modes.includes(mode)) throw new SetupError(`Unknown mode ${mode}: one of ${modes.join(', ')}.`);
  checkTools();
  await installDebianPackages(mode);
  await installPackages();
  await buildAddon();
  if (mode !== 'install' && mode !== 'native') await buildBundles();
  if (mode === 'build') console.log(`ready: ${relative(process.cwd(), inRoot('dist/bin')) || '.'}`);
}

try {
  await main(process.argv[2]);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
