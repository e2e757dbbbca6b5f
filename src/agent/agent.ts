import { AgentCore } from './agent-core.ts';
import type { AgentOptions } from './agent-options.ts';

/** A running agent. */
export class Agent {
  /** What a client connects to. */
  readonly address: string;
  /** Resolves when the agent has ended, of itself or because it was told to. */
  readonly closed: Promise<void>;
  readonly #agent: AgentCore;

  constructor(core: AgentCore, address: string) {
    this.#agent = core;
    this.address = address;
    this.closed = core.closed;
  }

  /** Ends the agent after the running transaction; called again, cancels that. Resolves when it has ended. */
  async stop(): Promise<void> {
    await this.#agent.stop();
  }
}

/**
 * Starts an agent and resolves when it can be called: objects are published before the name is owned. Fails with the error
 * of the sysroot, the configuration or the bus.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const core = new AgentCore(options);
  const address = await core.open();
  return new Agent(core, address);
}
