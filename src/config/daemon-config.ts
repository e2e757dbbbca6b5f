import { AtomicError, messageOf } from '../base/index.ts';
import { type Keyfile, parseKeyfile } from '../format/index.ts';
import { Dir } from '../platform/index.ts';

/** What the timer may do by itself: nothing, look, look and stage, stage and reboot. */
export type AutomaticUpdatePolicy = 'none' | 'check' | 'stage' | 'apply';

/** The settings of `/etc/rpm-ostreed.conf`, group `[Daemon]`, with every default filled in. */
export interface DaemonConfig {
  readonly automaticUpdatePolicy: AutomaticUpdatePolicy;
  /** Seconds without work after which the agent ends; 0: never. */
  readonly idleExitTimeoutSeconds: number;
  /** Refuse everything that would put packages on top of a commit. */
  readonly lockLayering: boolean;
  readonly recommends: boolean;
}

/** The file has four settings and their explanation. */
const maxConfigBytes = 256 * 1024;

/** A year; what is meant to be longer is `0`. */
const maxIdleExitTimeoutSeconds = 366 * 24 * 3600;

const configPath = 'etc/rpm-ostreed.conf';

/** The spellings existing files use; compared in lower case. */
const policies: ReadonlyMap<string, AutomaticUpdatePolicy> = new Map([
  ['none', 'none'],
  ['off', 'none'],
  ['check', 'check'],
  ['stage', 'stage'],
  ['ex-stage', 'stage'],
  ['apply', 'apply'],
]);

const knownKeys: ReadonlySet<string> = new Set([
  'AutomaticUpdatePolicy',
  'IdleExitTimeout',
  'LockLayering',
  'Recommends',
]);

/**
 * The agent's settings below `rootPath`; the defaults if the file is missing. `InvalidFormat` naming file and line for an
 * unknown group or key and for a value that is none of the allowed.
 */
export function loadDaemonConfig(rootPath: string): DaemonConfig {
  using root = Dir.open(rootPath);
  const text = root.readText(configPath, maxConfigBytes) ?? '';
  const path = `${rootPath.replace(/\/+$/, '')}/${configPath}`;
  return readDaemonConfig(parseKeyfile(text, path), { text, path });
}

/** The file a keyfile was read from, to name the line at fault. */
interface ConfigSource {
  readonly text: string;
  readonly path: string;
}

/** The settings of a parsed file. */
function readDaemonConfig(keyfile: Keyfile, source: ConfigSource): DaemonConfig {
  refuseUnknown(keyfile, source);
  return {
    automaticUpdatePolicy: readSetting(keyfile, source, ['AutomaticUpdatePolicy', parsePolicy]) ?? 'none',
    idleExitTimeoutSeconds: readSetting(keyfile, source, ['IdleExitTimeout', parseSeconds]) ?? 60,
    lockLayering: readSetting(keyfile, source, ['LockLayering', parseBoolean]) ?? false,
    recommends: readSetting(keyfile, source, ['Recommends', parseBoolean]) ?? true,
  };
}

/** A misspelt key would silently leave its default in force. */
function refuseUnknown(keyfile: Keyfile, source: ConfigSource): void {
  for (const group of keyfile.groups()) {
    if (group !== 'Daemon') throw invalid(source, lineOf(source.text, `[${group}]`), `unknown group [${group}]`);
    const unknown = keyfile.keys(group).find((key) => !knownKeys.has(key));
    if (unknown !== undefined) throw invalid(source, keyfile.lineOf('Daemon', unknown), `unknown key ${unknown}`);
  }
}

/** Parses one value with `parse`, which says in a thrown error what it expected. */
function readSetting<T>(
  keyfile: Keyfile,
  source: ConfigSource,
  [key, parse]: readonly [key: string, parse: (text: string) => T],
): T | undefined {
  const text = keyfile.get('Daemon', key)?.trim();
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (error) {
    throw invalid(source, keyfile.lineOf('Daemon', key), `${key}=${text}: ${messageOf(error)}`);
  }
}

function parsePolicy(text: string): AutomaticUpdatePolicy {
  const policy = policies.get(text.toLowerCase());
  if (policy === undefined) throw expected('none, check, stage or apply');
  return policy;
}

function parseSeconds(text: string): number {
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds <= maxIdleExitTimeoutSeconds)) throw expected(`seconds from 0 to ${maxIdleExitTimeoutSeconds}`);
  return seconds;
}

function parseBoolean(text: string): boolean {
  if (text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0') return false;
  throw expected('true or false');
}

function expected(what: string): AtomicError {
  return new AtomicError('InvalidFormat', `expected ${what}`);
}

function lineOf(text: string, start: string): number {
  return text.split('\n').findIndex((line) => line.trim().startsWith(start)) + 1;
}

/** The refusal of a line of the file. */
function invalid(source: ConfigSource, line: number | undefined, reason: string): AtomicError {
  return new AtomicError('InvalidFormat', `Invalid setting in ${source.path}, line ${line ?? '?'}: ${reason}`, {
    facts: { path: source.path, line: line ?? 0 },
    hint: `Correct ${source.path}, then run \`atomic reload\`.`,
  });
}
