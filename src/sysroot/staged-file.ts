import { decodeStagedRecord, encodeStagedRecord, type StagedRecord } from '../format/index.ts';
import { Dir, syncDir, writeFileDurably } from '../platform/index.ts';
import type { Sysroot } from './open-sysroot.ts';

const directory = 'ostree';
const record = 'ostree/staged-deployment';
/** Older tools lock a staged deployment by this file instead of the record's own field; it is still honoured. */
const legacyLock = 'ostree/staged-deployment-locked';

/** A record is some hundred bytes plus kernel arguments; a limit keeps a damaged file from filling memory. */
const maxRecordBytes = 4 * 1024 * 1024;

/**
 * The record of the staged deployment, `locked` also if the older lock file is there; undefined if nothing is staged or the
 * sysroot is not booted.
 */
export function readStaged(sysroot: Sysroot): StagedRecord | undefined {
  if (sysroot.boot === undefined) return undefined;
  using run = Dir.open(sysroot.boot.runDir);
  const bytes = run.readFile(record, maxRecordBytes);
  if (bytes === undefined) return undefined;
  const staged = decodeStagedRecord(bytes);
  return run.exists(legacyLock) ? { ...staged, locked: true } : staged;
}

/** Writes the record, mode 0600, in libostree's wire format, so that any of its readers sees the staged deployment. */
export function writeStaged(runDir: string, staged: StagedRecord): void {
  using run = Dir.open(runDir);
  run.ensureDir(directory, 0o755);
  writeFileDurably(run, record, encodeStagedRecord(staged), 0o600);
}

/** Removes the record and its lock; fine if there is none. */
export function removeStaged(sysroot: Sysroot): void {
  if (sysroot.boot === undefined) return;
  using run = Dir.open(sysroot.boot.runDir);
  if (!run.exists(directory)) return;
  run.unlink(record);
  run.unlink(legacyLock);
  syncDir(run, directory);
}
