/**
 * What a GVariant holds, as JavaScript: `y n q i u h d` number, `x t` bigint, `b` boolean, `s o g` string, `ay`
 * Uint8Array, other arrays and tuples arrays, dictionaries with string keys (`a{sv}`, `a{ss}`) Map, other
 * dictionaries arrays of pairs, `v` {@link Variant}, `m` an array of none or one.
 */
export type VariantValue =
  | number
  | bigint
  | boolean
  | string
  | Uint8Array
  | Variant
  | readonly VariantValue[]
  | ReadonlyMap<string, VariantValue>;

/** A value that carries its own type (`v`). */
export interface Variant {
  readonly type: string;
  readonly value: VariantValue;
}

/** The value of an `a{sv}`. Order is kept, and is not significant. */
export type VariantDict = ReadonlyMap<string, Variant>;

/** True if `value` is a Variant (and not an array, map or bytes). */
export function isVariant(value: VariantValue): value is Variant {
  return typeof value === 'object' && 'type' in value && !(value instanceof Uint8Array) && !Array.isArray(value);
}

/** True if `value` is a dictionary whose every value is a Variant: an `a{sv}`. */
export function isVariantDict(value: VariantValue): value is VariantDict {
  if (!(value instanceof Map)) return false;
  for (const item of (value as ReadonlyMap<string, VariantValue>).values()) if (!isVariant(item)) return false;
  return true;
}
