/** What commander found on a command line, with types that are checked where they are read. */
export class Invocation {
  readonly args: readonly string[];
  readonly #options: Readonly<Record<string, unknown>>;

  constructor(args: readonly string[], options: Readonly<Record<string, unknown>>) {
    this.args = args;
    this.#options = options;
  }

  /** True if the option without a value was given; `name` in commander's camel case. */
  flag(name: string): boolean {
    return this.#options[name] === true;
  }

  /** The option's value; undefined if it was not given. */
  text(name: string): string | undefined {
    const value = this.#options[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** True if the option was given in any form. */
  has(name: string): boolean {
    const value = this.#options[name];
    return value !== undefined && value !== false;
  }
}
