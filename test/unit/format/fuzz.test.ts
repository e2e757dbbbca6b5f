import { describe, expect, it } from 'vitest';
import { isAtomicError, type Checksum } from '../../../src/base/index.ts';
import {
  decodeCommit,
  decodeDirMeta,
  decodeDirTree,
  decodeFileMeta,
  decodeFilezHeader,
  decodeStagedRecord,
  decodeSummary,
  encodeCommit,
  encodeDirMeta,
  encodeDirTree,
  encodeFileMeta,
  encodeFilezHeader,
  encodeStagedRecord,
  encodeSummary,
  formatBlsEntry,
  formatKargs,
  parseBlsEntry,
  parseKargs,
  parseKeyfile,
  parseOrigin,
  parseOsRelease,
  parseOstreeKarg,
  variant,
} from '../../../src/format/index.ts';

/** How often each seed is damaged; more with FUZZ_RUNS. */
const runs = Number(process.env['FUZZ_RUNS'] ?? 4000);

/** A small reproducible generator of 32-bit numbers (xorshift), so that a failing run can be repeated. */
function makeRandom(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Values that tend to break framing, lengths and text. */
const awkward = [0, 1, 2, 8, 0x20, 0x22, 0x2f, 0x3b, 0x5b, 0x5c, 0x7f, 0x80, 0xc0, 0xed, 0xfe, 0xff];

/** One to four edits: a bit flipped, a byte set, a stretch removed, doubled or moved from elsewhere. */
function damage(seed: Uint8Array, random: (below: number) => number): Uint8Array {
  let bytes = Array.from(seed);
  for (let edits = 1 + random(4); edits > 0; edits--) {
    const at = random(bytes.length + 1);
    const length = 1 + random(8);
    const kind = random(6);
    if (kind === 0 && at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
    else if (kind === 1 && at < bytes.length) bytes[at] = awkward[random(awkward.length)] ?? 0;
    else if (kind === 2) bytes.splice(at, length);
    else if (kind === 3) bytes.splice(at, 0, ...bytes.slice(at, at + length));
    else if (kind === 4) bytes.splice(at, 0, awkward[random(awkward.length)] ?? 0);
    else bytes = [...bytes.slice(0, at), ...bytes.slice(random(bytes.length + 1))];
  }
  return Uint8Array.from(bytes);
}

const text = (value: string) => new TextEncoder().encode(value);
const untext = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');
const a = 'a'.repeat(64) as Checksum;
const b = 'b'.repeat(64) as Checksum;
const owner = { uid: 0, gid: 0, xattrs: [{ name: 'user.a', value: text('one') }] };
const metadata = new Map([
  ['version', variant('s', '1')],
  ['refs', variant('as', ['a', 'b'])],
  ['deep', variant('a{sv}', new Map([['v', variant('v', variant('(tay)', [1n, text('x')]))]]))],
]);
const commit = { metadata, parent: b, subject: 's', body: 'b', timestampSeconds: 7, rootTree: a, rootMeta: b };
const tree = {
  files: ['a', 'b', 'ä'].map((name) => ({ name, checksum: a })),
  directories: ['c', 'd'].map((name) => ({ name, tree: a, meta: b })),
};
const summaryRef = { checksum: a, commitSizeBytes: 94, metadata };
const staged = { name: `${a}.0`, stateroot: 'os', bootChecksum: b };

interface Target {
  readonly name: string;
  readonly seed: Uint8Array;
  /** Reads the bytes and, if they are accepted, writes them again. */
  readonly again: (bytes: Uint8Array) => Uint8Array;
  /** True if what is accepted must come out as it went in. */
  readonly exact: boolean;
}

const targets: readonly Target[] = [
  { name: 'commit', seed: encodeCommit(commit), again: (x) => encodeCommit(decodeCommit(x)), exact: true },
  { name: 'dirtree', seed: encodeDirTree(tree), again: (x) => encodeDirTree(decodeDirTree(x)), exact: true },
  {
    name: 'dirmeta',
    seed: encodeDirMeta({ ...owner, mode: 0o040755 }),
    again: (x) => encodeDirMeta(decodeDirMeta(x)),
    exact: true,
  },
  {
    name: 'bare-user metadata',
    seed: encodeFileMeta({ ...owner, mode: 0o100644 }),
    again: (x) => encodeFileMeta(decodeFileMeta(x)),
    exact: true,
  },
  {
    name: 'filez header',
    seed: encodeFilezHeader({ ...owner, mode: 0o100644, symlinkTarget: '' }, 5),
    again: (x) => {
      const { header, sizeBytes, headerBytes } = decodeFilezHeader(x);
      return new Uint8Array([...encodeFilezHeader(header, sizeBytes), ...x.subarray(headerBytes)]);
    },
    exact: true,
  },
  {
    name: 'summary',
    seed: encodeSummary({
      refs: new Map([
        ['a/b', summaryRef],
        ['c', summaryRef],
      ]),
      metadata,
    }),
    again: (x) => encodeSummary(decodeSummary(x)),
    exact: true,
  },
  {
    name: 'staged record',
    seed: encodeStagedRecord({
      target: staged,
      merge: staged,
      kargs: ['a', 'b=1'],
      overlayInitrds: ['x'],
      locked: true,
      bootconfigExtra: new Map([['x', 'y']]),
    }),
    again: (x) => encodeStagedRecord(decodeStagedRecord(x)),
    exact: false,
  },
  {
    name: 'keyfile',
    seed: text('# c\n[core]\nmode=bare\nlist=a;b\\;c;\n\n[remote "x"]\nurl = \\shttp://x\nbool=true\nint=-5\n'),
    again: (x) => text(readWholeKeyfile(untext(x))),
    exact: false,
  },
  {
    name: 'origin',
    seed: text('[origin]\nrefspec=r:a/b\n[packages]\nrequested=vim;\n[libostree-transient]\npinned=true\n'),
    again: (x) => text(parseOrigin(untext(x)).keyfile.toString()),
    exact: false,
  },
  {
    name: 'boot entry',
    seed: text(`title A (ostree:0)\nversion 1\noptions root=x ostree=/ostree/boot.0/os/${a}/0\nlinux /v\ninitrd /i\n`),
    again: (x) => text(formatBlsEntry(parseBlsEntry(untext(x)))),
    exact: false,
  },
  {
    name: 'kernel arguments',
    seed: text(`root=/dev/x quiet a="b c" ostree=/ostree/boot.0/os/${a}/0`),
    again: (x) => text(formatKargs(parseKargs(untext(x)))),
    exact: false,
  },
  {
    name: 'os-release',
    seed: text('NAME="A \\"B\\""\nID=a\nX=\'y z\'\n'),
    again: (x) => text([...parseOsRelease(untext(x))].join('\n')),
    exact: false,
  },
  {
    name: 'ostree= argument',
    seed: text(`/ostree/boot.0/os/${a}/0`),
    again: (x) => text(JSON.stringify(parseOstreeKarg(untext(x)) ?? null)),
    exact: false,
  },
];

/** Parses, reads every value in every way, and writes the file again; it must be the same text. */
function readWholeKeyfile(source: string): string {
  const keyfile = parseKeyfile(source);
  for (const group of keyfile.groups()) {
    for (const key of keyfile.keys(group)) {
      const { length } = keyfile.getRaw(group, key) ?? '';
      tolerate(() => keyfile.get(group, key));
      tolerate(() => keyfile.getBoolean(group, key));
      tolerate(() => keyfile.getInteger(group, key));
      tolerate(() => expect((keyfile.getList(group, key) ?? []).length).toBeLessThanOrEqual(length));
    }
  }
  expect(keyfile.toString()).toBe(source);
  return keyfile.toString();
}

/** Runs `step`; true if it was refused with an error a decoder may give. Any other error is thrown. */
function tolerate(step: () => unknown): boolean {
  try {
    step();
    return false;
  } catch (error) {
    if (isAtomicError(error, 'InvalidFormat', 'LimitExceeded')) return true;
    throw error;
  }
}

describe('damaged input', () => {
  it.each(targets)(
    'of a $name is refused by its own errors or read as what it says',
    ({ name, seed, again, exact }) => {
      expect(Buffer.from(again(seed)).equals(seed) || !exact).toBe(true);
      const random = makeRandom(0x5eed);
      let refused = 0;
      for (let run = 0; run < runs; run++) {
        const bytes = damage(seed, random);
        const failed = tolerate(() => {
          const written = again(bytes);
          if (exact && !Buffer.from(written).equals(bytes)) {
            throw new Error(`${name} was read and written differently: ${Buffer.from(bytes).toString('hex')}`);
          }
        });
        if (failed) refused += 1;
      }
      process.stdout.write(`fuzz ${name}: ${runs} damaged inputs, ${refused} refused, ${runs - refused} accepted\n`);
      expect(refused).toBeLessThan(runs);
    },
  );

  it('of random bytes is refused by every binary decoder', () => {
    const random = makeRandom(7);
    for (let run = 0; run < runs; run++) {
      const bytes = Uint8Array.from({ length: random(200) }, () => random(256));
      for (const { again, exact } of targets) tolerate(() => (exact ? again(bytes) : undefined));
    }
    expect(targets.filter(({ exact }) => exact).length).toBe(6);
  });
});
