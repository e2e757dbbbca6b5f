import { parseDeltaPath, type DeltaEnds } from '../format/index.ts';
import type { Repo } from './repo.ts';

/** A static delta that the repo offers. */
export interface DeltaName extends DeltaEnds {
  /** Its directory, relative to the repo. */
  readonly path: string;
}

/** The static deltas in a repo by the names of their directories; what has no such name is left out. */
export function listDeltas(repo: Repo): readonly DeltaName[] {
  if (!repo.dir.exists('deltas')) return [];
  return repo.dir.list('deltas').flatMap((outer) => {
    if (outer.type !== 'directory') return [];
    return repo.dir.list(`deltas/${outer.name}`).flatMap(({ name }) => {
      const delta = parseDeltaPath(outer.name, name);
      return delta === undefined ? [] : [{ ...delta, path: `deltas/${outer.name}/${name}` }];
    });
  });
}
