import { describe, expect, it } from 'vitest';
import type { JobEvent, TransferEvent } from '../../../src/base/index.ts';
import { ProgressSignals } from '../../../src/agent/progress-signals.ts';

const transfer = (transferredBytes: number): TransferEvent => ({
  kind: 'transfer',
  outstandingFetches: 1,
  outstandingWrites: 0,
  scannedMetadata: 3,
  fetchedMetadata: 2,
  outstandingMetadata: 1,
  fetchedContent: 4,
  requestedContent: 9,
  transferredBytes,
});

interface Step {
  readonly atMs: number;
  readonly event: JobEvent;
}

/** The signals of a sequence of events, each at its time, and of the end. */
function signalsOf(steps: readonly Step[]): string[] {
  const time = { ms: 1_000_000 };
  const sent: string[] = [];
  const clock = { now: () => new Date(time.ms), sleep: async () => await Promise.resolve() };
  const signals = new ProgressSignals(({ member, body }) => {
    sent.push([member, ...(member === 'DownloadProgress' ? body.flat().map(String) : body.map(String))].join(' '));
  }, clock);
  for (const { atMs, event } of steps) {
    time.ms = 1_000_000 + atMs;
    signals.tell(event);
  }
  signals.finish();
  return sent;
}

const phase = (text: string): JobEvent => ({ kind: 'phase', text });
const count = (done: number, total?: number): JobEvent =>
  total === undefined ? { kind: 'count', done, unit: 'objects' } : { kind: 'count', done, total, unit: 'objects' };
const note = (text: string): JobEvent => ({ kind: 'note', text });
const at = (atMs: number, event: JobEvent): Step => ({ atMs, event });

describe('the signals of a job', () => {
  it('show a phase of unknown length as a task that begins and ends', () => {
    expect(signalsOf([at(0, phase('Staging')), at(9, note('line'))])).toEqual([
      'TaskBegin Staging',
      'TaskEnd done',
      'Message line',
    ]);
  });

  it('show a phase that counts as one bar that begins with 0, only grows, and ends', () => {
    const steps = [
      at(0, phase('Writing')),
      at(1, count(0, 100)),
      at(150, count(30, 100)),
      at(300, count(20, 100)),
      at(600, count(50, 100)),
    ];
    expect(signalsOf([...steps, at(601, count(100, 100)), at(602, phase('Next'))])).toEqual([
      'PercentProgress Writing 0',
      'PercentProgress Writing 30',
      'PercentProgress Writing 50',
      'PercentProgress Writing 100',
      'ProgressEnd',
      'TaskBegin Next',
      'TaskEnd done',
    ]);
  });

  it('put ProgressEnd between two bars', () => {
    const steps = [at(0, phase('One')), at(1, count(1, 1)), at(2, phase('Two')), at(3, count(1, 1))];
    expect(signalsOf(steps)).toEqual([
      'PercentProgress One 0',
      'PercentProgress One 100',
      'ProgressEnd',
      'PercentProgress Two 0',
      'PercentProgress Two 100',
      'ProgressEnd',
    ]);
  });

  it('make a trickle of a flood', () => {
    const counts = Array.from({ length: 10_000 }, (_, done) => at(done / 100, count(done, 10_000)));
    expect(signalsOf([at(0, phase('Writing')), ...counts]).length).toBeLessThan(5);
    const bytes = Array.from({ length: 10_000 }, (_, done) => at(done / 100, transfer(done)));
    const sent = signalsOf(bytes);
    expect(sent.length).toBeLessThan(5);
    expect(sent.at(-2)).toMatch(/ 9999 \d+$/);
  });

  it('tell a transfer by the six groups of numbers clients know', () => {
    expect(signalsOf([at(2000, transfer(5000))])).toEqual([
      'DownloadProgress 1000 2 1 0 3 2 1 0 0 0 0 4 9 5000 2500',
      'ProgressEnd',
    ]);
  });

  it('leave out counts that lead nowhere', () => {
    expect(signalsOf([at(0, count(5)), at(1, count(0, 0))])).toEqual([]);
  });
});
