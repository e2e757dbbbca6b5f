import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { AtomicError, messageOf } from '../base/index.ts';

/** Any function of the addon: its calls are typed where they are used. */
export type NativeCall = (...args: readonly unknown[]) => unknown;

/** The addon as it comes from the file. */
export type NativeTable = Readonly<Record<string, NativeCall>>;

const addonPath = 'native/build/Release/atomic.node';
const loaded = new Map<'addon', NativeTable>();

/**
 * Returns the addon, loaded once, at its first use. It is searched upward from this module: the same walk finds it from
 * the sources and from a bundle in `dist/bin`. `NativeMissing` if it was never built or does not fit this Node.
 */
export function loadNative(): NativeTable {
  const known = loaded.get('addon');
  if (known !== undefined) return known;
  const file = findAddon();
  const table = requireAddon(file);
  loaded.set('addon', table);
  return table;
}

/** Absolute path of the built addon; `NativeMissing` where no directory above this module has one. */
export function findAddon(): string {
  const start = dirname(decodeURIComponent(new URL(import.meta.url).pathname));
  for (let directory = start; ; directory = dirname(directory)) {
    const candidate = join(directory, addonPath);
    if (existsSync(candidate)) return candidate;
    if (directory === dirname(directory))
      throw missing(`The native addon is not built: no ${addonPath} above ${start}`);
  }
}

function requireAddon(file: string): NativeTable {
  try {
    return createRequire(import.meta.url)(file) as NativeTable;
  } catch (error) {
    throw missing(`Could not load the native addon ${file}: ${messageOf(error)}`, error);
  }
}

function missing(message: string, cause?: unknown): AtomicError {
  return new AtomicError('NativeMissing', message, { hint: 'Run `npm run build:native`', cause });
}
