/** What a D-Bus value is here; see {@link WireVariant} for the one that carries its own type. */
export type WireValue = number | bigint | boolean | string | Uint8Array | WireVariant | readonly WireValue[] | WireMap;

/**
 * A D-Bus dictionary. A Map and never an object: keys come from outside, and `__proto__` or `7` must stay what they are.
 */
export interface WireMap extends ReadonlyMap<string | number | bigint | boolean, WireValue> {}

/** A value with its type; the shape is that of a GVariant's variant, so commit metadata passes through unchanged. */
export interface WireVariant {
  readonly type: string;
  readonly value: WireValue;
}

/** The dictionary `a{sv}`. */
export type WireDict = ReadonlyMap<string, WireVariant>;

/** Joins a type and a value. The value is checked against the type when it is encoded. */
export function wireVariant(type: string, value: WireValue): WireVariant {
  return { type, value };
}

/** The `a{sv}` of the given entries; entries whose variant is undefined are left out. */
export function wireDict(entries: Readonly<Record<string, WireVariant | undefined>>): WireDict {
  const dict = new Map<string, WireVariant>();
  for (const [key, value] of Object.entries(entries)) if (value !== undefined) dict.set(key, value);
  return dict;
}

/** True if `value` is a variant (and not one of the other object shapes). */
export function isWireVariant(value: WireValue): value is WireVariant {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Map) && 'type' in value;
}

/** The entry of `dict` as a string; undefined if absent or of another type. */
export function dictString(dict: WireDict, key: string): string | undefined {
  const value = dict.get(key)?.value;
  return typeof value === 'string' ? value : undefined;
}

/** The entry of `dict` as a boolean; undefined if absent or of another type. */
export function dictBoolean(dict: WireDict, key: string): boolean | undefined {
  const value = dict.get(key)?.value;
  return typeof value === 'boolean' ? value : undefined;
}

/** True if both are the same value, dictionaries in any order. */
export function sameWireValue(left: WireValue, right: WireValue): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object') return false;
  if (left instanceof Uint8Array || right instanceof Uint8Array) {
    return left instanceof Uint8Array && right instanceof Uint8Array && Buffer.compare(left, right) === 0;
  }
  if (left instanceof Map || right instanceof Map) return sameMap(left, right);
  if (Array.isArray(left) || Array.isArray(right)) return sameArray(left, right);
  return (
    isWireVariant(left) && isWireVariant(right) && left.type === right.type && sameWireValue(left.value, right.value)
  );
}

function sameMap(left: WireValue, right: WireValue): boolean {
  if (!(left instanceof Map) || !(right instanceof Map) || left.size !== right.size) return false;
  const other: WireMap = right;
  const mine: WireMap = left;
  for (const [key, value] of mine) {
    const match = other.get(key);
    if (match === undefined || !sameWireValue(value, match)) return false;
  }
  return true;
}

function sameArray(left: WireValue, right: WireValue): boolean {
  if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
  const mine: readonly WireValue[] = left;
  const other: readonly WireValue[] = right;
  return mine.every((value, index) => {
    const match = other[index];
    return match !== undefined && sameWireValue(value, match);
  });
}

/** The value as text if it is one; `''` otherwise, also for what is missing. */
export function wireText(value: WireValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
