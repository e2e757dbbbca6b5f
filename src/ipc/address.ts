import { AtomicError } from '../base/index.ts';

/** The system bus, where nothing else is said. */
export const systemBusAddress = 'unix:path=/run/dbus/system_bus_socket';

/**
 * The socket path of the first usable entry of a D-Bus address (`unix:path=…` or `unix:abstract=…`, the latter with a
 * leading zero byte as Node wants it). `InvalidArgument` if there is none: only sockets of this machine are served.
 */
export function socketPathOf(address: string): string {
  for (const entry of address.split(';')) {
    const [transport, options] = splitOnce(entry, ':');
    if (transport !== 'unix') continue;
    const values = new Map(options.split(',').map((pair) => splitOnce(pair, '=')));
    const path = values.get('path');
    if (path !== undefined && path !== '') return unescape(path);
    const name = values.get('abstract');
    if (name !== undefined && name !== '') return `\0${unescape(name)}`;
  }
  throw new AtomicError('InvalidArgument', `Unsupported D-Bus address ${JSON.stringify(address)}`, {
    hint: 'Give one of the form unix:path=/run/dbus/system_bus_socket',
  });
}

/** The D-Bus address of a socket path; every byte outside the specification's plain set is escaped. */
export function addressOf(socketPath: string): string {
  const plain = /[-0-9A-Za-z_/.\\*]/;
  const escaped = [...Buffer.from(socketPath, 'utf8')].map((byte) => {
    const character = String.fromCharCode(byte);
    return plain.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`;
  });
  return `unix:path=${escaped.join('')}`;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function unescape(text: string): string {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const hex = text[at] === '%' ? /^[0-9A-Fa-f]{2}/.exec(text.slice(at + 1))?.[0] : undefined;
    if (hex === undefined) bytes.push(...Buffer.from(text[at] ?? '', 'utf8'));
    else {
      bytes.push(Number.parseInt(hex, 16));
      at += 2;
    }
  }
  return Buffer.from(bytes).toString('utf8');
}
