import { AtomicError, type Checksum, isChecksum } from '../base/index.ts';

/** What the REVISION argument of `deploy` asks for. */
export type Revision =
  | { readonly kind: 'checksum'; readonly checksum: Checksum }
  | { readonly kind: 'version'; readonly version: string };

/**
 * Parses `revision=CHECKSUM`, `version=VERSION` (prefixes in any case), 64 hex digits, or a version; `InvalidArgument`
 * for an empty one or a `revision=` that is no checksum.
 */
export function parseRevision(text: string): Revision {
  const { prefix, rest } = splitPrefix(text);
  if (rest === '') throw new AtomicError('InvalidArgument', 'Empty revision: name a checksum or a version');
  const lower = rest.toLowerCase();
  if (prefix !== 'version' && isChecksum(lower)) return { kind: 'checksum', checksum: lower };
  if (prefix === 'revision') {
    throw new AtomicError('InvalidArgument', `Invalid revision ${JSON.stringify(rest)}: expected 64 hex digits`);
  }
  return { kind: 'version', version: rest };
}

function splitPrefix(text: string): { prefix: string | undefined; rest: string } {
  const match = /^(revision|version)=/i.exec(text);
  if (match === null) return { prefix: undefined, rest: text };
  return { prefix: match[1]?.toLowerCase(), rest: text.slice(match[0].length) };
}
