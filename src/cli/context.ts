/** A stream of text a person or a program reads. */
export interface Screen {
  /** True when a person watches: lines may be redrawn. */
  readonly isTerminal: boolean;
  /** Width in characters; 80 where nobody knows. */
  readonly columns: number;
  /** True when text may be coloured (a terminal, and NO_COLOR is not set). */
  readonly color: boolean;
  write(text: string): void;
}

/** An agent that lives in this very process and serves a private socket. Disposing it ends the agent. */
export interface EmbeddedAgent extends AsyncDisposable {
  /** D-Bus address of the socket. */
  readonly address: string;
}

/** Where an embedded agent works. */
export interface EmbeddedOptions {
  /** The physical root with `/ostree`. */
  readonly sysroot: string;
  /** A file that says how this directory counts as booted; nothing is booted without. */
  readonly bootRecord: string | undefined;
}

/** Everything the program may read, write or do; built once by `bin`. */
export interface CliContext {
  /** The name it was called by: decides whether `host` stands before the verbs. */
  readonly program: 'atomic' | 'rpm-ostree';
  /** Arguments after the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly stdout: Screen;
  readonly stderr: Screen;
  readonly now: () => Date;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** True if the running system was booted from an OSTree deployment. */
  readonly isOstreeBooted: () => Promise<boolean>;
  /** Tells every Ctrl-C until disposed; while somebody listens it does not end the process. */
  readonly onInterrupt: (listener: () => void) => Disposable;
  /** Starts an agent in this process, for `--sysroot`. */
  readonly openEmbedded: (options: EmbeddedOptions) => Promise<EmbeddedAgent>;
}
