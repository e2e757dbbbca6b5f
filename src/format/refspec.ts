import { AtomicError, isChecksum } from '../base/index.ts';
import { maxRefNameLength } from './limits.ts';

/** A ref and the remote it belongs to; undefined for a local one. */
export interface Refspec {
  readonly remote: string | undefined;
  readonly ref: string;
}

const refPattern = /^(?:[A-Za-z0-9_][-._A-Za-z0-9]*\/)*[A-Za-z0-9_][-._A-Za-z0-9]*$/;
const remotePattern = /^[A-Za-z0-9_][-._A-Za-z0-9]*$/;

/** True if `text` may name a ref. 64 hex digits may not: they are a commit. No ref name can leave its directory. */
export function isRefName(text: string): boolean {
  return text.length <= maxRefNameLength && refPattern.test(text) && !isChecksum(text);
}

/** True if `text` may name a remote. */
export function isRemoteName(text: string): boolean {
  return text.length <= maxRefNameLength && remotePattern.test(text);
}

/** The parts of `[REMOTE:]REF`; `InvalidRefspec` otherwise. OSTree repository format: refs. */
export function parseRefspec(text: string): Refspec {
  const colon = text.indexOf(':');
  const remote = colon < 0 ? undefined : text.slice(0, colon);
  const ref = text.slice(colon + 1);
  if (!isRefName(ref) || (remote !== undefined && !isRemoteName(remote))) {
    throw new AtomicError('InvalidRefspec', `Invalid refspec ${text.slice(0, 200)}`);
  }
  return { remote, ref };
}

/** `REMOTE:REF`, or `REF` alone for a local one. */
export function formatRefspec(refspec: Refspec): string {
  return refspec.remote === undefined ? refspec.ref : `${refspec.remote}:${refspec.ref}`;
}
