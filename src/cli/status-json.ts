import { isWireVariant, type WireDict, type WireValue } from '../ipc/index.ts';
import { safeJson } from './terminal-text.ts';

/** What `status --json` prints. */
export interface StatusDocument {
  readonly deployments: readonly WireDict[];
  /** (method, sender, object path) of the running transaction. */
  readonly transaction: readonly string[] | undefined;
  readonly cachedUpdate: WireDict | undefined;
}

/** The JSON of `status`, with the reference's four keys, each always there. Ends with a line end. */
export function renderStatusJson(document: StatusDocument): string {
  return `${safeJson({
    deployments: document.deployments.map((one) => plain(one)),
    transaction: document.transaction ?? null,
    'cached-update': document.cachedUpdate === undefined ? null : plain(document.cachedUpdate),
    'update-driver': null,
  })}\n`;
}

/** A wire value as JSON knows it: variants unwrapped, 64-bit integers as numbers, bytes as an array of numbers. */
function plain(value: WireValue | WireDict): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object') return value;
  if (value instanceof Uint8Array) return [...value];
  if (value instanceof Map) {
    const entries: readonly (readonly [unknown, WireValue])[] = [...value];
    // fromEntries defines each key as its own, `__proto__` too.
    return Object.fromEntries(entries.map(([key, item]) => [String(key), plain(item)]));
  }
  if (Array.isArray(value)) return value.map((item: WireValue) => plain(item));
  const other = value as WireValue;
  return isWireVariant(other) ? plain(other.value) : null;
}
