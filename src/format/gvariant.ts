import type { Variant, VariantValue } from './variant-value.ts';

export { decodeVariant } from './variant-decode.ts';
export { encodeVariant } from './variant-encode.ts';
export { isVariant, isVariantDict, type Variant, type VariantDict, type VariantValue } from './variant-value.ts';

/** A value together with its GVariant type, as `a{sv}` holds it. Checked when it is encoded. */
export function variant(type: string, value: VariantValue): Variant {
  return { type, value };
}

/** The 32-bit unsigned number with its bytes reversed: OSTree keeps numbers big-endian inside little-endian GVariants. */
export function swap32(n: number): number {
  return (((n & 0xff) << 24) | ((n & 0xff00) << 8) | ((n >>> 8) & 0xff00) | (n >>> 24)) >>> 0;
}

/** The 64-bit unsigned number with its bytes reversed. */
export function swap64(n: bigint): bigint {
  const low = BigInt(swap32(Number(n & 0xffff_ffffn)));
  const high = BigInt(swap32(Number((n >> 32n) & 0xffff_ffffn)));
  return (low << 32n) | high;
}
