import { AtomicError } from '../base/index.ts';
import { type Keyfile } from '../format/index.ts';

/** How a repo stores its file objects. `archive` is spelled `archive-z2` in the config file. */
export type RepoMode = 'bare' | 'archive' | 'bare-user' | 'bare-user-only';

/** How much of the file system a repo leaves free: a percentage of all blocks, or so many bytes. */
export type FreeSpaceReserve = { readonly percent: number } | { readonly bytes: bigint };

/** The settings of a repo, validated. Defaults are those of OSTree. */
export interface RepoSettings {
  readonly mode: RepoMode;
  readonly fsync: boolean;
  readonly disableXattrs: boolean;
  readonly locking: boolean;
  /** Undefined: wait for ever. */
  readonly lockTimeoutMs: number | undefined;
  readonly tmpExpirySeconds: number;
  readonly reserve: FreeSpaceReserve;
  readonly collectionId: string | undefined;
  /** Path of a repo whose objects count as present. */
  readonly parentPath: string | undefined;
  readonly tombstoneCommits: boolean;
  readonly autoUpdateSummary: boolean;
  readonly deltasInSummary: boolean;
  /** 1..9, for the files of an archive repo. */
  readonly zlibLevel: number;
}

const modes: ReadonlyMap<string, RepoMode> = new Map([
  ['bare', 'bare'],
  ['archive', 'archive'],
  ['archive-z2', 'archive'],
  ['bare-user', 'bare-user'],
  ['bare-user-only', 'bare-user-only'],
]);

/** Modes that exist in the field and that we refuse by name instead of misreading. */
const unsupportedModes: ReadonlySet<string> = new Set(['bare-split-xattrs']);

const defaultZlibLevel = 6;
const defaultLockTimeoutSeconds = 300;
const defaultTmpExpirySeconds = 86_400;
const defaultReservePercent = 3;

/** The name of a mode as the config file spells it. */
export function modeConfigName(mode: RepoMode): string {
  return mode === 'archive' ? 'archive-z2' : mode;
}

/**
 * The settings a repo's config file asks for. Throws `InvalidRepo` naming the key when a value cannot be understood and
 * `NotSupported` for a mode or an integrity demand that exists but that we do not honour. Unknown keys are left alone:
 * other tools keep theirs in the same file. OSTree repository format: config.
 */
export function parseSettings(config: Keyfile, path: string): RepoSettings {
  const core = new Section(config, 'core', path);
  const version = core.text('repo_version');
  if (version !== '1') {
    throw core.invalid('repo_version', version === undefined ? 'it is missing' : `version ${version} is not known`);
  }
  refuseIntegrityDemands(new Section(config, 'ex-integrity', path));
  const lockTimeoutSeconds = core.integer('lock-timeout-secs', defaultLockTimeoutSeconds, -1);
  return {
    mode: parseMode(core),
    fsync: core.boolean('fsync', true),
    disableXattrs: core.boolean('disable-xattrs', false),
    locking: core.boolean('locking', true),
    lockTimeoutMs: lockTimeoutSeconds < 0 ? undefined : lockTimeoutSeconds * 1000,
    tmpExpirySeconds: core.integer('tmp-expiry-secs', defaultTmpExpirySeconds, 0),
    reserve: parseReserve(core),
    collectionId: core.text('collection-id') || undefined,
    parentPath: core.text('parent') || undefined,
    tombstoneCommits: core.boolean('tombstone-commits', false),
    autoUpdateSummary: core.boolean('auto-update-summary', core.boolean('commit-update-summary', false)),
    deltasInSummary: !core.boolean('no-deltas-in-summary', false),
    zlibLevel: new Section(config, 'archive', path).integer('zlib-level', defaultZlibLevel, 1, 9),
  };
}

/** One group of the config file, with errors that name the file and the key. */
class Section {
  readonly #config: Keyfile;
  readonly #group: string;
  readonly #path: string;

  constructor(config: Keyfile, group: string, path: string) {
    this.#config = config;
    this.#group = group;
    this.#path = path;
  }

  text(key: string): string | undefined {
    return this.#config.get(this.#group, key);
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.text(key)?.trim();
    if (value === undefined) return fallback;
    if (value === 'true' || value === '1') return true;
    if (value === 'false' || value === '0') return false;
    throw this.invalid(key, `${JSON.stringify(value)} is neither true nor false`);
  }

  integer(key: string, fallback: number, least: number, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.text(key)?.trim();
    if (value === undefined) return fallback;
    const number = /^-?\d+$/.test(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw this.invalid(key, `${JSON.stringify(value)} is not a number from ${least} to ${most}`);
  }

  invalid(key: string, reason: string): AtomicError {
    return new AtomicError('InvalidRepo', `Invalid ${this.#group}.${key} in ${this.#path}/config: ${reason}`, {
      facts: { path: this.#path, key: `${this.#group}.${key}` },
      hint: `Correct ${this.#group}.${key} in ${this.#path}/config.`,
    });
  }

  unsupported(key: string, value: string): AtomicError {
    return new AtomicError(
      'NotSupported',
      `${this.#path}/config asks for ${this.#group}.${key}=${value}, which is not supported`,
      {
        facts: { path: this.#path, key: `${this.#group}.${key}`, value },
        hint: `Use a repo in mode bare or archive, without ${this.#group}.${key}=${value}.`,
      },
    );
  }
}

function parseMode(core: Section): RepoMode {
  const text = core.text('mode')?.trim() ?? 'bare';
  if (unsupportedModes.has(text)) throw core.unsupported('mode', text);
  const mode = modes.get(text);
  if (mode === undefined) throw core.invalid('mode', `${JSON.stringify(text)} is not a mode`);
  return mode;
}

function parseReserve(core: Section): FreeSpaceReserve {
  const size = core.text('min-free-space-size')?.trim();
  if (size === undefined) return { percent: core.integer('min-free-space-percent', defaultReservePercent, 0, 99) };
  const match = /^(\d{1,9})([MGT])B$/.exec(size);
  const unit = match?.[2];
  if (match === null || unit === undefined) {
    throw core.invalid('min-free-space-size', `${JSON.stringify(size)} is not a size such as 500MB or 2GB`);
  }
  const shift = unit === 'M' ? 20n : unit === 'G' ? 30n : 40n;
  return { bytes: BigInt(match[1] ?? '0') << shift };
}

/** Writing objects without the fs-verity seal or the composefs digest a repo insists on would break its promise. */
function refuseIntegrityDemands(integrity: Section): void {
  for (const key of ['fsverity', 'composefs']) {
    const value = integrity.text(key)?.trim();
    if (value === 'yes' || value === 'true' || value === '1') throw integrity.unsupported(key, value);
  }
}
