import { AtomicError } from '../base/index.ts';
import { maxOsReleaseLength } from './limits.ts';

/**
 * The assignments of an os-release file with shell quoting undone; the last one of a name counts. Lines that are no
 * assignment are skipped, as every reader of the file does. os-release(5).
 */
export function parseOsRelease(text: string): ReadonlyMap<string, string> {
  if (text.length > maxOsReleaseLength) throw new AtomicError('LimitExceeded', 'os-release file is too large');
  const values = new Map<string, string>();
  for (const row of text.split('\n')) {
    const [, name, raw] = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(row) ?? [];
    if (name !== undefined && raw !== undefined) values.set(name, unquote(raw.trimEnd()));
  }
  return values;
}

function unquote(raw: string): string {
  let text = '';
  let quote = '';
  for (let i = 0; i < raw.length; i++) {
    const c = raw.charAt(i);
    if (c === quote) quote = '';
    else if (quote === '' && (c === '"' || c === "'")) quote = c;
    else if (c === '\\' && quote !== "'" && (quote === '' || '"$\\`'.includes(raw.charAt(i + 1)))) {
      i += 1;
      text += raw.charAt(i);
    } else text += c;
  }
  return text;
}
