import { describe, expect, it } from 'vitest';
import { openDisplay } from '../../../src/cli/progress-display.ts';
import { describeDownload, downloadFraction, renderProgress } from '../../../src/cli/progress-text.ts';
import type { DownloadProgress, TransactionEvent } from '../../../src/ipc/index.ts';
import { captureScreen } from '../../support/cli-context.ts';

const nothing: DownloadProgress = {
  startSeconds: 0,
  elapsedSeconds: 0,
  outstandingFetches: 0,
  outstandingWrites: 0,
  scannedMetadata: 0,
  fetchedMetadata: 0,
  outstandingMetadata: 0,
  deltaParts: 0,
  fetchedDeltaParts: 0,
  deltaSuperblocks: 0,
  deltaBytes: 0,
  fetchedContent: 0,
  requestedContent: 0,
  transferredBytes: 0,
  bytesPerSecond: 0,
};

const download = (over: Partial<DownloadProgress>): TransactionEvent => ({ kind: 'download', ...nothing, ...over });

const upgrade: readonly TransactionEvent[] = [
  { kind: 'message', text: 'Updating from: os:stable' },
  download({ outstandingFetches: 8, outstandingMetadata: 90, fetchedMetadata: 10, transferredBytes: 4000 }),
  download({
    outstandingFetches: 8,
    fetchedContent: 50,
    requestedContent: 100,
    transferredBytes: 5e6,
    elapsedSeconds: 10,
    bytesPerSecond: 5e5,
  }),
  // More objects turn up: the fraction falls, the line must not.
  download({
    outstandingFetches: 8,
    fetchedContent: 60,
    requestedContent: 400,
    transferredBytes: 6e6,
    elapsedSeconds: 12,
    bytesPerSecond: 5e5,
  }),
  download({
    fetchedContent: 400,
    requestedContent: 400,
    transferredBytes: 4e7,
    elapsedSeconds: 80,
    bytesPerSecond: 5e5,
  }),
  { kind: 'progress-end' },
  { kind: 'task-begin', text: 'Staging deployment' },
  { kind: 'task-end', text: 'done' },
  { kind: 'percent', text: 'Checking out', percent: 0 },
  { kind: 'percent', text: 'Checking out', percent: 100 },
];

function draw(events: readonly TransactionEvent[], isTerminal: boolean, success = true): string {
  const screen = captureScreen({ isTerminal });
  const clock = { ms: 0 };
  const display = openDisplay({ screen, nowMs: () => clock.ms });
  display.begin();
  for (const event of events) {
    clock.ms += 11_000;
    display.show(event);
  }
  display.end(success);
  return screen.text();
}

describe('progress on a terminal', () => {
  it('goes from 0 to 100 once and never back', () => {
    const percents = [...draw(upgrade, true).matchAll(/\r\s*(\d+)%/g)].map((match) => Number(match[1]));
    expect(percents.length).toBeGreaterThan(5);
    expect(percents).toEqual(percents.toSorted((a, b) => a - b));
    expect(percents.at(0)).toBe(0);
    expect(percents.filter((one) => one === 100)).toHaveLength(1);
    expect(percents.at(-1)).toBe(100);
  });

  it('shows bytes, speed and the time left', () => {
    expect(draw(upgrade.slice(0, 3), true)).toContain(
      'Receiving objects (50/100, 5.0 MB, 500.0 kB/s, about 10 s left)',
    );
  });

  it('lets messages scroll past above the line', () => {
    const text = draw([...upgrade.slice(0, 3), { kind: 'message', text: 'Found \u001B[31mmore' }], true);
    expect(text).toContain('\r\u001B[KFound [31mmore\n\r');
  });

  it('leaves nothing behind when it fails', () => {
    expect(draw(upgrade, true, false).endsWith('\r\u001B[K')).toBe(true);
  });

  it('leaves only the message when there was nothing to do', () => {
    const text = draw([{ kind: 'message', text: 'No upgrade available.' }], true);
    expect(text).toContain('\r\u001B[KNo upgrade available.\n');
    expect(text).not.toContain('100%');
    expect(text.endsWith('\r\u001B[K')).toBe(true);
  });

  it.each([20, 40, 71, 72, 80, 200])('fits into %d columns', (columns) => {
    const view = { text: 'A very long description of what is going on', percent: 42.9, detail: 'x'.repeat(80) };
    expect(renderProgress(view, columns).length).toBeLessThan(columns);
    expect(renderProgress(view, columns)).toMatch(/^ 42%/);
  });
});

describe('progress in a log', () => {
  it('is whole lines without any control character', () => {
    const text = draw(upgrade, false);
    expect(text).not.toMatch(/[\r\u001b]/);
    expect(text.endsWith('\n')).toBe(true);
    expect(text).toContain('Staging deployment...done\n');
    expect(text).toContain('\n49% Receiving objects (50/100, 5.0 MB, 500.0 kB/s, about 10 s left)\n');
    expect(text).toContain('Received 40.0 MB\n');
  });

  it('does not write a line for each of a flood of signals', () => {
    const screen = captureScreen();
    const display = openDisplay({ screen, nowMs: () => 1 });
    for (let n = 0; n < 1000; n += 1) display.show(download({ fetchedContent: n, requestedContent: 1000 }));
    display.end(true);
    expect(screen.text()).toBe('Received 0 bytes\n');
  });

  it('ends the line of a step that failed', () => {
    expect(draw([{ kind: 'task-begin', text: 'Staging' }], false, false)).toBe('Staging...failed\n');
  });
});

describe('a fetch', () => {
  it.each<[string, Partial<DownloadProgress>, number]>([
    ['nothing known yet', {}, 0],
    ['half the metadata', { fetchedMetadata: 5, outstandingMetadata: 5 }, 0.05],
    ['half the content', { fetchedContent: 5, requestedContent: 10 }, 0.55],
    ['everything', { fetchedContent: 10, requestedContent: 10 }, 1],
    ['half a delta', { deltaBytes: 100, transferredBytes: 50 }, 0.5],
  ])('counts %s', (_name, over, fraction) => {
    expect(downloadFraction({ ...nothing, ...over })).toBeCloseTo(fraction);
  });

  it.each<[string, Partial<DownloadProgress>, string]>([
    ['delta parts', { deltaParts: 4, fetchedDeltaParts: 1, deltaBytes: 10 }, 'Receiving delta parts'],
    ['metadata', { outstandingMetadata: 1 }, 'Receiving metadata objects'],
    ['content', { requestedContent: 2, fetchedContent: 1 }, 'Receiving objects'],
    ['the beginning', { scannedMetadata: 3 }, 'Scanning metadata'],
    ['writing', { outstandingWrites: 3, requestedContent: 2, fetchedContent: 2 }, 'Writing objects'],
    ['the end', { requestedContent: 2, fetchedContent: 2 }, 'Received objects'],
  ])('names %s', (_name, over, text) => {
    expect(describeDownload({ ...nothing, ...over }).text).toBe(text);
  });

  it('does not guess the time left in the first second', () => {
    const start = { ...nothing, fetchedContent: 1, requestedContent: 1000, elapsedSeconds: 0 };
    expect(describeDownload(start).detail).not.toContain('left');
  });
});
