/**
 * The victim of the crash tests: one verb of the product in a process of its own, killed by SIGKILL just before its n-th
 * mutating system call (or failed there with an errno). Prints one line of JSON when it got to its end.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { createJob, isAtomicError, messageOf } from '../../src/base/index.ts';
import { armCrash, armError, mutationCount, systemClock } from '../../src/platform/index.ts';
import { completeBoot, finalizeStaged, openSysroot, type BootRecord } from '../../src/sysroot/index.ts';
import { cleanup, rollback, upgrade, type Host } from '../../src/transactions/index.ts';

/** What the child is to do. */
export interface CrashRequest {
  readonly verb: 'upgrade' | 'finalize' | 'complete-boot' | 'rollback' | 'cleanup';
  readonly sysrootPath: string;
  readonly stateDir: string;
  readonly boot?: BootRecord;
  /** Dies just before this mutating call, counted from 1; never when absent. */
  readonly crashAt?: number;
  /** Fails `errorAt` with this errno; never when absent. */
  readonly errorAt?: number;
  readonly errno?: number;
}

/** What the child tells on standard output when it lives to its end. */
export interface CrashReply {
  /** Mutating system calls of the verb, as the addon counted them. */
  readonly mutations: number;
  readonly error?: { readonly code: string; readonly message: string };
  /** What is still open below the sysroot when the verb is over: an agent would hold it, and its locks, from then on. */
  readonly leaked: readonly string[];
}

function hostOf(request: CrashRequest): Host {
  return {
    sysrootPath: request.sysrootPath,
    boot: request.boot,
    stateDir: request.stateDir,
    clock: systemClock,
    reboot: async () => undefined,
  };
}

async function runVerb(request: CrashRequest): Promise<void> {
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

/** Descriptors of this process that lead below the directory, by what they lead to. */
function openBelow(directory: string): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(directory) ? [path] : [];
    } catch {
      // The descriptor by which the list itself was read.
      return [];
    }
  });
}

async function main(): Promise<void> {
  const request = JSON.parse(process.argv[2] ?? '') as CrashRequest;
  const before = mutationCount();
  if (request.crashAt !== undefined) armCrash(request.crashAt);
  if (request.errorAt !== undefined) armError(request.errorAt, request.errno ?? 5);
  let error: CrashReply['error'];
  try {
    await runVerb(request);
  } catch (thrown) {
    error = { code: isAtomicError(thrown) ? thrown.code : 'Unknown', message: messageOf(thrown) };
  }
  const reply: CrashReply = {
    mutations: mutationCount() - before,
    leaked: openBelow(request.sysrootPath),
    ...(error === undefined ? {} : { error }),
  };
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}

void main();
