import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  decodeMessage,
  encodeMessage,
  ObjectTree,
  openConnection,
  PeerServer,
  type Connection,
  type Peer,
  type WireValue,
} from '../../../src/ipc/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const contract = {
  name: 'a.b',
  methods: [
    { name: 'Echo', in: [{ name: 'value', type: 'v' }], out: [{ name: 'value', type: 'v' }] },
    { name: 'Never', in: [], out: [] },
    { name: 'Broken', in: [], out: [{ name: 'number', type: 'u' }] },
    { name: 'Throws', in: [], out: [] },
  ],
  signals: [],
  properties: [{ name: 'Gone', type: 's' }],
};

/** A peer server with one object, and what connected to it. */
async function serve(): Promise<{ server: PeerServer; peers: Peer[]; path: string }> {
  const path = join(makeTempDir(), 'socket');
  const peers: Peer[] = [];
  const tree = new ObjectTree();
  tree.set('/', [
    {
      contract,
      properties: () => new Map(),
      invoke: async ({ method, args }): Promise<readonly WireValue[]> => {
        if (method.name === 'Never') await new Promise(() => undefined);
        if (method.name === 'Throws') throw new TypeError('secret is not a function');
        return method.name === 'Broken' ? ['no number'] : args;
      },
    },
  ]);
  const server = await PeerServer.listen({
    path,
    access: 'owner',
    onPeer: (peer) => {
      peers.push(peer);
      const uid = async (): Promise<number> => await Promise.resolve(peer.uid);
      tree.serve(peer.connection, () => ({ connection: peer.connection, sender: undefined, uid }));
    },
  });
  onTestFinished(() => {
    server.stopListening();
    server.cut();
  });
  return { server, peers, path };
}

const call = (member: string, value?: WireValue) => ({
  path: '/',
  interface: 'a.b',
  member,
  ...(value === undefined ? {} : { signature: 'v', body: [value] }),
});

const dial = async (server: PeerServer): Promise<Connection> => {
  const connection = await openConnection(server.address);
  onTestFinished(async () => await connection.close());
  return connection;
};

describe('a connection', () => {
  it('matches replies to calls made at once', async () => {
    const connection = await dial((await serve()).server);
    const values = Array.from({ length: 200 }, (_, value) => ({ type: 'u', value }));
    const replies = await Promise.all(values.map(async (value) => await connection.call(call('Echo', value))));
    expect(replies).toEqual(values.map((value) => [value]));
  });

  it('carries a message larger than a socket buffer in both directions', async () => {
    const connection = await dial((await serve()).server);
    const value = { type: 'as', value: Array.from({ length: 20_000 }, (_, index) => `string ${index}`) };
    expect(await connection.call(call('Echo', value))).toEqual([value]);
  });

  it('tells the peer by the kernel, not by what it says', async () => {
    const { server, peers } = await serve();
    await dial(server);
    await expect.poll(() => peers.length).toBe(1);
    expect(peers[0]).toMatchObject({ uid: process.getuid?.(), pid: process.pid });
  });

  it('ends each call: after its time, when told to stop, when the other side goes', async () => {
    const { server } = await serve();
    const connection = await dial(server);
    await expect(connection.call(call('Never'), { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'Timeout',
      message: 'No answer to a.b.Never within 0.02 s',
    });
    const stop = AbortSignal.timeout(20);
    await expect(connection.call(call('Never'), { signal: stop })).rejects.toMatchObject({ code: 'Cancelled' });
    const pending = connection.call(call('Never'));
    setTimeout(() => server.cut(), 20);
    await expect(pending).rejects.toMatchObject({ code: 'AgentUnavailable' });
    await expect(connection.call(call('Echo'))).rejects.toMatchObject({ code: 'AgentUnavailable' });
  });

  it('answers a reply that breaks the contract and an unexpected error without a stack', async () => {
    const connection = await dial((await serve()).server);
    await expect(connection.call(call('Broken'))).rejects.toMatchObject({
      message: 'Cannot send a D-Bus value of type "u": got a string',
    });
    await expect(connection.call(call('Throws'))).rejects.toMatchObject({
      code: 'Failed',
      message: 'secret is not a function',
      hint: undefined,
    });
  });

  it('is cut when it sends more than a request may be', async () => {
    const { path, server } = await serve();
    const other = await dial(server);
    const socket = connect(path);
    const header = Buffer.from('6c01000100000040010000000000000000', 'hex').subarray(0, 16);
    socket.write(Buffer.concat([Buffer.from('\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n', 'latin1'), header]));
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(await other.call(call('Echo', { type: 's', value: 'alive' }))).toHaveLength(1);
  });

  it('that nobody listens for is refused by its address', async () => {
    await expect(openConnection('unix:path=/nonexistent/socket')).rejects.toMatchObject({
      code: 'AgentUnavailable',
      message: expect.stringContaining('Could not connect to unix:path=/nonexistent/socket') as string,
    });
  });
});

describe('messages of other libraries', () => {
  const made = (script: string): Buffer =>
    execFileSync('/usr/bin/python3', ['-c', `from gi.repository import Gio, GLib\nimport sys\n${script}`]);

  it('in big-endian are read', () => {
    const bytes = made(`
m = Gio.DBusMessage.new_method_call('x.y', '/a', 'a.b', 'Do')
m.set_byte_order(Gio.DBusMessageByteOrder.BIG_ENDIAN)
m.set_serial(9)
m.set_body(GLib.Variant('(a{sv}xnd)', ({'k': GLib.Variant('t', 1 << 40)}, -(1 << 63), -2, 0.5)))
sys.stdout.buffer.write(m.to_blob(0))`);
    expect(bytes[0]).toBe(0x42);
    expect(decodeMessage(bytes)).toMatchObject({
      serial: 9,
      path: '/a',
      body: [new Map([['k', { type: 't', value: 1n << 40n }]]), -(1n << 63n), -2, 0.5],
    });
  });

  it('with an empty signature field and unknown flags are read', () => {
    const bytes = made(`
m = Gio.DBusMessage.new_method_call(None, '/', 'a.b', 'Start')
m.set_serial(1)
m.set_flags(Gio.DBusMessageFlags.ALLOW_INTERACTIVE_AUTHORIZATION)
m.set_header(Gio.DBusMessageHeaderField.SIGNATURE, GLib.Variant('g', ''))
sys.stdout.buffer.write(m.to_blob(0))`);
    expect(decodeMessage(bytes)).toMatchObject({ member: 'Start', signature: '', body: [], noReply: false });
  });

  it('are read from what we write, fields and all', () => {
    const bytes = encodeMessage({
      kind: 'error',
      serial: 3,
      errorName: 'a.b.C',
      replySerial: 2,
      destination: ':1.1',
      signature: 's',
      body: ['text'],
    });
    const script = `
m = Gio.DBusMessage.new_from_blob(bytes.fromhex('${bytes.toString('hex')}'), 0)
print(m.get_error_name(), m.get_reply_serial(), m.get_destination(), m.get_body().unpack())`;
    expect(made(script).toString().trim()).toBe("a.b.C 2 :1.1 ('text',)");
  });
});
