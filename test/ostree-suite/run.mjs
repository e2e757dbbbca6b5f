// Runs libostree's own installed shell tests with our program first in PATH as `ostree`: a line per script, and a closing
// line that counts. `passed.txt` lists the scripts that passed once; one of them that no longer does is a failure of the run.
// `skipped.txt` lists those the original skips too; any other that skips has failed.
//
//   node test/ostree-suite/run.mjs [--record] [--real] [NAME...]
//
// --record adds what passed to the list; --real runs the original program instead, to learn what passes or skips there.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const suite = '/usr/libexec/installed-tests/libostree';
const root = resolve(import.meta.dirname, '../..');
const listFile = join(import.meta.dirname, 'passed.txt');
const skippedFile = join(import.meta.dirname, 'skipped.txt');
const timeoutMs = 600_000;

const flags = new Set(process.argv.slice(2).filter((word) => word.startsWith('--')));
const wanted = process.argv.slice(2).filter((word) => !word.startsWith('--'));

function scripts() {
  const all = readdirSync(suite).filter((name) => /^test-.*\.sh$/.test(name));
  return wanted.length === 0 ? all : all.filter((name) => wanted.some((part) => name.includes(part)));
}

function readList(file) {
  return new Set(
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#')),
  );
}

/** How a script ended, by its exit status and its TAP output. */
function verdict({ status, output }) {
  if (status === 77 || /^1\.\.0 # SKIP/m.test(output)) return 'skipped';
  return status === 0 && !/^not ok/m.test(output) ? 'passed' : 'failed';
}

/** The line a person wants to see of a failed script: its last complaint. */
function complaint(output) {
  const lines = output.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('+'));
  const told = lines.findLast((line) => /error:|assertion|FAIL|unexpected|ERR/i.test(line));
  return (told ?? lines.at(-1) ?? '').slice(0, 200);
}

async function runScript(name, work, programs) {
  const directory = mkdtempSync(join(work, 'run-'));
  const environment = {
    ...process.env,
    PATH: `${programs}:${process.env.PATH}`,
    G_TEST_SRCDIR: suite,
    G_TEST_BUILDDIR: suite,
    HOME: directory,
  };
  delete environment.NODE_EXTRA_CA_CERTS;
  return await new Promise((done) => {
    const child = spawn('bash', [join(suite, name)], {
      cwd: directory,
      env: environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const add = (text) => {
      output = (output + text).slice(-400_000);
    };
    child.stdout.setEncoding('utf8').on('data', add);
    child.stderr.setEncoding('utf8').on('data', add);
    // The scripts leave servers behind; they are all in the script's own process group.
    const timer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), timeoutMs);
    child.on('exit', (status) => {
      clearTimeout(timer);
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // Nobody was left.
      }
      done({ status, output });
    });
  });
}

async function main() {
  const work = mkdtempSync(join(tmpdir(), 'atomic-suite-'));
  const programs = join(work, 'bin');
  mkdirSync(programs);
  if (!flags.has('--real')) symlinkSync(join(root, 'dist/bin/ostree'), join(programs, 'ostree'));
  const kept = readList(listFile);
  const skippable = readList(skippedFile);
  const queue = scripts();
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const lost = [];
  const found = new Set(kept);
  const logs = join(root, 'dist/ostree-suite');
  const worker = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const result = await runScript(name, work, programs);
      const ended = verdict(result);
      // Where the original does not skip, ours lacks what the script asks for.
      const end = ended === 'skipped' && !flags.has('--real') && !skippable.has(name) ? 'failed' : ended;
      counts[end] += 1;
      if (end === 'passed') found.add(name);
      else if (kept.has(name)) lost.push(name);
      mkdirSync(logs, { recursive: true });
      writeFileSync(join(logs, `${name}.log`), result.output);
      console.log(`${end.padEnd(8)}${name}${end === 'failed' ? `  ${complaint(result.output)}` : ''}`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  spawn('chattr', ['-R', '-f', '-i', work]).on('close', () => rmSync(work, { recursive: true, force: true }));
  if (flags.has('--record')) {
    const head = '# Scripts of libostree 2022.7 that pass with our program; one that stops passing fails the run.';
    writeFileSync(listFile, `${[head, ...[...found].sort()].join('\n')}\n`);
  }
  if (lost.length > 0) console.log(`passed before and not now: ${lost.join(' ')}`);
  console.log(`logs: ${logs}`);
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  process.exitCode = lost.length > 0 ? 1 : 0;
}

await main();
