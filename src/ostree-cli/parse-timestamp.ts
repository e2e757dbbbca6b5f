import { AtomicError } from '../base/index.ts';

const isoPattern = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?\s*(Z|UTC|[+-]\d\d:?\d\d)?$/;

/** As mail and `date -R` write it. */
const mailPattern = /^(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d(?::\d\d)? (?:GMT|UTC|[+-]\d{4})$/;

/** `October 25 1985`, as people write it. */
const namedPattern = /^[A-Z][a-z]{2,8} \d{1,2},? \d{4}$/;

/**
 * The seconds since 1970 that `text` means: `@SECONDS`, an ISO 8601 time, `YYYY-MM-DD HH:MM:SS ±HHMM`, the form of mail
 * headers, or `October 25 1985`. Without a zone it is local time, as `date -d` takes it; fractions are dropped. `InvalidArgument` otherwise.
 */
export function parseTimestamp(text: string): number {
  const epoch = /^@(\d{1,12})(?:\.\d+)?$/.exec(text);
  if (epoch !== null) return Number(epoch[1]);
  const time =
    mailPattern.test(text.trim()) || namedPattern.test(text.trim()) ? Date.parse(text.trim()) : parseIso(text.trim());
  if (Number.isNaN(time) || time < 0) {
    throw new AtomicError('InvalidArgument', `Could not parse '${text}'`, {
      hint: 'Give a time such as "2026-01-31 12:00:00 +0000", 2026-01-31T12:00:00Z or @1769860800.',
    });
  }
  return Math.floor(time / 1000);
}

function parseIso(text: string): number {
  const [, day, clock = '00:00:00', zone = ''] = isoPattern.exec(text) ?? [];
  if (day === undefined) return Number.NaN;
  return Date.parse(`${day}T${clock}${zone === 'UTC' ? 'Z' : zone.replace(/(\d\d):?(\d\d)$/, '$1:$2')}`);
}
