import { AtomicError, isAtomicError } from '../base/index.ts';
import { type AgentClient, TransactionClient } from '../ipc/index.ts';
import type { CliContext } from './context.ts';
import { openDisplay, silentDisplay } from './progress-display.ts';
import { cleanLine } from './terminal-text.ts';

/** How a transaction is followed. */
export interface FollowOptions {
  /** The address the method that began it returned. */
  readonly address: string;
  readonly quiet: boolean;
}

/**
 * Starts (or joins) the transaction at an address, draws it, and returns when it has ended well. Ctrl-C cancels it and
 * keeps waiting for its end; a failure is thrown with the agent's words. `AgentUnavailable` if the agent goes away.
 */
export async function followTransaction(
  agent: AgentClient,
  options: FollowOptions,
  context: CliContext,
): Promise<void> {
  const display = options.quiet ? silentDisplay : openDisplay({ screen: context.stdout, nowMs: context.nowMs });
  const gone = watchFor();
  await using _watch = await agent.watchAgent(() => gone.reject(ownerChanged()));
  const transaction = await TransactionClient.open(options.address, (event) => display.show(event));
  using _interrupts = cancelOnInterrupt(transaction, context);
  let success = false;
  try {
    display.begin();
    const started = await transaction.start();
    if (!started && !options.quiet) {
      const { title } = await transaction.describe();
      context.stdout.write(`Attaching to existing transaction: ${cleanLine(title)}\n`);
    }
    const end = await Promise.race([transaction.finished, gone.promise]);
    success = end.success;
    if (!success) throw failure(end.error);
  } catch (error) {
    // A dying agent closes its socket and leaves the bus; which of the two arrives first must not change the words.
    throw isAtomicError(error, 'AgentUnavailable') ? ownerChanged() : error;
  } finally {
    display.end(success);
    await transaction.close();
  }
}

/** A transaction's failure text: the sentence, and after a line end what to do. */
function failure(text: string): AtomicError {
  const [sentence = '', ...rest] = text.split('\n');
  const hint = rest.join('\n').trim();
  const message = sentence === '' ? 'The transaction failed without saying why' : sentence;
  return new AtomicError('Failed', message, hint === '' ? {} : { hint });
}

function ownerChanged(): AtomicError {
  return new AtomicError(
    'AgentUnavailable',
    'Bus owner changed, aborting. This likely means the daemon crashed; check logs with `journalctl -xe`.',
  );
}

function cancelOnInterrupt(transaction: TransactionClient, context: CliContext): Disposable {
  let asked = false;
  return context.onInterrupt(() => {
    const again = asked;
    asked = true;
    context.stderr.write(again ? 'Awaiting transaction cancellation...\n' : 'Caught SIGINT, cancelling transaction\n');
    // If the agent is gone by now, `finished` says so.
    if (!again) transaction.cancel().catch(() => undefined);
  });
}

/** A promise that only ever rejects, and is quiet when nobody waits for it. */
function watchFor(): { readonly promise: Promise<never>; readonly reject: (error: AtomicError) => void } {
  const holder: { reject: (error: AtomicError) => void } = { reject: () => undefined };
  const promise = new Promise<never>((_resolve, reject) => {
    holder.reject = reject;
  });
  promise.catch(() => undefined);
  return { promise, reject: (error) => holder.reject(error) };
}
