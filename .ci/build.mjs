// Bundles the executables into dist/. Each program is one CommonJS file in dist/lib with its V8 code cache beside it and
// a launcher in dist/bin; dynamic imports stay lazy inside the bundle, native packages are resolved from the package root.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

const programs = ['atomic', 'atomicd', 'atomic-finalize', 'atomic-boot-complete', 'ostree'];
const links = [['rpm-ostree', 'atomic']];
// What is run once to find the functions a start uses, where that is more than `--version`.
const warmUp = { atomic: ['host', 'status', '--help'], ostree: ['--help'] };
// Compiled packages, and one that is large and rarely needed, found by Node's own resolution from dist/lib upward; x11 and
// usocket are optional and absent.
const external = ['better-sqlite3', 'openpgp', 'x11', 'usocket'];

/** Runs a bundle through its code cache. `require` of the bundle is anchored at the bundle, not at the launcher. */
const startScript = `'use strict';
const { readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, join } = require('node:path');
const { Script } = require('node:vm');

exports.start = (program) => {
  const filename = join(__dirname, program + '.cjs');
  let cachedData;
  try {
    cachedData = readFileSync(join(__dirname, program + '.cache'));
  } catch {
    // Without the cache V8 compiles as usual.
  }
  const source = '(function (exports, require, module, __filename, __dirname) {' + readFileSync(filename, 'latin1') + '\\n})';
  const script = new Script(source, { filename, cachedData });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(filename), module, filename, dirname(filename));
  return script;
};
`;

const launcher = (program) => `#!/usr/bin/env node
require('../lib/start.cjs').start('${program}');
`;

/** What the build runs once per program to fill its cache with the functions a start really uses. */
const cacheScript = `
const { writeFileSync } = require('node:fs');
const [lib, program, words] = process.argv.slice(1);
process.argv.splice(1, process.argv.length, lib + '/../bin/' + program, ...JSON.parse(words));
const script = require(lib + '/start.cjs').start(program);
process.on('exit', () => writeFileSync(lib + '/' + program + '.cache', script.createCachedData()));
`;

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20.20',
  logLevel: 'warning',
  legalComments: 'none',
};

async function bundlePrograms(esbuild, root, names, out) {
  await esbuild.build({
    ...common,
    entryPoints: Object.fromEntries(names.map((name) => [name, join(root, 'src/bin', `${name}.ts`)])),
    outdir: join(out, 'lib'),
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    external,
    // ASCII only, so that the launcher may read it as Latin-1, which V8 stores in half the space.
    charset: 'ascii',
    minifySyntax: true,
    minifyWhitespace: true,
    supported: { 'dynamic-import': false },
    banner: { js: "const importMetaUrl=require('node:url').pathToFileURL(__filename).href;" },
    define: {
      'import.meta.url': 'importMetaUrl',
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
      ATOMIC_VERSION: JSON.stringify(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version),
    },
    loader: { '.xml': 'text' },
  });
}

function writeLaunchers(names, out) {
  writeFileSync(join(out, 'package.json'), '{"type":"commonjs"}\n');
  writeFileSync(join(out, 'lib/start.cjs'), startScript);
  mkdirSync(join(out, 'bin'));
  for (const name of names) {
    writeFileSync(join(out, 'bin', name), launcher(name));
    chmodSync(join(out, 'bin', name), 0o755);
  }
  for (const [link, target] of links) symlinkSync(target, join(out, 'bin', link));
}

function writeCodeCaches(names, out) {
  for (const name of names) {
    const words = JSON.stringify(warmUp[name] ?? ['--version']);
    execFileSync(process.execPath, ['-e', cacheScript, join(out, 'lib'), name, words], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
}

/** The demo is a test support program: it is bundled as a module and keeps its packages outside. */
async function bundleDemo(esbuild, root, out) {
  const entry = join(root, 'test/demo/demo.ts');
  if (!existsSync(entry)) return;
  await esbuild.build({
    ...common,
    entryPoints: [entry],
    outfile: join(out, 'demo.mjs'),
    format: 'esm',
    packages: 'external',
  });
}

/** Puts `out` in the place of `dist`; two builds at once leave one of both. */
function swapIn(out, dist, old) {
  try {
    renameSync(dist, old);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  try {
    renameSync(out, dist);
  } catch (error) {
    // Another build put its own there between our two renames.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  }
}

/** Builds dist/ beside the old one and swaps it in whole; programs without a source file yet are left out. */
export async function buildAll(root) {
  const esbuild = await import('esbuild');
  const names = programs.filter((name) => existsSync(join(root, 'src/bin', `${name}.ts`)));
  const out = mkdtempSync(join(root, '.dist-'));
  const dist = join(root, 'dist');
  const old = `${out}-old`;
  try {
    mkdirSync(join(out, 'lib'));
    chmodSync(out, 0o755);
    await bundlePrograms(esbuild, root, names, out);
    writeLaunchers(names, out);
    writeCodeCaches(names, out);
    await bundleDemo(esbuild, root, out);
    swapIn(out, dist, old);
  } finally {
    for (const path of [out, old]) rmSync(path, { recursive: true, force: true });
  }
}
