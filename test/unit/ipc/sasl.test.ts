import { describe, expect, it } from 'vitest';
import { SaslServer } from '../../../src/ipc/sasl.ts';

const guid = '0123456789abcdef0123456789abcdef';
const talk = (uid: number, ...packets: readonly string[]): { replies: string[]; state: string; rest: string } => {
  const server = new SaslServer(uid, guid);
  const steps = packets.map((packet) => server.feed(Buffer.from(packet, 'latin1')));
  const last = steps.at(-1);
  return {
    replies: steps.map((step) => step.reply),
    state: last?.state ?? '',
    rest: last?.rest.toString('latin1') ?? '',
  };
};

describe('the handshake', () => {
  it('serves GDBus, which asks for the mechanisms first', () => {
    const packets = ['\0', 'AUTH\r\n', 'AUTH EXTERNAL 30\r\n', 'NEGOTIATE_UNIX_FD\r\n', 'BEGIN\r\n'];
    expect(talk(0, ...packets)).toEqual({
      replies: ['', 'REJECTED EXTERNAL\r\n', `OK ${guid}\r\n`, 'ERROR\r\n', ''],
      state: 'begun',
      rest: '',
    });
  });

  it('serves sd-bus, which sends all in one packet and the first message behind it', () => {
    const packet = '\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\nl\x01message';
    expect(talk(1000, packet)).toEqual({
      replies: [`DATA\r\nOK ${guid}\r\nERROR\r\n`],
      state: 'begun',
      rest: 'l\x01message',
    });
  });

  it('serves libdbus, which sends its uid in hex', () => {
    expect(talk(1000, '\0AUTH EXTERNAL 31303030\r\n', 'BEGIN\r\n').state).toBe('begun');
  });

  it('serves a client that sends byte by byte', () => {
    expect(talk(0, ...'\0AUTH EXTERNAL 30\r\nBEGIN\r\n'.split('')).state).toBe('begun');
  });

  it('refuses who claims to be another user', () => {
    expect(talk(1000, '\0AUTH EXTERNAL 30\r\n').replies).toEqual(['REJECTED EXTERNAL\r\n']);
    expect(talk(1000, '\0AUTH EXTERNAL\r\nDATA 30\r\n').replies).toEqual(['DATA\r\nREJECTED EXTERNAL\r\n']);
  });

  it('refuses to begin without authentication', () => {
    expect(talk(0, '\0BEGIN\r\n').state).toBe('failed');
    expect(talk(0, '\0AUTH EXTERNAL\r\nBEGIN\r\n').state).toBe('failed');
    expect(talk(0, '\0AUTH EXTERNAL 30\r\nCANCEL\r\nBEGIN\r\n').state).toBe('failed');
  });

  it('offers no other mechanism', () => {
    expect(talk(0, '\0AUTH ANONYMOUS\r\n').replies).toEqual(['REJECTED EXTERNAL\r\n']);
    expect(talk(0, '\0AUTH DBUS_COOKIE_SHA1 30\r\n').replies).toEqual(['REJECTED EXTERNAL\r\n']);
  });

  it('gives up on what is not D-Bus and on endless lines', () => {
    expect(talk(0, 'GET / HTTP/1.0\r\n').state).toBe('failed');
    expect(talk(0, `\0${'A'.repeat(5000)}`).state).toBe('failed');
  });

  it('gives up on who talks without end, each line of whom would have a reply', () => {
    const { replies, state } = talk(0, `\0${'NEGOTIATE_UNIX_FD\r\n'.repeat(2000)}`);
    expect(state).toBe('failed');
    expect(replies.join('').length).toBeLessThan(1000);
  });
});
