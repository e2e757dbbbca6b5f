import { AtomicError } from '../base/index.ts';

/** The bits of `st_mode` that say what a thing is. */
export const fileTypeMask = 0o170000;
/** `st_mode` type bits of a regular file. */
export const regularFileType = 0o100000;
/** `st_mode` type bits of a symlink. */
export const symlinkType = 0o120000;
/** `st_mode` type bits of a directory. */
export const directoryType = 0o040000;

/** Throws `InvalidFormat` unless `mode` is a full `st_mode` of one of the given types without unknown bits. */
export function checkMode(mode: number, types: readonly number[], what: string): void {
  const known = (mode & ~(fileTypeMask | 0o7777)) === 0 && mode >= 0;
  if (known && types.includes(mode & fileTypeMask)) return;
  throw new AtomicError('InvalidFormat', `Invalid ${what}: mode 0${mode.toString(8)} is not allowed`);
}

/** Throws `InvalidFormat` unless `id` is an unsigned 32-bit number. */
export function checkOwner(id: number, what: string): void {
  if (Number.isInteger(id) && id >= 0 && id <= 0xffff_ffff) return;
  throw new AtomicError('InvalidFormat', `Invalid ${what}: owner ${id} is not allowed`);
}
