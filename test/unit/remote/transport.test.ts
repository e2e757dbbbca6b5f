import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createJob, type Job } from '../../../src/base/index.ts';
import { Dir, sys } from '../../../src/platform/index.ts';
import type { Body, BodyLimits } from '../../../src/remote/body-sink.ts';
import type { RemoteConfig, TransportTimings } from '../../../src/remote/index.ts';
import { Transport } from '../../../src/remote/transport.ts';
import { type Behaviour, type FileServer, serveDirectory } from '../../support/http-server.ts';
import { makeRemote, quickTimings } from '../../support/make-remote.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const content = Buffer.from('the bytes of a small file, long enough to be cut in two');
const megabyte = 1024 * 1024;

async function serve(behaviour?: Behaviour, times = Number.POSITIVE_INFINITY): Promise<FileServer> {
  const directory = makeTempDir();
  mkdirSync(join(directory, 'objects'));
  writeFileSync(join(directory, 'objects/a'), content);
  writeFileSync(join(directory, 'large'), Buffer.alloc(3 * megabyte, 7));
  return await serveDirectory(directory, (_path, nth) => (nth <= times ? behaviour : undefined));
}

interface Asked {
  readonly path?: string;
  readonly limits?: Partial<BodyLimits>;
  readonly timings?: Partial<TransportTimings>;
  readonly remote?: Partial<RemoteConfig>;
  readonly job?: Job;
}

async function ask(server: { readonly url: string }, asked: Asked = {}): Promise<Body | undefined> {
  const job = asked.job ?? createJob();
  const remote = makeRemote(server.url, asked.remote);
  await using transport = await Transport.open(remote, { ...quickTimings, ...asked.timings }, job);
  return await transport.fetch(new URL(asked.path ?? '/objects/a', server.url), {
    maxBytes: megabyte,
    ...asked.limits,
  });
}

describe('a fetch', () => {
  it('gives the bytes of the file and says who asks', async () => {
    await using server = await serve();
    expect(await ask(server)).toEqual({ kind: 'memory', bytes: content });
    expect(server.log).toEqual([{ path: '/objects/a', userAgent: 'atomic/0', authorization: undefined }]);
  });

  it('puts a large body into a file without a name', async () => {
    await using server = await serve();
    using spoolDir = Dir.open(makeTempDir());
    const body = await ask(server, { path: '/large', limits: { maxBytes: 4 * megabyte, spoolDir } });
    if (body?.kind !== 'file') throw new Error('expected a file');
    const first = new Uint8Array(4);
    expect(sys.pread(body.fd, first, 3 * megabyte - 4)).toBe(4);
    expect({ size: body.sizeBytes, first: [...first], names: spoolDir.list() }).toEqual({
      size: 3 * megabyte,
      first: [7, 7, 7, 7],
      names: [],
    });
    sys.close(body.fd);
  });

  it.each([403, 404, 410])('takes status %i as: not there', async (status) => {
    await using server = await serve({ kind: 'status', status });
    expect(await ask(server)).toBeUndefined();
    expect(server.log.length).toBe(1);
  });

  it.each([500, 503, 429, 408])('tries again after status %i', async (status) => {
    await using server = await serve({ kind: 'status', status }, 2);
    expect(await ask(server)).toEqual({ kind: 'memory', bytes: content });
    expect(server.log.length).toBe(3);
  });

  it.each([
    { behaviour: { kind: 'truncate' }, code: 'RemoteTruncated' },
    { behaviour: { kind: 'wrong-length' }, code: 'RemoteTruncated' },
    { behaviour: { kind: 'reset' }, code: 'RemoteTruncated' },
    { behaviour: { kind: 'status', status: 500 }, code: 'RemoteUnreachable' },
  ] as const)(
    'gives up after its retries with $code when the server answers $behaviour',
    async ({ behaviour, code }) => {
      await using server = await serve(behaviour);
      await expect(ask(server)).rejects.toMatchObject({
        code,
        message: expect.stringContaining(`While fetching ${server.url}/objects/a: `) as string,
        hint: expect.any(String) as string,
      });
      expect(server.log.length).toBe(3);
    },
  );

  it('mends a broken transfer with a second attempt', async () => {
    await using server = await serve({ kind: 'reset' }, 1);
    expect(await ask(server)).toEqual({ kind: 'memory', bytes: content });
  });

  it.each([{ kind: 'silent' }, { kind: 'stall' }, { kind: 'drip', everyMs: 50 }] as const)(
    'ends with RemoteStalled when the server only does $kind',
    async (behaviour) => {
      await using server = await serve(behaviour);
      await expect(ask(server)).rejects.toMatchObject({ code: 'RemoteStalled' });
      expect(server.log.length).toBe(1);
    },
  );

  it('does not take slowness above the limit for a stall', async () => {
    await using server = await serve({ kind: 'drip', everyMs: 20 });
    const timings = { lowSpeedWindowMs: 200, lowSpeedBytesPerSecond: 5 };
    expect(await ask(server, { timings })).toEqual({ kind: 'memory', bytes: content });
  });

  it.each([{ kind: 'endless' }, { kind: 'huge', lengthBytes: 3 * megabyte }] as const)(
    'refuses a body over the limit without taking it in ($kind)',
    async (behaviour) => {
      await using server = await serve(behaviour);
      await expect(ask(server)).rejects.toMatchObject({ code: 'RemoteInvalid' });
      expect(server.log.length).toBe(1);
    },
  );

  it('does not retry what a retry cannot mend', async () => {
    await using server = await serve({ kind: 'status', status: 401 });
    await expect(ask(server)).rejects.toMatchObject({ code: 'RemoteInvalid' });
    expect(server.log.length).toBe(1);
  });

  it('refuses an encoding it did not ask for', async () => {
    await using server = await serve({ kind: 'status', status: 200, headers: { 'content-encoding': 'gzip' } });
    await expect(ask(server)).rejects.toMatchObject({ code: 'RemoteInvalid' });
  });

  it('names a server that is not there, without its password', async () => {
    const refused = await closedPort();
    const asking = ask({ url: `http://user:secret@127.0.0.1:${refused}` });
    await expect(asking).rejects.toMatchObject({
      code: 'RemoteUnreachable',
      message: `While fetching http://127.0.0.1:${refused}/objects/a: the connection was refused`,
    });
  });

  it('waits for Retry-After no longer than its bound', async () => {
    await using server = await serve({ kind: 'status', status: 503, headers: { 'retry-after': '86400' } }, 1);
    expect(await ask(server)).toEqual({ kind: 'memory', bytes: content });
  });
});

describe('a redirect', () => {
  it('is followed', async () => {
    await using server = await serve({ kind: 'redirect', to: '/large' }, 1);
    expect((await ask(server, { limits: { maxBytes: 4 * megabyte } }))?.kind).toBe('memory');
    expect(server.log.map(({ path }) => path)).toEqual(['/objects/a', '/large', '/large']);
  });

  it('that leads in a circle is refused', async () => {
    await using server = await serve({ kind: 'redirect', to: '/objects/a' });
    await expect(ask(server)).rejects.toMatchObject({ code: 'RemoteInvalid' });
    expect(server.log.length).toBe(6);
  });

  it.each(['file:///etc/passwd', 'ftp://127.0.0.1/x', 'http://'])('to %s is refused', async (to) => {
    await using server = await serve({ kind: 'redirect', to });
    await expect(ask(server)).rejects.toMatchObject({ code: 'RemoteInvalid' });
  });

  it('to another server does not take the password along', async () => {
    await using other = await serve();
    await using server = await serve({ kind: 'redirect', to: `${other.url}/objects/a` });
    await ask({ url: server.url.replace('//', '//user:secret@') });
    expect(server.log[0]?.authorization).toBe(`Basic ${Buffer.from('user:secret').toString('base64')}`);
    expect(other.log[0]?.authorization).toBeUndefined();
  });
});

describe('cancelling', () => {
  it.each([{ kind: 'silent' }, { kind: 'stall' }, { kind: 'endless' }] as const)(
    'ends a fetch at once while the server does $kind',
    async (behaviour) => {
      await using server = await serve(behaviour);
      const controller = new AbortController();
      const job = createJob({ signal: controller.signal });
      const limits = { maxBytes: Number.MAX_SAFE_INTEGER, spoolDir: Dir.open('/dev/shm') };
      const asking = ask(server, { job, limits, timings: { lowSpeedWindowMs: 60_000 } });
      setTimeout(() => controller.abort(), 50);
      await expect(asking).rejects.toMatchObject({ code: 'Cancelled' });
      limits.spoolDir[Symbol.dispose]();
    },
  );

  it('ends the pause between two attempts', async () => {
    await using server = await serve({ kind: 'status', status: 503 });
    const controller = new AbortController();
    const asking = ask(server, {
      job: createJob({ signal: controller.signal }),
      timings: { backoffBaseMs: 60_000, backoffMaxMs: 60_000 },
    });
    setTimeout(() => controller.abort(), 100);
    await expect(asking).rejects.toMatchObject({ code: 'Cancelled' });
  });
});

describe('a proxy', () => {
  it('is asked instead of the server', async () => {
    await using server = await serve();
    const asked: string[] = [];
    const proxy = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end('from the proxy');
    });
    await new Promise<void>((resolve) => {
      proxy.listen(0, '127.0.0.1', resolve);
    });
    const { port } = proxy.address() as AddressInfo;
    const body = await ask(server, { remote: { proxy: `http://127.0.0.1:${port}` } });
    proxy.close();
    expect(body).toEqual({ kind: 'memory', bytes: Buffer.from('from the proxy') });
    expect(asked).toEqual([`${server.url}/objects/a`]);
    expect(server.log).toEqual([]);
  });

  it('of a kind it does not know is refused by name', async () => {
    const asking = ask({ url: 'http://127.0.0.1:1' }, { remote: { proxy: 'socks5://127.0.0.1' } });
    await expect(asking).rejects.toMatchObject({ code: 'NotSupported', facts: { key: 'proxy' } });
  });
});

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}
