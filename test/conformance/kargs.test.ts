import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAtomicError, messageOf } from '../../src/base/index.ts';
import {
  compareVersions,
  formatKargs,
  kargsAppend,
  kargsAppendIfMissing,
  kargsDelete,
  kargsDeleteIfPresent,
  kargsReplace,
  kargsSet,
  parseKargs,
} from '../../src/format/index.ts';

/** The real libostree edits kernel arguments and the real libc compares versions, as a batch. */
const oracle = String.raw`
import ctypes, json, sys
lib, libc = ctypes.CDLL('libostree-1.so.1'), ctypes.CDLL('libc.so.6')

class Error(ctypes.Structure):
    _fields_ = [('domain', ctypes.c_uint32), ('code', ctypes.c_int), ('message', ctypes.c_char_p)]

lib.ostree_kernel_args_from_string.restype = ctypes.c_void_p
lib.ostree_kernel_args_to_string.restype = ctypes.c_char_p

def edit(line, op, arg):
    kargs = ctypes.c_void_p(lib.ostree_kernel_args_from_string(line.encode()))
    error = ctypes.POINTER(Error)()
    name = getattr(lib, 'ostree_kernel_args_' + op)
    if op in ('new_replace', 'delete', 'delete_if_present'):
        if not name(kargs, arg.encode(), ctypes.byref(error)):
            return 'error: ' + error.contents.message.decode()
    else:
        name(kargs, arg.encode())
    return lib.ostree_kernel_args_to_string(kargs).decode()

def sign(n):
    return (n > 0) - (n < 0)

batch = json.load(sys.stdin)
json.dump({'edits': [edit(*item) for item in batch['edits']],
    'orders': [sign(libc.strverscmp(a.encode(), b.encode())) for a, b in batch['orders']]}, sys.stdout)
`;

type Edit = readonly [line: string, operation: string, karg: string];
type Pair = readonly [string, string];

interface Answers {
  readonly edits: readonly string[];
  readonly orders: readonly number[];
}

function askReal(batch: { edits: readonly Edit[]; orders: readonly Pair[] }): Answers {
  const options = { input: JSON.stringify(batch), encoding: 'utf8', maxBuffer: 1 << 28 } as const;
  return JSON.parse(execFileSync('/usr/bin/python3', ['-c', oracle], options)) as Answers;
}

const operations: Readonly<Record<string, typeof kargsSet>> = {
  append: kargsAppend,
  append_if_missing: kargsAppendIfMissing,
  replace: kargsSet,
  new_replace: kargsReplace,
  delete: kargsDelete,
  delete_if_present: kargsDeleteIfPresent,
};

function editOurs([line, operation, karg]: Edit): string {
  try {
    return formatKargs(operations[operation]?.(parseKargs(line), karg) ?? ['no such operation']);
  } catch (error) {
    if (isAtomicError(error, 'InvalidArgument')) return `error: ${messageOf(error)}`;
    throw error;
  }
}

// Without quotes: the 2022.7 library splits inside them, newer ones and we do not.
const karg = fc.constantFrom('a', 'b', 'a=', 'a=1', 'a=2', 'b=1', 'b=x=y', 'a=1=2', 'quiet');
const edits = fc.tuple(
  fc.array(karg, { maxLength: 5 }).map((kargs) => kargs.join(' ')),
  fc.constantFrom(...Object.keys(operations)),
  karg,
);
const version = fc.array(fc.constantFrom('0', '0', '1', '2', '9', 'a', '.', '-', '~', '/', ':', 'é'), { maxLength: 6 });
const pairs = fc
  .tuple(version, version, version)
  .map(([start, a, b]): Pair => [[...start, ...a].join(''), [...start, ...b].join('')]);

describe('beside the real libraries', () => {
  it('edits kernel arguments as libostree does, errors included', () => {
    const samples = fc.sample(edits, 3000);
    const { edits: answers } = askReal({ edits: samples, orders: [] });
    expect(answers.filter((answer) => answer.startsWith('error')).length).toBeGreaterThan(100);
    for (const [index, sample] of samples.entries())
      expect([sample, editOurs(sample)]).toEqual([sample, answers[index]]);
  });

  it('orders versions as strverscmp does', () => {
    const samples = fc.sample(pairs, 20_000);
    const { orders } = askReal({ edits: [], orders: samples });
    expect(new Set(orders).size).toBe(3);
    for (const [index, [a, b]] of samples.entries()) {
      expect([a, b, Math.sign(compareVersions(a, b))]).toEqual([a, b, orders[index]]);
    }
  });
});
