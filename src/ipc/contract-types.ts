/** One argument: its name and D-Bus type. */
export interface ArgumentContract {
  readonly name: string;
  readonly type: string;
}

/** A method: what goes in and out, and which polkit action it needs (undefined: open to everybody). */
export interface MethodContract {
  readonly name: string;
  readonly in: readonly ArgumentContract[];
  readonly out: readonly ArgumentContract[];
  readonly action?: string;
}

/** A signal and its arguments. */
export interface SignalContract {
  readonly name: string;
  readonly args: readonly ArgumentContract[];
}

/** A property; all of ours are read-only and announce changes with the value. */
export interface PropertyContract {
  readonly name: string;
  readonly type: string;
}

/** One interface of the published contract. */
export interface InterfaceContract {
  readonly name: string;
  readonly methods: readonly MethodContract[];
  readonly signals: readonly SignalContract[];
  readonly properties: readonly PropertyContract[];
}

/** The signature of some arguments. */
export function signatureOf(args: readonly ArgumentContract[]): string {
  return args.map((one) => one.type).join('');
}

/** Reads `name:type name:type`. */
export function args(text: string): readonly ArgumentContract[] {
  return text
    .split(' ')
    .filter((part) => part !== '')
    .map((part) => {
      const at = part.indexOf(':');
      return { name: part.slice(0, at), type: part.slice(at + 1) };
    });
}

/** A method from the short notation of {@link args}. */
export function method(name: string, input: string, output: string, action?: string): MethodContract {
  return { name, in: args(input), out: args(output), ...(action === undefined ? {} : { action }) };
}

/** A signal from the short notation of {@link args}. */
export function signal(name: string, input: string): SignalContract {
  return { name, args: args(input) };
}

/** Properties from the short notation of {@link args}. */
export function properties(text: string): readonly PropertyContract[] {
  return args(text);
}
