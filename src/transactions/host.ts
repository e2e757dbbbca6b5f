import type { Clock } from '../platform/index.ts';
import type { BootRecord } from '../sysroot/index.ts';

/**
 * The machine a verb works on: a plain record built once in `bin`, so that the whole product runs below a temporary
 * directory in tests.
 */
export interface Host {
  /** The physical root with `/ostree`, an absolute path. */
  readonly sysrootPath: string;
  /** How the running system was booted; `undefined` means nothing here is booted (an offline sysroot). */
  readonly boot: BootRecord | undefined;
  /** Directory of history and caches; created when first needed. */
  readonly stateDir: string;
  readonly clock: Clock;
  /** Asks the machine to restart. Verbs never call it: they say `rebootRequested` and their caller does. */
  readonly reboot: () => Promise<void>;
}
