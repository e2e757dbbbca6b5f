import { isChecksum, type Checksum } from '../base/index.ts';

/** The kinds of files below `objects/`. */
export type ObjectType = 'file' | 'dirtree' | 'dirmeta' | 'commit' | 'tombstone-commit' | 'commitmeta' | 'payload-link';

/** What an object's path says about it. */
export interface ObjectName {
  readonly checksum: Checksum;
  readonly type: ObjectType;
  /** True for `.filez`, the compressed form of archive repositories. */
  readonly compressed: boolean;
}

const suffixes: ReadonlyMap<string, ObjectType> = new Map([
  ['file', 'file'],
  ['filez', 'file'],
  ['dirtree', 'dirtree'],
  ['dirmeta', 'dirmeta'],
  ['commit', 'commit'],
  ['tombstone-commit', 'tombstone-commit'],
  ['commitmeta', 'commitmeta'],
  ['payload-link', 'payload-link'],
]);

/** Where an object lies below `objects/`: `ab/cdef….filez`. OSTree repository format: object types. */
export function objectPath(checksum: Checksum, type: ObjectType, archive: boolean): string {
  const suffix = type === 'file' && archive ? 'filez' : type;
  return `${checksum.slice(0, 2)}/${checksum.slice(2)}.${suffix}`;
}

/** The object that a path below `objects/` names, or undefined if it names none. */
export function parseObjectPath(path: string): ObjectName | undefined {
  const dot = path.indexOf('.');
  if (dot !== 65 || path.charAt(2) !== '/') return undefined;
  const checksum = path.slice(0, 2) + path.slice(3, dot);
  const suffix = path.slice(dot + 1);
  const type = suffixes.get(suffix);
  if (type === undefined || !isChecksum(checksum)) return undefined;
  return { checksum, type, compressed: suffix === 'filez' };
}
