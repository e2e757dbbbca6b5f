import { type Checksum, isChecksum } from '../base/index.ts';
import type { RemoteRef } from './pull-options.ts';

/** Under which names a pull writes refs. */
export interface RefPlace {
  readonly remoteName?: string | undefined;
  readonly mirror?: boolean | undefined;
}

/** The local refspec for a remote's ref: `REMOTE:REF`, or `REF` when mirroring or without a remote's name. */
export function refspecFor({ remoteName, mirror }: RefPlace, ref: string): string {
  return mirror === true || remoteName === undefined ? ref : `${remoteName}:${ref}`;
}

/** The refs to write: one for everything wanted by name; a commit wanted by checksum gets none. */
export function refChanges(place: RefPlace, wanted: ReadonlyMap<string, RemoteRef>): Map<string, Checksum> {
  const named = [...wanted].filter(([name]) => !isChecksum(name));
  return new Map(named.map(([name, { checksum }]) => [refspecFor(place, name), checksum]));
}
