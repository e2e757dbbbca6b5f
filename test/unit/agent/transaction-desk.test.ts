import { chmodSync, existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { TransactionDesk, type TransactionRequest } from '../../../src/agent/transaction-desk.ts';
import { AtomicError, createJob, type Job } from '../../../src/base/index.ts';
import {
  TransactionClient,
  wireDict,
  wireVariant,
  type Caller,
  type Connection,
  type TransactionEvent,
} from '../../../src/ipc/index.ts';
import { run, systemClock } from '../../../src/platform/index.ts';
import { TransactionRunner, type Outcome } from '../../../src/transactions/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const done: Outcome = { kind: 'deployed', rebootRequested: false };

interface Bench {
  readonly desk: TransactionDesk;
  readonly runner: TransactionRunner;
  readonly directory: string;
  readonly log: string[];
  readonly told: string[];
  readonly vanish: Map<Caller, () => void>;
  readonly caller: (sender: string, uid?: number) => Caller;
  readonly request: (work: (job: Job) => Promise<Outcome>, more?: Partial<TransactionRequest>) => TransactionRequest;
}

/** A desk with everything real but the agent around it. */
function makeBench(timings: { startMs?: number; lingerMs?: number; publish?: () => Promise<void> } = {}): Bench {
  const directory = makeTempDir();
  chmodSync(directory, 0o755);
  const log: string[] = [];
  const told: string[] = [];
  const vanish = new Map<Caller, () => void>();
  const runner = new TransactionRunner();
  const desk = new TransactionDesk({
    host: {
      sysrootPath: directory,
      boot: undefined,
      stateDir: directory,
      clock: systemClock,
      reboot: async () => {
        told.push('reboot');
        await Promise.resolve();
      },
    },
    runner,
    socketPath: join(directory, 'transaction.sock'),
    timings: { startMs: timings.startMs ?? 30_000, lingerMs: timings.lingerMs ?? 30_000 },
    log: (line) => log.push(line),
    describe: (caller, uid) => `caller ${caller.sender} ${uid}`,
    onVanish: async (caller, listener) => {
      vanish.set(caller, listener);
      return await Promise.resolve({ [Symbol.asyncDispose]: async () => await Promise.resolve() });
    },
    onChange: () => undefined,
    publish: async () => {
      told.push('published');
      await timings.publish?.();
    },
  });
  onTestFinished(async () => {
    desk.cancel();
    await desk.close();
  });
  const caller = (sender: string, uid = 0): Caller => ({
    connection: {} as Connection,
    sender,
    uid: async () => await Promise.resolve(uid),
  });
  const request = (
    work: (job: Job) => Promise<Outcome>,
    more: Partial<TransactionRequest> = {},
  ): TransactionRequest => ({
    member: 'Upgrade',
    path: '/os',
    args: [wireDict({ reboot: wireVariant('b', false) })],
    title: 'upgrade',
    caller: caller(':1.1'),
    work,
    ...more,
  });
  return { desk, runner, directory, log, told, vanish, caller, request };
}

/** A piece of work that goes on when told, and what it waits with. */
function steerable(): { work: (job: Job) => Promise<Outcome>; finish: () => void } {
  const steer = { finish: (): void => undefined };
  const gate = new Promise<void>((resolve) => {
    steer.finish = resolve;
  });
  const work = async (job: Job): Promise<Outcome> => {
    const stopped = new Promise<void>((resolve) => job.signal.addEventListener('abort', () => resolve()));
    await Promise.race([gate, stopped]);
    if (job.signal.aborted) throw new AtomicError('Cancelled', 'stopped in the middle');
    return done;
  };
  return { work, finish: () => steer.finish() };
}

async function open(address: string): Promise<{ client: TransactionClient; events: TransactionEvent[] }> {
  const events: TransactionEvent[] = [];
  const client = await TransactionClient.open(address, (event) => events.push(event));
  onTestFinished(async () => await client.close());
  return { client, events };
}

describe('a transaction', () => {
  it('answers with its address before any work, and works only after Start', async () => {
    const bench = makeBench();
    const worked: string[] = [];
    const address = await bench.desk.begin(
      bench.request(async (job) => {
        worked.push('work');
        job.report({ kind: 'note', text: 'a line' });
        return await Promise.resolve(done);
      }),
    );
    expect(address).toBe(`unix:path=${bench.directory}/transaction.sock`);
    const { client, events } = await open(address);
    expect(await client.describe()).toEqual({ title: 'upgrade', initiator: 'caller :1.1 0' });
    expect(worked).toEqual([]);
    expect(await client.start()).toBe(true);
    expect(await client.finished).toEqual({ success: true, error: '' });
    expect(events).toEqual([{ kind: 'message', text: 'a line' }]);
    expect(bench.told).toEqual(['published']);
    expect(bench.desk.active).toBeUndefined();
  });

  it('answers a second Start with false, also after its end, and tells the end again', async () => {
    const bench = makeBench();
    const { work, finish } = steerable();
    const address = await bench.desk.begin(bench.request(work));
    const one = await open(address);
    const two = await open(address);
    expect(await one.client.start()).toBe(true);
    expect(await two.client.start()).toBe(false);
    finish();
    await Promise.all([one.client.finished, two.client.finished]);
    const late = await open(address);
    expect(await late.client.start()).toBe(false);
    expect(await late.client.finished).toEqual({ success: true, error: '' });
  });

  it('tells a failure by its sentence and hint', async () => {
    const bench = makeBench();
    const fail = new AtomicError('RemoteUnreachable', 'While fetching: no route', { hint: 'Try later' });
    const { client } = await open(await bench.desk.begin(bench.request(async () => await Promise.reject(fail))));
    await client.start();
    expect(await client.finished).toEqual({ success: false, error: 'While fetching: no route\nTry later' });
    expect(bench.told).toEqual(['published']);
  });

  it('fails when what it did cannot be read back', async () => {
    const bench = makeBench({ publish: async () => await Promise.reject(new AtomicError('Io', 'disk on fire')) });
    const { client } = await open(await bench.desk.begin(bench.request(async () => await Promise.resolve(done))));
    await client.start();
    expect(await client.finished).toEqual({ success: false, error: 'During txn completion: disk on fire' });
  });

  it('ends with the known text when cancelled, at work or before', async () => {
    const bench = makeBench();
    for (const started of [true, false]) {
      const { client } = await open(await bench.desk.begin(bench.request(steerable().work)));
      if (started) await client.start();
      await client.cancel();
      expect(await client.finished).toEqual({ success: false, error: 'Operation was cancelled' });
    }
  });

  it('reboots after the end was told, and refuses others from then on', async () => {
    const bench = makeBench();
    const work = async (): Promise<Outcome> => await Promise.resolve({ ...done, rebootRequested: true });
    const { client } = await open(await bench.desk.begin(bench.request(work)));
    await client.start();
    await client.finished;
    await expect.poll(() => bench.told).toEqual(['published', 'reboot']);
    await expect(bench.desk.begin(bench.request(work))).rejects.toMatchObject({
      message: 'Reboot initiated, cannot start new transaction',
    });
  });
});

describe('a second call', () => {
  it('that is the very same joins, whatever the order of its options', async () => {
    const bench = makeBench();
    const { work, finish } = steerable();
    const options = (keys: readonly string[]) => [new Map(keys.map((key) => [key, wireVariant('b', true)]))];
    const one = await bench.desk.begin(bench.request(work, { args: options(['reboot', 'cache-only']) }));
    const two = await bench.desk.begin(
      bench.request(work, { args: options(['cache-only', 'reboot']), caller: bench.caller(':1.2') }),
    );
    expect(two).toBe(one);
    const { client } = await open(one);
    await client.start();
    finish();
    await client.finished;
  });

  it.each([
    ['another method', { member: 'Rollback' }],
    ['another object', { path: '/other' }],
    ['other values', { args: [new Map()] }],
  ])('with %s is refused by the title of the first', async (_, more) => {
    const bench = makeBench();
    await bench.desk.begin(bench.request(steerable().work, { title: 'upgrade --reboot' }));
    await expect(bench.desk.begin(bench.request(steerable().work, more))).rejects.toMatchObject({
      code: 'UpdateInProgress',
      message: 'Transaction in progress: upgrade --reboot',
      hint: expect.stringContaining('You can cancel the current transaction with `rpm-ostree cancel`') as string,
    });
  });

  it('made at the same moment is one of the two, never both', async () => {
    const bench = makeBench();
    const results = await Promise.allSettled([
      bench.desk.begin(bench.request(steerable().work)),
      bench.desk.begin(bench.request(steerable().work)),
      bench.desk.begin(bench.request(steerable().work, { member: 'Rollback' })),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
  });

  it('after the end begins anew on a fresh socket while old clients linger', async () => {
    const bench = makeBench();
    const first = await open(await bench.desk.begin(bench.request(async () => await Promise.resolve(done))));
    await first.client.start();
    await first.client.finished;
    const { work, finish } = steerable();
    const second = await open(await bench.desk.begin(bench.request(work)));
    expect(await second.client.start()).toBe(true);
    finish();
    expect(await second.client.finished).toMatchObject({ success: true });
  });
});

describe('an end', () => {
  it('that is still being told lets the next call wait, and old sockets do not take the new one along', async () => {
    const gate = steerable();
    const bench = makeBench({
      lingerMs: 150,
      publish: async () => void (await gate.work(createJob())),
    });
    const quick = bench.request(async () => await Promise.resolve(done), { member: 'Cleanup' });
    const first = await open(await bench.desk.begin(quick));
    await first.client.start();
    await expect.poll(() => bench.told).toEqual(['published']);
    expect(bench.desk.active).toBeUndefined();
    const { work, finish } = steerable();
    const next = bench.desk.begin(bench.request(work));
    const early = await Promise.race([next, new Promise((resolve) => setTimeout(() => resolve('waits'), 50))]);
    expect(early).toBe('waits');
    gate.finish();
    const second = await open(await next);
    expect(await second.client.start()).toBe(true);
    // The first one's linger ends while the second works: who comes now has to find the second.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const third = await open(await next);
    expect((await third.client.describe()).title).toBe('upgrade');
    finish();
    expect(await third.client.finished).toMatchObject({ success: true });
  });

  it('before the socket is there leaves nothing behind', async () => {
    const bench = makeBench();
    const first = bench.desk.begin(bench.request(steerable().work));
    await Promise.resolve();
    await Promise.resolve();
    bench.runner.current?.cancel();
    const second = bench.desk.begin(bench.request(async () => await Promise.resolve(done)));
    await first.catch(() => undefined);
    const { client } = await open(await second);
    expect(await client.start()).toBe(true);
    expect(await client.finished).toMatchObject({ success: true });
  });

  it('is refused a socket by name, and the place is free again', async () => {
    const bench = makeBench();
    mkdirSync(join(bench.directory, 'transaction.sock'));
    await expect(bench.desk.begin(bench.request(steerable().work))).rejects.toThrow(/transaction\.sock|EISDIR|EPERM/);
    rmdirSync(join(bench.directory, 'transaction.sock'));
    const { client } = await open(await bench.desk.begin(bench.request(async () => await Promise.resolve(done))));
    await client.start();
    expect(await client.finished).toMatchObject({ success: true });
  });
});

describe('a caller that is lost', () => {
  it('before Start takes the transaction along', async () => {
    const bench = makeBench();
    const request = bench.request(steerable().work);
    await bench.desk.begin(request);
    bench.vanish.get(request.caller)?.();
    await expect.poll(() => bench.desk.active).toBeUndefined();
    expect(bench.log.join('\n')).toContain('client disconnected before calling Start; cancelling transaction');
  });

  it('before Start leaves it to who joined', async () => {
    const bench = makeBench();
    const { work, finish } = steerable();
    const request = bench.request(work);
    const address = await bench.desk.begin(request);
    await bench.desk.begin({ ...request, caller: bench.caller(':1.2') });
    bench.vanish.get(request.caller)?.();
    const { client } = await open(address);
    expect(await client.start()).toBe(true);
    finish();
    expect(await client.finished).toMatchObject({ success: true });
  });

  it('after Start changes nothing, with its socket or without', async () => {
    const bench = makeBench();
    const { work, finish } = steerable();
    const request = bench.request(work);
    const { client } = await open(await bench.desk.begin(request));
    await client.start();
    bench.vanish.get(request.caller)?.();
    await client.close();
    expect(bench.desk.active).toBeDefined();
    finish();
    await bench.desk.idle();
    expect(bench.log.at(-1)).toBe('Txn Upgrade on /os successful');
  });

  it('and never starts loses the place after the deadline', async () => {
    const bench = makeBench({ startMs: 50 });
    const { client } = await open(await bench.desk.begin(bench.request(steerable().work)));
    expect(await client.finished).toEqual({ success: false, error: 'Operation was cancelled' });
    expect(bench.log.join('\n')).toContain('nobody called Start in time');
  });
});

describe('clients of the socket', () => {
  it('are cut some time after the end, and the socket goes', async () => {
    const bench = makeBench({ lingerMs: 50 });
    const { client } = await open(await bench.desk.begin(bench.request(async () => await Promise.resolve(done))));
    await client.start();
    await client.finished;
    await expect.poll(() => existsSync(join(bench.directory, 'transaction.sock'))).toBe(false);
    await expect.poll(() => bench.desk.busy).toBe(false);
  });

  it('of another user may watch, and neither start nor cancel', async () => {
    const bench = makeBench();
    const { work, finish } = steerable();
    const address = await bench.desk.begin(bench.request(work));
    const stranger = async (member: string): Promise<string> => {
      const gdbus = ['gdbus', 'call', '--address', address, '--dest', 'x.y', '--object-path', '/', '--method'];
      const command = ['--reuid=65534', '--clear-groups', ...gdbus];
      const result = await run('setpriv', [...command, `org.projectatomic.rpmostree1.Transaction.${member}`]);
      return (result.stdout + result.stderr).trim();
    };
    expect(await stranger('Start')).toBe('(false,)');
    expect(bench.runner.current?.state).toBe('admitted');
    const { client } = await open(address);
    await client.start();
    expect(await stranger('Cancel')).toContain('org.projectatomic.rpmostreed.Error.NotAuthorized');
    finish();
    expect(await client.finished).toMatchObject({ success: true });
  });

  it('that send garbage harm nobody', async () => {
    const bench = makeBench();
    const { work, finish } = steerable();
    const address = await bench.desk.begin(bench.request(work));
    const { client } = await open(address);
    await client.start();
    const handshake = '\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n';
    const garbage = [
      '',
      'GET /\r\n',
      handshake,
      `${handshake}l\x01\0\x01\xff\xff\xff\x7f`,
      `${handshake}${'x'.repeat(5000)}`,
    ];
    for (const text of garbage) {
      const socket = connect(join(bench.directory, 'transaction.sock'));
      socket.on('error', () => undefined);
      socket.write(Buffer.from(text, 'latin1'));
      await new Promise((resolve) => setTimeout(resolve, 10));
      socket.destroy();
    }
    finish();
    expect(await client.finished).toMatchObject({ success: true });
  });

  it('that do not read are cut, and hold nobody up', async () => {
    const bench = makeBench();
    const line = 'x'.repeat(60_000);
    const address = await bench.desk.begin(
      bench.request(async (job) => {
        for (let count = 0; count < 200; count += 1) {
          job.report({ kind: 'note', text: line });
          await new Promise((resolve) => setImmediate(resolve));
        }
        return done;
      }),
    );
    const sleeper = connect(join(bench.directory, 'transaction.sock'));
    sleeper.on('error', () => undefined);
    sleeper.write('\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n');
    sleeper.pause();
    const { client, events } = await open(address);
    await client.start();
    expect(await client.finished).toEqual({ success: true, error: '' });
    expect(events).toHaveLength(200);
    await expect.poll(() => bench.desk.busy).toBe(true);
    await client.close();
    // Only the sleeper was left, and it is gone.
    await expect.poll(() => bench.desk.busy).toBe(false);
    sleeper.destroy();
  });

  it('are told everything: thirty of them', async () => {
    const bench = makeBench();
    const { work, finish } = steerable();
    const address = await bench.desk.begin(
      bench.request(async (job) => {
        job.report({ kind: 'note', text: 'for all' });
        return await work(job);
      }),
    );
    const watchers = await Promise.all(Array.from({ length: 30 }, async () => await open(address)));
    expect(await watchers[0]?.client.start()).toBe(true);
    finish();
    const ends = await Promise.all(watchers.map(async ({ client }) => await client.finished));
    expect(ends.every(({ success }) => success)).toBe(true);
    expect(watchers.every(({ events }) => events.length === 1)).toBe(true);
  });
});

describe('foreign programs', () => {
  it('follow a transaction with GIO from Start to Finished', async () => {
    const bench = makeBench();
    const address = await bench.desk.begin(
      bench.request(async (job) => {
        job.report({ kind: 'phase', text: 'Staging deployment' });
        await systemClock.sleep(200);
        job.report({ kind: 'phase', text: 'Writing objects' });
        for (let done = 0; done <= 10; done += 1) job.report({ kind: 'count', done, total: 10, unit: 'objects' });
        job.report({ kind: 'note', text: 'over' });
        return done;
      }),
    );
    const script = `
import sys
from gi.repository import Gio, GLib
c = Gio.DBusConnection.new_for_address_sync(sys.argv[1], Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None, None)
p = Gio.DBusProxy.new_sync(c, 0, None, None, '/', 'org.projectatomic.rpmostree1.Transaction', None)
print('Title', p.get_cached_property('Title').unpack())
loop = GLib.MainLoop()
def heard(p, sender, name, args):
  print(name, args.unpack())
  if name == 'Finished': loop.quit()
p.connect('g-signal', heard)
print('Start', p.call_sync('Start', None, 0, -1, None).unpack())
GLib.timeout_add_seconds(30, loop.quit)
loop.run()`;
    const { stdout, stderr } = await run('/usr/bin/python3', ['-c', script, address]);
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n')).toEqual([
      'Title upgrade',
      'Start (True,)',
      "TaskBegin ('Staging deployment',)",
      "TaskEnd ('done',)",
      "PercentProgress ('Writing objects', 0)",
      "PercentProgress ('Writing objects', 100)",
      'ProgressEnd ()',
      "Message ('over',)",
      "Finished (True, '')",
    ]);
  });

  it('call it with busctl and gdbus, each with its own handshake', async () => {
    const bench = makeBench();
    const { work, finish } = steerable();
    const address = await bench.desk.begin(bench.request(work));
    const one = 'org.projectatomic.rpmostree1.Transaction';
    const busctl = await run('busctl', [`--address=${address}`, 'call', 'x.y', '/', one, 'Start']);
    expect(busctl).toMatchObject({ status: 0, stdout: 'b true\n' });
    const property = await run('busctl', [`--address=${address}`, 'get-property', 'x.y', '/', one, 'Title']);
    expect(property.stdout).toBe('s "upgrade"\n');
    const gdbus = await run('gdbus', ['introspect', '--address', address, '--dest', 'x.y', '--object-path', '/']);
    expect(gdbus.stdout).toContain('DownloadProgress((tt) time,');
    finish();
    await bench.desk.idle();
  });
});
