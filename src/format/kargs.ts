import { AtomicError } from '../base/index.ts';
import { maxKernelCommandLineLength } from './limits.ts';

const ostreeKey = 'ostree';

/**
 * The kernel arguments of a command line, in order: split on blanks outside double quotes, quotes kept. A quote that
 * is never closed reaches to the end.
 */
export function parseKargs(line: string): readonly string[] {
  if (line.length > maxKernelCommandLineLength) {
    throw new AtomicError('LimitExceeded', `Kernel command line of ${line.length} characters is too long`);
  }
  const kargs: string[] = [];
  let karg = '';
  let quoted = false;
  for (const c of line) {
    if (c === '"') quoted = !quoted;
    if (!quoted && /[ \t\n\r]/.test(c)) {
      if (karg !== '') kargs.push(karg);
      karg = '';
    } else karg += c;
  }
  if (karg !== '') kargs.push(karg);
  return kargs;
}

/** The arguments as one command line. */
export function formatKargs(kargs: readonly string[]): string {
  return kargs.join(' ');
}

/** The part of an argument before its `=`. */
export function kargKey(karg: string): string {
  return splitKarg(karg).key;
}

/** The part of an argument after its first `=`; undefined if it has none. */
export function kargValue(karg: string): string | undefined {
  return splitKarg(karg).value;
}

/** The arguments with `karg` as the only one of its key: in the place of the first one, else at the end. */
export function kargsSet(kargs: readonly string[], karg: string): readonly string[] {
  const key = kargKey(karg);
  const at = kargs.findIndex((item) => kargKey(item) === key);
  if (at < 0) return [...kargs, karg];
  return kargs.with(at, karg).filter((item, index) => index === at || kargKey(item) !== key);
}

/** The arguments with `karg` at the end, even if it is there already. */
export function kargsAppend(kargs: readonly string[], karg: string): readonly string[] {
  return [...kargs, karg];
}

/** The arguments with `karg` at the end unless its key is there already, with whatever value (as libostree has it). */
export function kargsAppendIfMissing(kargs: readonly string[], karg: string): readonly string[] {
  return hasKey(kargs, karg) ? kargs : [...kargs, karg];
}

/**
 * The arguments with one value replaced in its place: `KEY=NEW` where the key has a single value, `KEY=OLD=NEW` where
 * it may have several. `InvalidArgument` with rpm-ostree's sentence if there is no such key or value, or which of several is
 * meant is open.
 */
export function kargsReplace(kargs: readonly string[], change: string): readonly string[] {
  const { key, value } = splitKarg(change);
  const matches = withKey(kargs, key);
  const inner = value === undefined ? -1 : value.indexOf('=');
  if (value !== undefined && inner >= 0) {
    const old = `${key}=${value.slice(0, inner)}`;
    if (!matches.includes(old)) throw noKarg(old);
    return kargs.with(kargs.indexOf(old), `${key}=${value.slice(inner + 1)}`);
  }
  if (matches.length > 1) throw multipleValues(key);
  return kargs.with(kargs.indexOf(matches[0] ?? ''), change);
}

/**
 * The arguments without one: `KEY=VALUE`, or `KEY` where the key has a single value. `InvalidArgument` with
 * rpm-ostree's sentence otherwise.
 */
export function kargsDelete(kargs: readonly string[], karg: string): readonly string[] {
  const { key, value } = splitKarg(karg);
  const matches = withKey(kargs, key);
  const [only] = matches;
  if (matches.length === 1 && only !== undefined && value === undefined) return kargs.toSpliced(kargs.indexOf(only), 1);
  const at = kargs.indexOf(karg);
  if (at < 0) throw value === undefined ? multipleValues(key) : noKarg(karg);
  return kargs.toSpliced(at, 1);
}

/**
 * {@link kargsDelete} where the key exists, else the arguments unchanged. As with libostree, a key that exists with other
 * values only is still an error.
 */
export function kargsDeleteIfPresent(kargs: readonly string[], karg: string): readonly string[] {
  return hasKey(kargs, karg) ? kargsDelete(kargs, karg) : kargs;
}

/** The arguments a person may edit: without the one that says which deployment to boot. */
export function kargsWithoutOstree(kargs: readonly string[]): readonly string[] {
  return kargs.filter((item) => kargKey(item) !== ostreeKey);
}

/** The value of `ostree=`: which deployment the kernel boots. The last one counts. */
export function ostreeKarg(kargs: readonly string[]): string | undefined {
  const karg = kargs.findLast((item) => kargKey(item) === ostreeKey);
  return karg === undefined ? undefined : kargValue(karg);
}

/** The arguments with exactly one `ostree=`: in the place of the first one, else at the end. */
export function withOstreeKarg(kargs: readonly string[], value: string): readonly string[] {
  return kargsSet(kargs, `${ostreeKey}=${value}`);
}

interface Karg {
  readonly key: string;
  readonly value: string | undefined;
}

function splitKarg(karg: string): Karg {
  const equals = karg.indexOf('=');
  return equals < 0 ? { key: karg, value: undefined } : { key: karg.slice(0, equals), value: karg.slice(equals + 1) };
}

function hasKey(kargs: readonly string[], karg: string): boolean {
  return kargs.some((item) => kargKey(item) === kargKey(karg));
}

function withKey(kargs: readonly string[], key: string): readonly string[] {
  const matches = kargs.filter((item) => kargKey(item) === key);
  if (matches.length === 0) throw new AtomicError('InvalidArgument', `No key '${key}' found`);
  return matches;
}

function noKarg(karg: string): AtomicError {
  return new AtomicError('InvalidArgument', `No karg '${karg}' found`);
}

function multipleValues(key: string): AtomicError {
  return new AtomicError('InvalidArgument', `Multiple values for key '${key}' found`, {
    hint: `Name the value too: ${key}=VALUE.`,
  });
}
