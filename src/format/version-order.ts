import { encodeUtf8 } from './text.ts';

const zero = 0x30;

/**
 * Orders two versions exactly as glibc's `strverscmp`: runs of digits by their number (`2` before `10`), runs that
 * begin with a zero as fractions (`01` before `1`), everything else by byte. Negative, zero or positive.
 */
export function compareVersions(a: string, b: string): number {
  const x = encodeUtf8(a);
  const y = encodeUtf8(b);
  let at = 0;
  while (at < x.length && at < y.length && x[at] === y[at]) at += 1;
  if (at === x.length && at === y.length) return 0;
  let runStart = at;
  while (runStart > 0 && isDigit(x[runStart - 1])) runStart -= 1;
  const plain = (x[at] ?? 0) - (y[at] ?? 0);
  const shared = x.subarray(runStart, at);
  if (shared.length === 0 && (!isDigit(x[at]) || !isDigit(y[at]))) return plain;
  const leadingZero = shared.length > 0 ? shared[0] === zero : x[at] === zero || y[at] === zero;
  if (!leadingZero) return compareRunLengths(x, y, at) || plain;
  // A fraction: while only zeros are shared, the version that goes on with digits is the smaller one.
  const onlyZeros = shared.length > 0 && shared.every((byte) => byte === zero);
  if (onlyZeros && isDigit(x[at]) !== isDigit(y[at])) return isDigit(x[at]) ? -1 : 1;
  return plain;
}

/** Numbers of more digits are larger. */
function compareRunLengths(x: Uint8Array, y: Uint8Array, at: number): number {
  let end = at;
  while (isDigit(x[end]) && isDigit(y[end])) end += 1;
  return Number(isDigit(x[end])) - Number(isDigit(y[end]));
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= zero && byte <= zero + 9;
}
