import { AtomicError } from '../base/index.ts';

/** The number of parents a `--depth` argument means; -1 is all of them, and so is any other negative number. */
export function parseDepth(text: string): number {
  if (!/^-?\d{1,9}$/.test(text)) {
    throw new AtomicError('InvalidArgument', `Cannot parse integer value “${text}” for --depth`);
  }
  return Math.max(Number(text), -1);
}
