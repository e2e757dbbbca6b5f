import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Checksum } from '../../../src/base/index.ts';
import {
  blsField,
  blsFields,
  compareVersions,
  createDeploymentEntry,
  decodeStagedRecord,
  encodeStagedRecord,
  encodeVariant,
  formatBlsEntry,
  formatDeploymentName,
  formatKargs,
  formatOstreeKarg,
  kargsAppend,
  kargsAppendIfMissing,
  kargsDelete,
  kargsDeleteIfPresent,
  kargsReplace,
  kargsSet,
  kargsWithoutOstree,
  ostreeKarg,
  parseBlsEntry,
  parseDeploymentName,
  parseKargs,
  parseOsRelease,
  parseOstreeKarg,
  variant,
  withBlsField,
  withOstreeKarg,
  type StagedRecord,
  type Variant,
} from '../../../src/format/index.ts';

const checksum = 'd'.repeat(64) as Checksum;
const invalid: unknown = expect.objectContaining({ code: 'InvalidFormat' });

describe('boot entries', () => {
  it('write the fields of a deployment in the order of OSTree', () => {
    const entry = createDeploymentEntry({
      title: 'Fedora 40 (ostree:0)',
      version: '2',
      options: 'root=/dev/sda quiet ostree=/ostree/boot.1/fedora/x/0',
      devicetree: '/ostree/d/dt',
      linux: '/ostree/d/vmlinuz',
      initrds: ['/ostree/d/initramfs.img', '/overlay.img'],
      extra: new Map([['fdtdir', '/dtb']]),
    });
    expect(formatBlsEntry(entry)).toBe(
      [
        'title Fedora 40 (ostree:0)',
        'version 2',
        'options root=/dev/sda quiet ostree=/ostree/boot.1/fedora/x/0',
        'devicetree /ostree/d/dt',
        'linux /ostree/d/vmlinuz',
        'initrd /ostree/d/initramfs.img',
        'initrd /overlay.img',
        'fdtdir /dtb',
        '',
      ].join('\n'),
    );
    expect(parseBlsEntry(formatBlsEntry(entry))).toEqual(entry);
    expect(blsFields(entry, 'initrd')).toHaveLength(2);
  });

  it('read comments, blank lines, tabs and keys without value', () => {
    const entry = parseBlsEntry('# made by\n\ntitle\t A  B \r\nlinux   /vmlinuz\nflag\nx-unknown 1');
    expect(entry.fields).toEqual([
      ['title', 'A  B'],
      ['linux', '/vmlinuz'],
      ['flag', ''],
      ['x-unknown', '1'],
    ]);
    expect(formatBlsEntry(entry)).toBe('title A  B\nlinux /vmlinuz\nflag\nx-unknown 1\n');
    expect(blsField(entry, 'none')).toBeUndefined();
  });

  it('change one field in its place and drop its repetitions', () => {
    const entry = parseBlsEntry('initrd a\noptions x\ninitrd b\n');
    expect(formatBlsEntry(withBlsField(entry, 'initrd', 'c'))).toBe('initrd c\noptions x\n');
    expect(formatBlsEntry(withBlsField(entry, 'new', 'n'))).toBe('initrd a\noptions x\ninitrd b\nnew n\n');
  });

  it.each([
    ['a b', 'v'],
    ['#k', 'v'],
    ['', 'v'],
    ['k', 'two\nlines'],
    ['k', ' padded'],
  ])('refuse to write the field %j with %j', (key, value) => {
    expect(() => formatBlsEntry({ fields: [[key, value]] })).toThrow(invalid);
  });

  it('are refused when larger than any', () => {
    expect(() => parseBlsEntry('x'.repeat(70_000))).toThrow(expect.objectContaining({ code: 'LimitExceeded' }));
  });
});

describe('compareVersions', () => {
  // The example of strverscmp(3), in its order.
  const ascending = ['000', '00', '01', '010', '09', '0', '1', '9', '10'];

  it('orders the example of the manual', () => {
    expect(ascending.toReversed().toSorted(compareVersions)).toEqual(ascending);
  });

  it('is a total order', () => {
    const version = fc.array(fc.constantFrom('0', '1', '9', 'a', '.'), { maxLength: 5 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).toBe(0);
        const [first, second, third] = [a, b, c].toSorted(compareVersions);
        expect(compareVersions(first ?? '', third ?? '')).toBeLessThanOrEqual(0);
        expect(compareVersions(second ?? '', third ?? '')).toBeLessThanOrEqual(0);
      }),
    );
  });
});

describe('kernel arguments', () => {
  it.each([
    ['', []],
    ['  a   b=1 ', ['a', 'b=1']],
    ['a\n', ['a']],
    ['a="x y" b', ['a="x y"', 'b']],
    ['"a b=c d" e', ['"a b=c d"', 'e']],
    ['a="never closed b', ['a="never closed b']],
  ])('split %j', (line, kargs) => {
    expect(parseKargs(line)).toEqual(kargs);
    expect(parseKargs(formatKargs(parseKargs(line)))).toEqual(kargs);
  });

  it('are refused when longer than any kernel takes', () => {
    expect(() => parseKargs('x'.repeat(70_000))).toThrow(expect.objectContaining({ code: 'LimitExceeded' }));
  });

  const kargs = ['root=/dev/sda', 'console=tty0', 'console=ttyS0', 'quiet'];

  it.each([
    ['set one', kargsSet(kargs, 'console=x'), ['root=/dev/sda', 'console=x', 'quiet']],
    ['set a new one', kargsSet(kargs, 'a=b'), [...kargs, 'a=b']],
    ['append', kargsAppend(kargs, 'quiet'), [...kargs, 'quiet']],
    ['append what is missing', kargsAppendIfMissing(kargs, 'rw'), [...kargs, 'rw']],
    ['not append what is there', kargsAppendIfMissing(kargs, 'quiet'), kargs],
    ['replace the only value', kargsReplace(kargs, 'root=/dev/sdb'), kargs.with(0, 'root=/dev/sdb')],
    ['replace one of several', kargsReplace(kargs, 'console=tty0=tty1'), kargs.with(1, 'console=tty1')],
    ['delete by value', kargsDelete(kargs, 'console=tty0'), kargs.toSpliced(1, 1)],
    ['delete by key', kargsDelete(kargs, 'root'), kargs.slice(1)],
    ['delete what is there', kargsDeleteIfPresent(kargs, 'quiet'), kargs.slice(0, -1)],
    ['not delete what is not there', kargsDeleteIfPresent(kargs, 'rw'), kargs],
  ])('can %s', (_what, got, expected) => {
    expect(got).toEqual(expected);
  });

  it.each([
    [
      'replace without the old of several',
      () => kargsReplace(kargs, 'console=x'),
      "Multiple values for key 'console' found",
    ],
    ['replace a key that is not there', () => kargsReplace(kargs, 'no=x'), "No key 'no' found"],
    ['replace a value that is not there', () => kargsReplace(kargs, 'console=a=b'), "No karg 'console=a' found"],
    ['delete a key that is not there', () => kargsDelete(kargs, 'no'), "No key 'no' found"],
    ['delete a value that is not there', () => kargsDelete(kargs, 'root=x'), "No karg 'root=x' found"],
    ['delete one of several by key', () => kargsDelete(kargs, 'console'), "Multiple values for key 'console' found"],
  ])('cannot %s', (_what, edit, message) => {
    expect(edit).toThrow(expect.objectContaining({ code: 'InvalidArgument', message }));
  });

  it('keep exactly one ostree= in its place', () => {
    const booted = ['a', 'ostree=/old', 'b', 'ostree=/older'];
    expect(ostreeKarg(booted)).toBe('/older');
    expect(withOstreeKarg(booted, '/new')).toEqual(['a', 'ostree=/new', 'b']);
    expect(withOstreeKarg(['a'], '/new')).toEqual(['a', 'ostree=/new']);
    expect(kargsWithoutOstree(booted)).toEqual(['a', 'b']);
    expect(ostreeKarg(['ostree.x=1', 'ostreex'])).toBeUndefined();
  });
});

describe('the ostree= argument', () => {
  const text = `/ostree/boot.1/fedora/${checksum}/12`;

  it('reads back', () => {
    const link = { bootVersion: 1, stateroot: 'fedora', bootChecksum: checksum, bootSerial: 12 } as const;
    expect(parseOstreeKarg(text)).toEqual(link);
    expect(formatOstreeKarg(link)).toBe(text);
  });

  it.each([
    text.replace('boot.1', 'boot.2'),
    text.replace('boot.1', 'boot.1.0'),
    text.replace('fedora', '..'),
    text.replace('fedora', 'a/b'),
    text.replace('fedora', 'a b'),
    text.replace('d/12', '/12'),
    text.replace('/12', '/012'),
    text.replace('/12', '/-1'),
    `${text}/`,
    `/sysroot${text}`,
    '/ostree/root.a',
    '',
  ])('is not found in %j', (other) => {
    expect(parseOstreeKarg(other)).toBeUndefined();
  });
});

it('reads and writes deployment names', () => {
  expect(parseDeploymentName(`${checksum}.3`)).toEqual({ checksum, serial: 3 });
  expect(formatDeploymentName({ checksum, serial: 3 })).toBe(`${checksum}.3`);
  for (const other of [checksum, `${checksum}.`, `${checksum}.01`, `../${checksum}.0`, `${checksum}.0.origin`]) {
    expect(parseDeploymentName(other)).toBeUndefined();
  }
});

describe('the staged record', () => {
  const record: StagedRecord = {
    target: { name: `${checksum}.0`, stateroot: 'fedora', bootChecksum: checksum },
    merge: { name: `${checksum}.1`, stateroot: 'fedora', bootChecksum: undefined },
    kargs: ['a', 'b=1'],
    overlayInitrds: ['e'.repeat(64)],
    locked: true,
    bootconfigExtra: new Map([['x-y', 'z']]),
  };

  it('reads back what was written', () => {
    expect(decodeStagedRecord(encodeStagedRecord(record))).toMatchObject(record);
  });

  it('needs nothing but a target', () => {
    const least: StagedRecord = {
      ...record,
      merge: undefined,
      kargs: undefined,
      overlayInitrds: [],
      locked: false,
      bootconfigExtra: new Map(),
    };
    expect(decodeStagedRecord(encodeStagedRecord(least))).toMatchObject(least);
  });

  it('carries keys of a newer writer through', () => {
    const newer: StagedRecord = {
      ...record,
      target: { ...record.target, extra: new Map([['t', variant('u', 1)]]) },
      extra: new Map([['future', variant('(uu)', [1, 2])]]),
    };
    const again = encodeStagedRecord(decodeStagedRecord(encodeStagedRecord(newer)));
    expect(again).toEqual(encodeStagedRecord(newer));
    expect(decodeStagedRecord(again)).toMatchObject(newer);
  });

  const target = new Map([
    ['name', variant('s', `${checksum}.0`)],
    ['osname', variant('s', 'os')],
  ]);
  it.each<[what: string, entries: readonly (readonly [string, Variant])[]]>([
    ['no target', []],
    ['a target of another type', [['target', variant('s', 'x')]]],
    [
      'a name that leaves the directory',
      [['target', variant('a{sv}', new Map(target).set('name', variant('s', '../x')))]],
    ],
    [
      'a stateroot that leaves the directory',
      [['target', variant('a{sv}', new Map(target).set('osname', variant('s', '..')))]],
    ],
    [
      'a boot checksum that is none',
      [['target', variant('a{sv}', new Map(target).set('bootcsum', variant('s', 'x')))]],
    ],
    [
      'kernel arguments as one text',
      [
        ['target', variant('a{sv}', target)],
        ['kargs', variant('s', 'a b')],
      ],
    ],
  ])('is refused with %s', (_what, entries) => {
    expect(() => decodeStagedRecord(encodeVariant('a{sv}', new Map(entries)))).toThrow(invalid);
  });
});

describe('os-release', () => {
  it('undoes shell quoting and skips what is no assignment', () => {
    const text = `# comment\nNAME="Fedora \\"Linux\\" \\$1 \\x"\nID=fedora\nV='a b\\c'\nE=a\\ b\nMIX="a"'b'c\nbad line\nID=last  \n`;
    expect(Object.fromEntries(parseOsRelease(text))).toEqual({
      NAME: 'Fedora "Linux" $1 \\x',
      ID: 'last',
      V: 'a b\\c',
      E: 'a b',
      MIX: 'abc',
    });
  });

  it('is refused when larger than any', () => {
    expect(() => parseOsRelease('x'.repeat(300_000))).toThrow(expect.objectContaining({ code: 'LimitExceeded' }));
  });
});
