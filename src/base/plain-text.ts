// C0 and C1 controls, DEL, and the characters that reorder or hide what stands around them.
const unsafe = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const unsafeButNewline = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** `text` without any character that could move the cursor, colour or reorder a terminal; always one line. */
export function cleanLine(text: string): string {
  return text.replace(unsafe, '');
}

/** Like {@link cleanLine}, but keeps line ends. */
export function cleanText(text: string): string {
  return text.replace(unsafeButNewline, '');
}

/** Like {@link cleanText}, with JSON's escape in place of each such character, so that JSON still means the same. */
export function escapeUnsafe(text: string): string {
  return text.replace(unsafeButNewline, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
