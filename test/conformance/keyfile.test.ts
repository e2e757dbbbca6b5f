import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAtomicError } from '../../src/base/index.ts';
import { createKeyfile, parseKeyfile, type Keyfile } from '../../src/format/index.ts';

/** The real GKeyFile answers a batch: what it reads from each text (null = refused), what it writes for each string. */
const oracle = String.raw`
import json, sys
from gi.repository import GLib

def attempt(get, *args):
    try:
        return get(*args)
    except GLib.GError as error:
        return None if error.matches(GLib.key_file_error_quark(), GLib.KeyFileError.INVALID_VALUE) else 'error'

def read(text):
    keyfile = GLib.KeyFile()
    try:
        keyfile.load_from_bytes(GLib.Bytes.new(text.encode()), GLib.KeyFileFlags.KEEP_COMMENTS | GLib.KeyFileFlags.KEEP_TRANSLATIONS)
    except GLib.GError:
        return None
    groups = []
    for group in keyfile.get_groups()[0]:
        keys = []
        for key in set(keyfile.get_keys(group)[0]):
            keys.append([key, keyfile.get_value(group, key), attempt(keyfile.get_string, group, key),
                attempt(keyfile.get_string_list, group, key), attempt(keyfile.get_boolean, group, key),
                # GLib takes '1 2' for 1; we refuse it.
                None if len(keyfile.get_value(group, key).split()) > 1 else attempt(keyfile.get_integer, group, key)])
        groups.append([group, sorted(keys)])
    return sorted(groups)

def write(items):
    keyfile = GLib.KeyFile()
    keyfile.set_string('g', 'k', items[0])
    keyfile.set_string_list('g', 'l', items)
    return [keyfile.get_value('g', 'k'), keyfile.get_value('g', 'l')]

batch = json.load(sys.stdin)
json.dump({'read': [read(text) for text in batch['read']], 'write': [write(items) for items in batch['write']]}, sys.stdout)
`;

interface Answers {
  readonly read: readonly unknown[];
  readonly write: readonly unknown[];
}

function askGlib(read: readonly string[], write: readonly (readonly string[])[]): Answers {
  const input = JSON.stringify({ read, write });
  // GLib warns on stderr about an error of its own when a value is bad in two ways.
  const output = execFileSync('/usr/bin/python3', ['-c', oracle], {
    input,
    maxBuffer: 1 << 28,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  return JSON.parse(output.toString('utf8')) as Answers;
}

/** A value, or null where reading it is refused. */
function attempt<T>(get: () => T): T | null {
  try {
    return get();
  } catch (error) {
    if (isAtomicError(error, 'InvalidFormat')) return null;
    throw error;
  }
}

const byText = (a: readonly unknown[], b: readonly unknown[]): number => (String(a[0]) < String(b[0]) ? -1 : 1);

function readOurs(text: string): unknown {
  const keyfile = attempt(() => parseKeyfile(text));
  return keyfile === null ? null : describeKeyfile(keyfile);
}

function describeKeyfile(keyfile: Keyfile): unknown {
  const groups = keyfile.groups().map((group) => {
    const keys = keyfile
      .keys(group)
      .map((key) => [
        key,
        keyfile.getRaw(group, key),
        attempt(() => keyfile.get(group, key)),
        attempt(() => keyfile.getList(group, key)),
        attempt(() => keyfile.getBoolean(group, key)),
        attempt(() => keyfile.getInteger(group, key)),
      ]);
    return [group, keys.toSorted(byText)];
  });
  return groups.toSorted(byText);
}

const odd = [
  '\n[g]\n',
  '\n[remote "x"]\n',
  '\nk=',
  '\nk = ',
  '\nl=',
  '\\s',
  '\\n',
  '\\;',
  '\\x',
  '99999999999',
  'true',
  'false',
];
const plain = '[ ] g a b = = ; # - 0 1 h"x" é \\'.split(' ');
const pieces = fc.constantFrom(...odd, ...plain, ' ', '\t', '\r', '\n', '\n');
const files = fc.array(pieces, { maxLength: 20 }).map((parts) => `[g]\n${parts.join('')}`);
const bare = fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join(''));
const strings = fc.array(fc.constantFrom(' ', '\t', '\n', '\r', '\\', ';', 'a', 'é', '='), { maxLength: 8 });

describe('keyfiles, beside the real GKeyFile', () => {
  it('reads and refuses what GKeyFile does, and writes what it writes', () => {
    const texts = [...fc.sample(files, 4000), ...fc.sample(bare, 1000)];
    const lists = fc.sample(
      fc.array(
        strings.map((s) => s.join('')),
        { minLength: 1, maxLength: 4 },
      ),
      1000,
    );
    const answers = askGlib(texts, lists);
    let refused = 0;
    for (const [index, text] of texts.entries()) {
      if (answers.read[index] === null) refused += 1;
      expect([text, readOurs(text)]).toEqual([text, answers.read[index]]);
    }
    expect(refused).toBeGreaterThan(100);
    expect(refused).toBeLessThan(4000);
    for (const [index, items] of lists.entries()) {
      const keyfile = createKeyfile();
      keyfile.set('g', 'k', items[0] ?? '');
      keyfile.setList('g', 'l', items);
      expect([keyfile.getRaw('g', 'k'), keyfile.getRaw('g', 'l')]).toEqual(answers.write[index]);
    }
  });
});
