/**
 * The order of writes and syncs that a power cut needs, judged call by call over whole verbs: a name never counts before
 * what it names is on disk, and a verb never returns before its names are.
 */
import { describe, expect, it } from 'vitest';
import { createJob } from '../../src/base/index.ts';
import { interceptSyscalls } from '../../src/platform/index.ts';
import { completeBoot, finalizeStaged, openSysroot, type Sysroot } from '../../src/sysroot/index.ts';
import { cleanup, deploy, rollback, upgrade } from '../../src/transactions/index.ts';
import { makeHost, type FollowingHost } from '../support/make-host.ts';
import { OrderChecker } from '../support/order-checker.ts';

const job = createJob();

async function onSysroot(host: FollowingHost, work: (sysroot: Sysroot) => Promise<unknown>): Promise<void> {
  using sysroot = openSysroot(host.sysrootPath, host.host.boot);
  await work(sysroot);
}

type Step = readonly [name: string, run: (host: FollowingHost) => Promise<unknown>];

const doUpgrade: Step = ['upgrade', (host) => upgrade(host.host, {}, job)];
const doFinalize: Step = ['finalize', (host) => onSysroot(host, (sysroot) => finalizeStaged(sysroot, job))];
const doRollback: Step = ['rollback', (host) => rollback(host.host, {}, job)];
const doCleanup: Step = ['cleanup', (host) => cleanup(host.host, { base: true, pending: true, rollback: true }, job)];
const doBoot: Step = [
  'boot-complete',
  async (host) => {
    host.start();
    await onSysroot(host, (sysroot) => completeBoot(sysroot, job));
  },
];
const doDeploy: Step = ['deploy', (host) => deploy(host.host, { revision: '1' }, job)];

/** Publishes another release; `kernel` decides between a swap of all entries and one of a single link. */
function release(version: string, kernel: boolean): Step {
  return [
    `release ${version}`,
    (host) => {
      const files = {
        [`usr/share/${version}-${String(kernel)}`]: version,
        ...(kernel ? { 'usr/lib/modules/6.1.0-test/initramfs.img': `initramfs ${version}` } : {}),
      };
      host.releases.add({ version, files });
      return Promise.resolve();
    },
  ];
}

async function play(host: FollowingHost, steps: readonly Step[]): Promise<OrderChecker> {
  const { boot } = host.host;
  const checker = new OrderChecker(boot?.runDir ?? '/nowhere');
  try {
    for (const [name, run] of steps) {
      await run(host);
      checker.endOfVerb(name);
    }
  } finally {
    checker[Symbol.dispose]();
  }
  return checker;
}

function countsOf(checker: OrderChecker): string {
  return [...checker.checked].map(([kind, count]) => `${kind} ${count}`).join(', ');
}

describe('the order of writes and syncs', () => {
  it('holds over upgrades, finalizing, rollbacks, boots and cleanups', { timeout: 300_000 }, async () => {
    await using host = await makeHost();
    const steps: readonly Step[] = [
      release('2', true),
      doUpgrade,
      doFinalize,
      doBoot,
      doRollback,
      // A second swap in one boot, then an upgrade on top of a swap.
      doRollback,
      doRollback,
      release('3', true),
      doUpgrade,
      doFinalize,
      doBoot,
      doDeploy,
      doCleanup,
    ];
    const checker = await play(host, steps);
    console.log(`order checked at ${checker.total} publishes: ${countsOf(checker)}`);
    expect(checker.violations).toEqual([]);
    for (const kind of [
      'objects',
      'ref',
      'origin',
      'entry',
      'kernel',
      'boot link',
      'loader',
      'staged record',
    ] as const) {
      expect(checker.checked.get(kind), kind).toBeGreaterThan(0);
    }
  });

  it('holds where one link is the whole swap, and offline', { timeout: 300_000 }, async () => {
    await using host = await makeHost({ booted: false });
    const steps = ['2', '2', '2'].flatMap((version, index): Step[] => [
      ['release', () => Promise.resolve(host.releases.add({ version, files: { 'usr/share/x': String(index) } }))],
      doUpgrade,
    ]);
    const checker = await play(host, steps);
    console.log(`order checked at ${checker.total} publishes: ${countsOf(checker)}`);
    expect(checker.violations).toEqual([]);
    expect(checker.checked.get('boot link')).toBeGreaterThan(checker.checked.get('loader') ?? 0);
  });
});

describe('the checker', () => {
  it.each([
    ['syncFilesystem', /^objects .*not on disk/],
    ['fsync', /was written and not synced/],
    ['fsync', /^upgrade returned before .* was on disk/],
  ] as const)('finds a missing %s (%s)', async (missing, violation) => {
    await using host = await makeHost();
    host.releases.add({ version: '2', files: { 'usr/share/two': 'two' } });
    const checker = new OrderChecker(host.host.boot?.runDir ?? '');
    // Added last, so that the checker never sees what is left out.
    const skipping = interceptSyscalls((name, original) => (name === missing ? () => undefined : original));
    try {
      await upgrade(host.host, {}, job);
      checker.endOfVerb('upgrade');
    } finally {
      skipping[Symbol.dispose]();
      checker[Symbol.dispose]();
    }
    expect(
      checker.violations.some((text) => violation.test(text)),
      checker.violations.join('\n'),
    ).toBe(true);
  });
});
