import process from 'node:process';
import { startAgent } from '../agent/index.ts';
import { defined } from '../base/index.ts';
import type { EmbeddedAgent, EmbeddedOptions } from '../cli/index.ts';
import { buildHost } from './build-host.ts';
import { makeSocketDir } from './make-socket-dir.ts';

/**
 * Starts an agent in this process that serves only who starts it, from a private directory that goes with it. Settings
 * are read from the sysroot itself: those of the machine around it are not its own.
 */
export async function openEmbedded({ sysroot, bootRecord }: EmbeddedOptions): Promise<EmbeddedAgent> {
  const host = buildHost({ sysroot, bootRecord });
  const sockets = makeSocketDir();
  try {
    const agent = await startAgent({
      host,
      listen: { kind: 'peer', path: `${sockets.path}/agent.sock` },
      runDir: sockets.path,
      configRoot: host.sysrootPath,
      ownerUid: defined(process.getuid, 'a POSIX system')(),
    });
    return {
      address: agent.address,
      [Symbol.asyncDispose]: async () => {
        await agent.stop();
        await sockets[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await sockets[Symbol.asyncDispose]();
    throw error;
  }
}
