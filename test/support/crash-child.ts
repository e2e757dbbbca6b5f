/**
 * The victim of the crash tests: one verb of the product in a process of its own, killed by SIGKILL just before its n-th
 * mutating system call (or failed there with an errno). Prints one line of JSON when it got to its end.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { isAtomicError, messageOf } from '../../src/base/index.ts';
import { armCrash, armError, mutationCount } from '../../src/platform/index.ts';
import { runVerb, type VerbRequest } from './run-verb.ts';

/** What the child is to do. */
export interface CrashRequest extends VerbRequest {
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
