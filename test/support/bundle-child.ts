/** Bundles a TypeScript program of the tests into one file, so that a process of its own starts without a loader. */
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = resolve(import.meta.dirname, '../..');

/** Bundles `entry` (a path below test/support) into `directory`; returns the path of what `node` runs. */
export async function bundleChild(entry: string, directory: string): Promise<string> {
  const outfile = join(directory, entry.replace(/\.ts$/, '.cjs'));
  await build({
    entryPoints: [join(root, 'test/support', entry)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.20',
    logLevel: 'error',
    external: ['better-sqlite3'],
    // The addon is searched upward from the module that loads it, and the bundle lies outside the repository.
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(join(root, 'src/platform/native.ts')).href) },
  });
  return outfile;
}
