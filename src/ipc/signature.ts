import { AtomicError } from '../base/index.ts';

/** One complete type: its letter, and the types inside a container. */
export interface WireType {
  readonly code: string;
  readonly text: string;
  readonly inner: readonly WireType[];
}

/** The specification's limit on a signature, which is sent with a length of one byte. */
const maxSignatureLength = 255;
/** The specification allows 32 nested arrays and 32 nested structs; together that bounds the recursion of a reader. */
const maxSignatureDepth = 64;
const basicCodes = 'ybnqiuxtdsogh';

/** D-Bus types are a prefix code, so a cursor and one function per shape parse them. */
interface Cursor {
  readonly text: string;
  at: number;
}

/** The complete types of a signature, in order; `InvalidFormat` unless it is valid. */
export function parseSignature(signature: string): readonly WireType[] {
  if (signature.length > maxSignatureLength) throw invalid(signature, 'it is longer than 255 bytes');
  const cursor: Cursor = { text: signature, at: 0 };
  const types: WireType[] = [];
  while (cursor.at < signature.length) types.push(parseType(cursor, 0));
  return types;
}

/** The one complete type of `signature`; `InvalidFormat` if there are none or several. */
export function parseSingleType(signature: string): WireType {
  const types = parseSignature(signature);
  const [only] = types;
  if (only === undefined || types.length !== 1) throw invalid(signature, 'a variant holds exactly one type');
  return only;
}

/** One complete type at the cursor. */
function parseType(cursor: Cursor, depth: number): WireType {
  if (depth > maxSignatureDepth) throw invalid(cursor.text, 'it is nested too deeply');
  const start = cursor.at;
  const code = cursor.text[cursor.at] ?? '';
  cursor.at += 1;
  if (code === 'v' || (code !== '' && basicCodes.includes(code))) return { code, text: code, inner: [] };
  if (code === 'a') {
    const element = cursor.text[cursor.at] === '{' ? parseEntry(cursor, depth + 1) : parseType(cursor, depth + 1);
    return { code, text: cursor.text.slice(start, cursor.at), inner: [element] };
  }
  if (code === '(') {
    const inner: WireType[] = [];
    while (cursor.text[cursor.at] !== ')') inner.push(parseType(cursor, depth + 1));
    cursor.at += 1;
    if (inner.length === 0) throw invalid(cursor.text, 'a struct has no members');
    return { code, text: cursor.text.slice(start, cursor.at), inner };
  }
  throw invalid(cursor.text, code === '' ? 'it ends too early' : `${JSON.stringify(code)} is no type`);
}

/** A dictionary entry, which exists only as an array's element. */
function parseEntry(cursor: Cursor, depth: number): WireType {
  const start = cursor.at;
  cursor.at += 1;
  const key = parseType(cursor, depth);
  if (!basicCodes.includes(key.code)) throw invalid(cursor.text, 'a dictionary key is not a basic type');
  const value = parseType(cursor, depth);
  if (cursor.text[cursor.at] !== '}') throw invalid(cursor.text, 'a dictionary entry has two members');
  cursor.at += 1;
  return { code: '{', text: cursor.text.slice(start, cursor.at), inner: [key, value] };
}

function invalid(signature: string, why: string): AtomicError {
  return new AtomicError('InvalidFormat', `Invalid D-Bus signature ${JSON.stringify(signature.slice(0, 80))}: ${why}`);
}
