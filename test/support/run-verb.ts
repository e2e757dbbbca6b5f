/** The verbs of the product by name, on a host given as plain data. */
import { createJob } from '../../src/base/index.ts';
import { systemClock } from '../../src/platform/index.ts';
import { completeBoot, finalizeStaged, openSysroot, type BootRecord } from '../../src/sysroot/index.ts';
import { cleanup, rollback, upgrade, type Host } from '../../src/transactions/index.ts';

/** What is to be done, and where. */
export interface VerbRequest {
  readonly verb: 'upgrade' | 'finalize' | 'complete-boot' | 'rollback' | 'cleanup';
  readonly sysrootPath: string;
  readonly stateDir: string;
  readonly boot?: BootRecord;
}

function hostOf(request: VerbRequest): Host {
  return {
    sysrootPath: request.sysrootPath,
    boot: request.boot,
    stateDir: request.stateDir,
    clock: systemClock,
    reboot: async () => undefined,
  };
}

/** Carries the verb out in this process. */
export async function runVerb(request: VerbRequest): Promise<void> {
  const job = createJob();
  const host = hostOf(request);
  switch (request.verb) {
    case 'upgrade':
      await upgrade(host, {}, job);
      return;
    case 'rollback':
      await rollback(host, {}, job);
      return;
    case 'cleanup':
      await cleanup(host, { base: true, pending: true, rollback: true }, job);
      return;
    case 'finalize': {
      using sysroot = openSysroot(request.sysrootPath, request.boot);
      await finalizeStaged(sysroot, job);
      return;
    }
    case 'complete-boot': {
      using sysroot = openSysroot(request.sysrootPath, request.boot);
      await completeBoot(sysroot, job);
      return;
    }
  }
}
