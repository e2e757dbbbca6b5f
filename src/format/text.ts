const loneSurrogate = /\p{Surrogate}/u;
const encoder = new TextEncoder();

/**
 * Orders two strings as `strcmp` orders their UTF-8 bytes: negative, zero or positive. JavaScript's own order differs
 * where a character above U+FFFF meets one in U+E000…U+FFFF.
 */
export function compareBytes(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return byteRank(x) - byteRank(y);
  }
  return a.length - b.length;
}

/** Moves surrogates above the rest of the basic plane, where UTF-8 has them. */
function byteRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** True if `text` can be written as UTF-8 without loss (it holds no lone surrogate). */
export function isEncodable(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0xd800) return !loneSurrogate.test(text);
  return true;
}

/** The length of `text` in UTF-8 bytes. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** `text` as UTF-8 bytes. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}
