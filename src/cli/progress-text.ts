import type { DownloadProgress } from '../ipc/index.ts';
import { cleanLine, formatDuration, formatSize } from './terminal-text.ts';

/** What is being done, how far all of it is (0 to 100), and numbers beside it. */
export interface ProgressView {
  readonly text: string;
  readonly percent: number;
  readonly detail: string;
}

// Fetching is nearly all of an upgrade's time; the rest shares what remains of the line.
const downloadShare = 90;
// While metadata is still scanned nobody knows how many objects there are: the line creeps, it does not jump back.
const scanningShare = 10;

/** How far a fetch is, 0 to 1. It may go back when more objects turn up: whoever draws keeps the highest. */
export function downloadFraction(progress: DownloadProgress): number {
  if (progress.deltaBytes > 0) return Math.min(1, progress.transferredBytes / progress.deltaBytes);
  if (progress.outstandingMetadata > 0 || progress.requestedContent === 0) {
    const scanned = progress.fetchedMetadata / Math.max(1, progress.fetchedMetadata + progress.outstandingMetadata);
    return (scanned * scanningShare) / 100;
  }
  const content = progress.fetchedContent / progress.requestedContent;
  return (scanningShare + content * (100 - scanningShare)) / 100;
}

/** Seconds the fetch will still take at the pace so far; undefined while that would be a guess. */
export function downloadSecondsLeft(progress: DownloadProgress): number | undefined {
  const { fetchedContent, requestedContent, elapsedSeconds } = progress;
  if (progress.deltaBytes > 0) {
    if (progress.bytesPerSecond === 0) return undefined;
    return Math.max(0, progress.deltaBytes - progress.transferredBytes) / progress.bytesPerSecond;
  }
  if (
    progress.outstandingMetadata > 0 ||
    fetchedContent === 0 ||
    fetchedContent >= requestedContent ||
    elapsedSeconds < 1
  )
    return undefined;
  return ((requestedContent - fetchedContent) * elapsedSeconds) / fetchedContent;
}

/** The line of a fetch. */
export function describeDownload(progress: DownloadProgress): ProgressView {
  const percent = downloadFraction(progress) * downloadShare;
  const size = formatSize(progress.transferredBytes);
  const speed = progress.bytesPerSecond > 0 ? `${formatSize(progress.bytesPerSecond)}/s` : '';
  const left = downloadSecondsLeft(progress);
  const time = left === undefined ? '' : `about ${formatDuration(left)} left`;
  const numbers = (first: string): string => [first, size, speed, time].filter((one) => one !== '').join(', ');
  if (progress.deltaParts > 0) {
    return {
      text: 'Receiving delta parts',
      percent,
      detail: numbers(`${progress.fetchedDeltaParts}/${progress.deltaParts}`),
    };
  }
  if (progress.outstandingMetadata > 0) {
    return { text: 'Receiving metadata objects', percent, detail: numbers(`${progress.fetchedMetadata}`) };
  }
  if (progress.requestedContent > 0 && progress.fetchedContent < progress.requestedContent) {
    const counts = `${progress.fetchedContent}/${progress.requestedContent}`;
    return { text: 'Receiving objects', percent, detail: numbers(counts) };
  }
  if (progress.requestedContent === 0) {
    return { text: 'Scanning metadata', percent, detail: numbers(`${progress.scannedMetadata}`) };
  }
  if (progress.outstandingWrites > 0)
    return { text: 'Writing objects', percent, detail: `${progress.outstandingWrites}` };
  return { text: 'Received objects', percent, detail: numbers(`${progress.fetchedContent}`) };
}

const barWidth = 20;

/** What is done and its numbers, as one phrase. */
export function describeView({ text, detail }: ProgressView): string {
  return detail === '' ? cleanLine(text) : `${cleanLine(text)} (${cleanLine(detail)})`;
}

/** One line for a terminal: percentage, a bar where there is room, what is being done. Never wider than `columns`. */
export function renderProgress(view: ProgressView, columns: number): string {
  const percent = Math.max(0, Math.min(100, Math.floor(view.percent)));
  const filled = Math.round((percent / 100) * barWidth);
  const [start, phrase] = [`${String(percent).padStart(3)}%`, describeView(view)];
  const bar = ` [${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}]`;
  // The last column stays free: a character in it makes some terminals wrap.
  const room = Math.max(1, columns - 1);
  const hasRoom = start.length + bar.length + 1 + phrase.length <= room;
  return `${start}${hasRoom ? bar : ''} ${phrase}`.slice(0, room);
}
