import { isChecksum, type Checksum } from '../base/index.ts';
import type { Repo } from './repo.ts';

/** A static delta that the repo offers. */
export interface DeltaName {
  /** Undefined: it starts from nothing. */
  readonly from: Checksum | undefined;
  readonly to: Checksum;
  /** Its directory, relative to the repo. */
  readonly path: string;
}

/** The 32 bytes of a checksum in base64 without padding. */
const encodedDigits = 43;

/** The static deltas in a repo by the names of their directories; what has no such name is left out. */
export function listDeltas(repo: Repo): readonly DeltaName[] {
  if (!repo.dir.exists('deltas')) return [];
  return repo.dir.list('deltas').flatMap((outer) => {
    if (outer.type !== 'directory') return [];
    return repo.dir.list(`deltas/${outer.name}`).flatMap(({ name }) => {
      const delta = parseDeltaName(`${outer.name}${name}`);
      return delta === undefined ? [] : [{ ...delta, path: `deltas/${outer.name}/${name}` }];
    });
  });
}

/** `FROM-TO` or `TO`, both in base64 with `_` for `/`. OSTree repository format: static deltas. */
function parseDeltaName(name: string): { from: Checksum | undefined; to: Checksum } | undefined {
  const from = name.length > encodedDigits ? decodeName(name.slice(0, encodedDigits)) : undefined;
  const to = decodeName(name.slice(-encodedDigits));
  const expected = from === undefined ? encodedDigits : 2 * encodedDigits + 1;
  return to === undefined || name.length !== expected ? undefined : { from, to };
}

function decodeName(text: string): Checksum | undefined {
  const hex = Buffer.from(text.replaceAll('_', '/'), 'base64').toString('hex');
  return isChecksum(hex) ? hex : undefined;
}
