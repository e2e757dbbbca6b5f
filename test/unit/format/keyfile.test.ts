import { describe, expect, it } from 'vitest';
import { createKeyfile, maxKeyfileLength, parseKeyfile } from '../../../src/format/index.ts';

const sample = `# top
[core]
repo_version=1
mode = bare

# the remote
[remote "origin"]
url=https://example.com/repo
branches=a;b/c;
gpg-verify=false
text=\\s\\tlead\\nline\\\\
`;

describe('parseKeyfile', () => {
  it('reads groups, keys and values', () => {
    const keyfile = parseKeyfile(sample);
    expect(keyfile.groups()).toEqual(['core', 'remote "origin"']);
    expect(keyfile.keys('core')).toEqual(['repo_version', 'mode']);
    expect(keyfile.get('core', 'mode')).toBe('bare');
    expect(keyfile.getInteger('core', 'repo_version')).toBe(1);
    expect(keyfile.getBoolean('remote "origin"', 'gpg-verify')).toBe(false);
    expect(keyfile.getList('remote "origin"', 'branches')).toEqual(['a', 'b/c']);
    expect(keyfile.get('remote "origin"', 'text')).toBe(' \tlead\nline\\');
    expect(keyfile.lineOf('core', 'mode')).toBe(4);
  });

  it('gives undefined for what is not there', () => {
    const keyfile = parseKeyfile(sample);
    expect(keyfile.keys('none')).toEqual([]);
    expect(keyfile.hasGroup('none')).toBe(false);
    expect(keyfile.get('none', 'x')).toBeUndefined();
    expect(keyfile.getList('core', 'x')).toBeUndefined();
    expect(keyfile.getBoolean('core', 'x')).toBeUndefined();
    expect(keyfile.getInteger('core', 'x')).toBeUndefined();
    expect(keyfile.lineOf('core', 'x')).toBeUndefined();
  });

  it.each([
    '',
    '\n',
    sample,
    sample.slice(0, -1),
    sample.replaceAll('\n', '\r\n'),
    '# only\n\n  # comments',
    '[g]\n  k  =  v  \n',
  ])('keeps the text of %j byte for byte', (text) => {
    expect(parseKeyfile(text).toString()).toBe(text);
  });

  it.each([
    ['key=1', 'conf:1: file does not start with a group'],
    ['[g]\nnonsense', 'conf:2: line "nonsense" is not a key-value pair, group, or comment'],
    ['[g]\n\n=v', 'conf:3: line "=v" is not a key-value pair, group, or comment'],
    ['[g', 'conf:1: invalid group name "[g"'],
    ['[]', 'conf:1: invalid group name "[]"'],
    ['[g]\nk[=v', 'conf:2: invalid key name "k["'],
  ])('refuses %j with file and line', (text, message) => {
    expect(() => parseKeyfile(text, 'conf')).toThrow(expect.objectContaining({ code: 'InvalidFormat', message }));
  });

  it('refuses values of the wrong kind with file and line', () => {
    const keyfile = parseKeyfile('[g]\nb=maybe\nn=12x\ns=a\\qb\nl=a;\\q\nbig=2147483648\n', '/etc/x.conf');
    const says = (message: string): unknown => expect.objectContaining({ code: 'InvalidFormat', message });
    expect(() => keyfile.getBoolean('g', 'b')).toThrow(
      says("/etc/x.conf:2: key 'b' of group 'g': 'maybe' is not a boolean"),
    );
    expect(() => keyfile.getInteger('g', 'n')).toThrow(
      says("/etc/x.conf:3: key 'n' of group 'g': '12x' is not a number"),
    );
    expect(() => keyfile.get('g', 's')).toThrow(
      says("/etc/x.conf:4: key 's' of group 'g': invalid escape sequence '\\q'"),
    );
    expect(() => keyfile.getList('g', 'l')).toThrow(/x.conf:5: .*invalid escape/);
    expect(() => keyfile.getInteger('g', 'big')).toThrow(/x.conf:6: .*not a number/);
  });

  it('refuses a file larger than any', () => {
    const text = `# ${'x'.repeat(maxKeyfileLength)}`;
    expect(() => parseKeyfile(text)).toThrow(expect.objectContaining({ code: 'LimitExceeded' }));
  });

  it('is not slowed down by many keys or long blanks', () => {
    const blanks = ' '.repeat(500_000);
    expect(
      parseKeyfile(`[g]\na${blanks}b${blanks.slice(1)}=1\n`.slice(0, maxKeyfileLength - 1)).keys('g'),
    ).toHaveLength(1);
    const many = parseKeyfile(`[g]\n${Array.from({ length: 90_000 }, (_, i) => `k${i}=v`).join('\n')}`);
    expect(many.keys('g').filter((key) => many.get('g', key) === 'v')).toHaveLength(90_000);
  });

  it('lets the last of two equal keys count, in groups of the same name too', () => {
    const keyfile = parseKeyfile('[g]\nk=1\nk=2\n[h]\nx=1\n[g]\nk=3\n');
    expect(keyfile.get('g', 'k')).toBe('3');
    expect(keyfile.groups()).toEqual(['g', 'h']);
    expect(keyfile.keys('g')).toEqual(['k']);
  });
});

describe('changing a keyfile', () => {
  it('touches only the line that changes', () => {
    const keyfile = parseKeyfile(sample);
    keyfile.set('core', 'mode', 'archive');
    expect(keyfile.toString()).toBe(sample.replace('mode = bare', 'mode=archive'));
  });

  it('adds a key at the end of its group, before the blank line', () => {
    const keyfile = parseKeyfile(sample);
    keyfile.set('core', 'fsync', false);
    expect(keyfile.toString()).toBe(sample.replace('mode = bare\n', 'mode = bare\nfsync=false\n'));
  });

  it('adds a group at the end after a blank line', () => {
    const keyfile = parseKeyfile('[a]\nx=1');
    keyfile.setList('b', 'list', ['p;q', ' r']);
    expect(keyfile.toString()).toBe('[a]\nx=1\n\n[b]\nlist=p\\;q;\\sr;\n');
    expect(keyfile.getList('b', 'list')).toEqual(['p;q', ' r']);
  });

  it('starts from nothing', () => {
    const keyfile = createKeyfile();
    expect(keyfile.toString()).toBe('');
    keyfile.set('core', 'repo_version', 1);
    expect(keyfile.toString()).toBe('[core]\nrepo_version=1\n');
    expect(keyfile.lineOf('core', 'repo_version')).toBeUndefined();
  });

  it('removes keys and groups, with every repetition', () => {
    const keyfile = parseKeyfile('[g]\nk=1\nk=2\nl=1\n[h]\nx=1\n[g]\nm=1\n');
    expect(keyfile.remove('g', 'k')).toBe(true);
    expect(keyfile.remove('g', 'k')).toBe(false);
    expect(keyfile.toString()).toBe('[g]\nl=1\n[h]\nx=1\n[g]\nm=1\n');
    expect(keyfile.removeGroup('g')).toBe(true);
    expect(keyfile.removeGroup('g')).toBe(false);
    expect(keyfile.toString()).toBe('[h]\nx=1\n');
  });

  it('leaves the original alone when a clone changes', () => {
    const keyfile = parseKeyfile(sample);
    keyfile.clone().set('core', 'mode', 'archive');
    expect(keyfile.toString()).toBe(sample);
  });

  it.each([
    ['g]', 'k'],
    ['', 'k'],
    ['g', ''],
    ['g', 'a=b'],
    ['g', 'a\nb'],
    ['g', '#a'],
    ['g', ' a'],
  ])('refuses to write group %j key %j', (group, key) => {
    expect(() => createKeyfile().set(group, key, 'v')).toThrow(expect.objectContaining({ code: 'InvalidFormat' }));
  });

  it.each(['', ' x', '\t', 'a\nb\rc', '\\', 'trailing ', '[g]', '#'])('reads back the value %j', (value) => {
    const keyfile = createKeyfile();
    keyfile.set('g', 'k', value);
    expect(parseKeyfile(keyfile.toString()).get('g', 'k')).toBe(value);
  });
});
