import { basename, dirname, resolve } from 'node:path';
import { AtomicError, messageOf } from '../base/index.ts';
import { Dir } from '../platform/index.ts';
import type { BootRecord } from '../sysroot/index.ts';

// Four short fields.
const limitBytes = 64 * 1024;
const keys = new Set(['bootVersion', 'bootId', 'deployment', 'runDir']);

/**
 * Reads a file that says how a directory counts as booted: JSON with `bootId` and `runDir`, and (when a deployment runs)
 * `bootVersion` 0 or 1 and `deployment` as `STATEROOT/CHECKSUM.SERIAL`. `InvalidArgument` naming file and key otherwise.
 */
export function readBootRecordFile(path: string): BootRecord {
  using dir = Dir.open(dirname(resolve(path)));
  const text = dir.readText(basename(path), limitBytes);
  if (text === undefined) throw new AtomicError('InvalidArgument', `Boot record ${path} does not exist`);
  const refuse = (why: string): never => {
    throw new AtomicError('InvalidArgument', `Boot record ${path}: ${why}`);
  };
  const record = parseObject(text) ?? refuse('not a JSON object');
  for (const key of Object.keys(record)) if (!keys.has(key)) refuse(`unknown key ${JSON.stringify(key)}`);
  const { bootVersion, bootId, deployment, runDir } = record;
  if (typeof bootId !== 'string' || bootId === '') return refuse('bootId has to be a string');
  if (typeof runDir !== 'string' || !runDir.startsWith('/')) return refuse('runDir has to be an absolute path');
  if (bootVersion !== undefined && bootVersion !== 0 && bootVersion !== 1)
    return refuse('bootVersion has to be 0 or 1');
  if (deployment !== undefined && typeof deployment !== 'string') return refuse('deployment has to be a string');
  return Object.freeze({
    bootId,
    runDir,
    ...(bootVersion === undefined ? {} : { bootVersion }),
    ...(deployment === undefined ? {} : { deployment }),
  });
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch (error) {
    throw new AtomicError('InvalidArgument', `Boot record is not JSON: ${messageOf(error)}`, { cause: error });
  }
}
