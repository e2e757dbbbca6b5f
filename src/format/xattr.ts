import { AtomicError } from '../base/index.ts';
import type { VariantValue } from './gvariant.ts';
import { compareBytes, encodeUtf8 } from './text.ts';

/** One extended attribute. The name is UTF-8 without terminator; the value is raw bytes. */
export interface Xattr {
  readonly name: string;
  readonly value: Uint8Array;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const terminator = Uint8Array.of(0);

/** The attributes as the value of an `a(ayay)`: sorted by name, each name with its zero byte. */
export function xattrsToVariant(xattrs: readonly Xattr[]): VariantValue {
  const sorted = xattrs.toSorted((a, b) => compareBytes(a.name, b.name));
  for (const [index, { name }] of sorted.entries()) {
    if (name === '' || name.includes('\0') || sorted[index - 1]?.name === name) {
      throw new AtomicError('InvalidFormat', `Invalid extended attribute name ${JSON.stringify(name)}`);
    }
  }
  return sorted.map(({ name, value }) => [Buffer.concat([encodeUtf8(name), terminator]), value]);
}

/** The attributes of a decoded `a(ayay)`; `InvalidFormat` if a name is bad or the names are not strictly ascending. */
export function xattrsFromVariant(value: VariantValue): readonly Xattr[] {
  const xattrs: Xattr[] = [];
  for (const [nameBytes, bytes] of value as readonly (readonly [Uint8Array, Uint8Array])[]) {
    const name = decodeName(nameBytes);
    const previous = xattrs.at(-1);
    if (previous !== undefined && compareBytes(previous.name, name) >= 0) {
      throw new AtomicError('InvalidFormat', 'Invalid extended attributes: not sorted by name');
    }
    xattrs.push({ name, value: bytes });
  }
  return xattrs;
}

function decodeName(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  if (end < 1 || end !== bytes.length - 1) throw new AtomicError('InvalidFormat', 'Invalid extended attribute name');
  try {
    return utf8.decode(bytes.subarray(0, end));
  } catch (cause) {
    throw new AtomicError('InvalidFormat', 'Invalid extended attribute name: not UTF-8', { cause });
  }
}
