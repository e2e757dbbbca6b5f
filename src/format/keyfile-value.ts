/** A value that is no text: it holds an escape nobody defined. */
export interface BadEscape {
  readonly badEscape: string;
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['s', ' '],
  ['n', '\n'],
  ['t', '\t'],
  ['r', '\r'],
  ['\\', '\\'],
]);

/** The text that a raw keyfile value stands for (`\s \n \t \r \\` undone), as GKeyFile reads strings. */
export function unescapeValue(raw: string): string | BadEscape {
  let text = '';
  for (let i = 0; i < raw.length; i++) {
    const c = raw.charAt(i);
    if (c !== '\\') {
      text += c;
      continue;
    }
    i += 1;
    const meant = escapes.get(raw.charAt(i));
    if (meant === undefined) return { badEscape: `\\${raw.charAt(i)}` };
    text += meant;
  }
  return text;
}

/** The items of a raw list value: separated or ended by `;`, which an item writes as `\;`. */
export function unescapeList(raw: string): readonly string[] | BadEscape {
  const items: string[] = [];
  let item = '';
  for (let i = 0; i < raw.length; i++) {
    const c = raw.charAt(i);
    if (c === ';') {
      items.push(item);
      item = '';
      continue;
    }
    if (c !== '\\') {
      item += c;
      continue;
    }
    i += 1;
    const meant = raw.charAt(i) === ';' ? ';' : escapes.get(raw.charAt(i));
    if (meant === undefined) return { badEscape: `\\${raw.charAt(i)}` };
    item += meant;
  }
  if (item !== '') items.push(item);
  return items;
}

/** The raw value that stands for `text`: leading blanks become `\s` and `\t`, line ends and backslashes are escaped. */
export function escapeValue(text: string): string {
  return escape(text, false);
}

/** The raw value that stands for a list: each item ended by `;`. */
export function escapeList(items: readonly string[]): string {
  return items.map((item) => `${escape(item, true)};`).join('');
}

function escape(text: string, inList: boolean): string {
  let raw = '';
  let leading = true;
  for (const c of text) {
    const separator = inList && c === ';';
    if (leading && c === ' ') raw += '\\s';
    else if (leading && c === '\t') raw += '\\t';
    else if (c === '\n') raw += '\\n';
    else if (c === '\r') raw += '\\r';
    else if (c === '\\') raw += '\\\\';
    else raw += separator ? '\\;' : c;
    // As in GLib, a line end does not end the run of leading blanks.
    leading = separator || (leading && ' \t\n\r'.includes(c));
  }
  return raw;
}
