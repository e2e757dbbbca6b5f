import type { Job } from '../base/index.ts';

/** What the program is given by `bin`: everything it may read and everywhere it may write. */
export interface OstreeContext {
  /** Arguments after the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The product's version, as `--version` prints it. */
  readonly version: string;
  readonly now: () => Date;
  /** Lets a long operation be cancelled, and draws its progress. */
  readonly job: Job;
  write(output: string | Uint8Array): void;
  writeError(text: string): void;
}
