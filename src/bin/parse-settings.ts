import { AtomicError } from '../base/index.ts';

/** The settings an executable knows: name without dashes to one line about it. */
export type SettingNames = Readonly<Record<string, string>>;

/**
 * Reads `--name value` and `--name=value`; the result is frozen. `InvalidArgument` naming the argument for a name that is
 * not in `names`, one given twice, a missing value, or a word that is no option.
 */
export function parseSettings<N extends SettingNames>(
  argv: readonly string[],
  names: N,
): Readonly<Partial<Record<keyof N, string>>> {
  const settings = new Map<string, string>();
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [, name = '', inline] = /^--([a-z-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (!Object.hasOwn(names, name)) {
      throw new AtomicError('InvalidArgument', `Unknown option ${word}`, { hint: describeSettings(names) });
    }
    const value = inline ?? rest.shift();
    if (value === undefined || value === '') throw new AtomicError('InvalidArgument', `--${name} needs a value`);
    if (settings.has(name)) throw new AtomicError('InvalidArgument', `--${name} was given twice`);
    settings.set(name, value);
  }
  return Object.freeze(Object.fromEntries(settings)) as Readonly<Partial<Record<keyof N, string>>>;
}

/** One line per setting, for `--help`. */
export function describeSettings(names: SettingNames): string {
  const rows = Object.entries(names).map(([name, about]) => [`--${name} VALUE`, about] as const);
  const width = Math.max(...rows.map(([flag]) => flag.length));
  return `Options:\n${rows.map(([flag, about]) => `  ${flag.padEnd(width)}  ${about}`).join('\n')}`;
}
