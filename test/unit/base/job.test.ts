import { expect, it } from 'vitest';
import { createJob, isAtomicError, throwIfCancelled } from '../../../src/base/index.ts';

it('does not run a commit point when the job was cancelled before it', () => {
  const controller = new AbortController();
  controller.abort();
  const job = createJob({ signal: controller.signal });
  const ran: string[] = [];
  expect(() => job.uncancellable(() => ran.push('swap'))).toThrow(
    expect.objectContaining({ code: 'Cancelled', message: 'Operation was cancelled' }),
  );
  expect(ran).toEqual([]);
});

it('runs a commit point to its end although the job is cancelled during it', () => {
  const controller = new AbortController();
  const job = createJob({ signal: controller.signal });
  const result = job.uncancellable(() => {
    controller.abort();
    return 'swapped';
  });
  expect(result).toBe('swapped');
  let caught: unknown;
  try {
    throwIfCancelled(job);
  } catch (error) {
    caught = error;
  }
  expect(isAtomicError(caught, 'Cancelled')).toBe(true);
  expect(isAtomicError(caught, 'Failed')).toBe(false);
});

it('reports to whoever listens', () => {
  const seen: unknown[] = [];
  const job = createJob({ report: (event) => seen.push(event) });
  job.report({ kind: 'phase', text: 'Receiving objects' });
  expect(seen).toEqual([{ kind: 'phase', text: 'Receiving objects' }]);
});
