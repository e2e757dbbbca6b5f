import { AtomicError } from '../base/index.ts';

/**
 * The seconds since 1970 that `text` means: `@SECONDS`, an ISO 8601 time, or `YYYY-MM-DD HH:MM:SS ±HHMM`; without a zone
 * it is UTC. `InvalidArgument` otherwise.
 */
export function parseTimestamp(text: string): number {
  const epoch = /^@(\d{1,12})$/.exec(text);
  if (epoch !== null) return Number(epoch[1]);
  const parts = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?\s*(Z|UTC|[+-]\d\d:?\d\d)?$/.exec(
    text.trim(),
  );
  const zone =
    parts?.[3] === undefined || /^(Z|UTC)$/.test(parts[3]) ? 'Z' : parts[3].replace(/(\d\d):?(\d\d)$/, '$1:$2');
  const time = parts === null ? NaN : Date.parse(`${parts[1] ?? ''}T${parts[2] ?? '00:00:00'}${zone}`);
  if (Number.isNaN(time) || time < 0) {
    throw new AtomicError('InvalidArgument', `Could not parse '${text}'`, {
      hint: 'Give a time such as "2026-01-31 12:00:00 +0000", 2026-01-31T12:00:00Z or @1769860800.',
    });
  }
  return Math.floor(time / 1000);
}
