import { AtomicError } from '../base/index.ts';
import type { WireDict, WireValue } from '../ipc/index.ts';

/** Options of a transaction method, decoded. */
export interface RequestOptions {
  readonly reboot: boolean;
  readonly allowDowngrade: boolean | undefined;
  readonly cacheOnly: boolean;
  readonly downloadOnly: boolean;
  readonly dryRun: boolean;
  readonly skipBranchCheck: boolean;
  /** Progress goes to the log instead of the transaction's socket. */
  readonly outputToSelf: boolean | undefined;
  readonly mode: string | undefined;
  readonly commandLine: string | undefined;
}

/** Options that are understood, with the type each must have. */
const honoured: Readonly<Record<string, 'b' | 's'>> = {
  reboot: 'b',
  'allow-downgrade': 'b',
  'cache-only': 'b',
  'download-only': 'b',
  'dry-run': 'b',
  'skip-branch-check': 'b',
  'output-to-self': 'b',
  mode: 's',
  'initiating-command-line': 's',
};

/** Options without effect on a host that has no packages on top of its commit, or that concern the client alone. */
const withoutEffect: ReadonlySet<string> = new Set([
  'allow-inactive',
  'allow-inactive-requests',
  'idempotent-layering',
  'no-initramfs',
  'no-layering',
  'no-overrides',
  'no-pull-base',
  'print-interactive',
  'skip-purge',
]);

/** Options that mean something and are not built: refused by name when they ask for it. */
const refused: ReadonlySet<string> = new Set([
  'apply-live',
  'custom-origin',
  'ex-cliwrap',
  'lock-finalization',
  'register-driver',
]);

/**
 * Decodes the options of a call. `InvalidArgument` naming an option that is unknown or has a wrong type, `NotSupported` for
 * one that asks for what is not built: nothing a caller asks for is passed over in silence.
 */
export function decodeOptions(dict: WireValue | undefined): RequestOptions {
  const options: WireDict = dict instanceof Map ? (dict as WireDict) : new Map();
  for (const [key, { type, value }] of options) {
    if (withoutEffect.has(key)) continue;
    if (refused.has(key)) {
      if (value === false || value === '') continue;
      throw new AtomicError('NotSupported', `The option ${key} is not supported`, { hint: 'Call again without it' });
    }
    const expected = Object.hasOwn(honoured, key) ? honoured[key] : undefined;
    if (expected === undefined) throw new AtomicError('InvalidArgument', `Unknown option ${JSON.stringify(key)}`);
    if (expected !== type) {
      throw new AtomicError('InvalidArgument', `The option ${key} has the type ${expected}, not ${type}`);
    }
  }
  const flag = (key: string): boolean | undefined => {
    const value = options.get(key)?.value;
    return typeof value === 'boolean' ? value : undefined;
  };
  const text = (key: string): string | undefined => {
    const value = options.get(key)?.value;
    return typeof value === 'string' ? value : undefined;
  };
  return {
    reboot: flag('reboot') ?? false,
    allowDowngrade: flag('allow-downgrade'),
    cacheOnly: flag('cache-only') ?? false,
    downloadOnly: flag('download-only') ?? false,
    dryRun: flag('dry-run') ?? false,
    skipBranchCheck: flag('skip-branch-check') ?? false,
    outputToSelf: flag('output-to-self'),
    mode: text('mode'),
    commandLine: text('initiating-command-line'),
  };
}

/** The title of a transaction: the command line that began it, or the verb with what qualifies it. */
export function transactionTitle(verb: string, options: RequestOptions, checkOnly = false): string {
  const { commandLine } = options;
  if (commandLine?.includes('--trigger-automatic-update-policy') === true) {
    return `automatic (${checkOnly ? 'check' : 'stage'})`;
  }
  if (commandLine !== undefined && commandLine !== '') return commandLine;
  if (options.cacheOnly) return `${verb} (cache only)`;
  if (checkOnly) return `${verb} (check only)`;
  return options.downloadOnly ? `${verb} (download only)` : verb;
}
