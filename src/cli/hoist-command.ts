/** What a word that looks like an option is to the commands of this program. */
export interface OptionWords {
  /** Spelled so, the option's value is the next word. */
  readonly takesValue: (word: string) => boolean;
  /** May stand alone, without a command, and means no more than that the command is missing. */
  readonly isCommon: (word: string) => boolean;
}

/**
 * The same words with those that name the command (`names`: how many there are, such as `host` and `status`) in front.
 * Options may stand before them, as the reference allows; the value of an option is not taken for a command. Options
 * without any command are dropped where every command knows them, so that the missing command is what gets reported.
 */
export function hoistCommand(
  argv: readonly string[],
  names: (first: string) => number,
  options: OptionWords,
): readonly string[] {
  const found: number[] = [];
  let onlyCommon = true;
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? '';
    if (word === '--') break;
    if (!word.startsWith('-') || word === '-') {
      found.push(index);
      if (found.length >= names(argv[found[0] ?? 0] ?? '')) break;
    } else {
      onlyCommon &&= options.isCommon(word.split('=')[0] ?? '');
      if (options.takesValue(word)) index += 1;
    }
  }
  if (found.length === 0) return onlyCommon ? [] : argv;
  const rest = argv.filter((_, index) => !found.includes(index));
  const missing = found.length < names(argv[found[0] ?? 0] ?? '') && onlyCommon;
  return [...found.map((index) => argv[index] ?? ''), ...(missing ? [] : rest)];
}
