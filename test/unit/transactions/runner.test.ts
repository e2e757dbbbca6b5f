import { describe, expect, it } from 'vitest';

import { AtomicError, type JobEvent, throwIfCancelled } from '../../../src/base/index.ts';
import type { History, HistoryEntry } from '../../../src/state/index.ts';
import { type Outcome, TransactionRunner } from '../../../src/transactions/index.ts';

const done: Outcome = { kind: 'unchanged', message: 'No upgrade available.', rebootRequested: false };

function remembering(): { history: History; entries: HistoryEntry[] } {
  const entries: HistoryEntry[] = [];
  const history: History = {
    problem: undefined,
    append: (entry) => void entries.push(entry),
    list: () => [],
    close: () => undefined,
  };
  return { history, entries };
}

const untilCancelled = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

describe('the transaction runner', () => {
  it('gives the outcome of the work and is idle again', async () => {
    const runner = new TransactionRunner();
    const transaction = runner.start('upgrade', async () => done);
    expect(runner.current).toBe(transaction);
    expect(await transaction.outcome).toBe(done);
    expect(runner.current).toBeUndefined();
    expect(transaction.state).toBe('ended');
  });

  it('refuses a second transaction naming the first', async () => {
    const runner = new TransactionRunner();
    const first = runner.admit('upgrade', async () => done);
    expect(() => runner.start('rollback', async () => done)).toThrow(
      expect.objectContaining({ code: 'UpdateInProgress', message: 'Transaction in progress: upgrade' }),
    );
    first.start();
    await first.outcome;
    await runner.start('rollback', async () => done).outcome;
  });

  it('runs nothing before the start and starts once', async () => {
    const runner = new TransactionRunner();
    const runs: string[] = [];
    const transaction = runner.admit('upgrade', async () => {
      runs.push('run');
      return done;
    });
    expect([runs.length, transaction.state, transaction.started]).toEqual([0, 'admitted', false]);
    expect([transaction.start(), transaction.start()]).toEqual([true, false]);
    await transaction.outcome;
    expect([runs.length, transaction.start()]).toEqual([1, false]);
  });

  it('tells its listeners what the work reports until they leave', async () => {
    const runner = new TransactionRunner();
    const heard: JobEvent[] = [];
    const transaction = runner.admit('upgrade', async (job) => {
      job.report({ kind: 'phase', text: 'Receiving objects' });
      leave();
      job.report({ kind: 'phase', text: 'Staging deployment' });
      return done;
    });
    const leave = transaction.subscribe((event) => heard.push(event));
    transaction.start();
    await transaction.outcome;
    expect(heard).toEqual([{ kind: 'phase', text: 'Receiving objects' }]);
  });

  it('cancels running work through its signal', async () => {
    const { history, entries } = remembering();
    const runner = new TransactionRunner(history);
    const transaction = runner.start('upgrade', async (job) => {
      await untilCancelled(job.signal);
      throwIfCancelled(job);
      return done;
    });
    transaction.cancel();
    await expect(transaction.outcome).rejects.toThrow('Operation was cancelled');
    expect(runner.current).toBeUndefined();
    expect(entries.map(({ event }) => event)).toEqual(['started', 'cancelled']);
  });

  it('frees the place of a transaction cancelled before its start, without a trace in the history', async () => {
    const { history, entries } = remembering();
    const runner = new TransactionRunner(history);
    const transaction = runner.admit('upgrade', async () => done);
    transaction.cancel();
    await expect(transaction.outcome).rejects.toThrow(expect.objectContaining({ code: 'Cancelled' }));
    expect([runner.current, transaction.start(), entries.length]).toEqual([undefined, false, 0]);
  });

  it('writes what became of each transaction under its id', async () => {
    const { history, entries } = remembering();
    const runner = new TransactionRunner(history);
    const good = runner.start('upgrade', async () => done);
    await good.outcome;
    const bad = runner.start('deploy 2', () =>
      Promise.reject(new AtomicError('NotFound', 'Version 2 not found in a:b')),
    );
    await expect(bad.outcome).rejects.toThrow('Version 2');
    expect(entries).toEqual([
      { transactionId: good.id, title: 'upgrade', event: 'started', detail: '' },
      { transactionId: good.id, title: 'upgrade', event: 'done', detail: 'No upgrade available.' },
      { transactionId: bad.id, title: 'deploy 2', event: 'started', detail: '' },
      { transactionId: bad.id, title: 'deploy 2', event: 'failed', detail: 'Version 2 not found in a:b' },
    ]);
  });
});
