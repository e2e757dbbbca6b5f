import type { Host } from '../transactions/index.ts';
import type { ListenAt } from './front.ts';

/** How an agent is started. */
export interface AgentOptions {
  readonly host: Host;
  readonly listen: ListenAt;
  /** Where the transaction's socket is made; `/run` on a machine. */
  readonly runDir: string;
  /** The root below which `etc/rpm-ostreed.conf` is read; `/` by default. */
  readonly configRoot?: string;
  /** The user who may do everything beside root: whoever embeds an agent for himself. */
  readonly ownerUid?: number;
  /** Takes one line for the journal. */
  readonly log?: (line: string) => void;
  /** The environment's NOTIFY_SOCKET. */
  readonly notifySocket?: string | undefined;
  /** How long a transaction waits for Start and how long its clients may stay afterwards; 30 s each by default. */
  readonly startDeadlineMs?: number;
  readonly lingerMs?: number;
}
