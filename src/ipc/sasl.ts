/** A handshake is a handful of short lines; more than this is not a D-Bus client. */
const maxHandshakeBytes = 4096;
/** Real clients need six. Each line has a reply, which a client that never reads would let pile up. */
const maxHandshakeLines = 32;

/** What the server does after some bytes: answer, and go on, give up, or hand over the bytes after `BEGIN`. */
export interface SaslStep {
  readonly reply: string;
  readonly state: 'more' | 'failed' | 'begun';
  readonly rest: Buffer;
}

/**
 * The server's half of D-Bus authentication, EXTERNAL only: the client is who the kernel says it is. Serves clients that
 * ask for the mechanisms first (GDBus), that send everything in one packet without naming a uid (sd-bus) and that send
 * their uid in hex (libdbus). D-Bus specification: Authentication Protocol.
 */
export class SaslServer {
  readonly #uid: number;
  readonly #guid: string;
  #buffered: Buffer = Buffer.alloc(0);
  #lines = 0;
  #stage: 'nul' | 'auth' | 'data' | 'accepted' = 'nul';

  /** `uid` is the peer's, as told by the kernel; `guid` 32 hex digits naming this server. */
  constructor(uid: number, guid: string) {
    this.#uid = uid;
    this.#guid = guid;
  }

  /** Takes what arrived. After `failed` or `begun` it must not be called again. */
  feed(bytes: Buffer): SaslStep {
    this.#buffered = Buffer.concat([this.#buffered, bytes]);
    const replies: string[] = [];
    const step = (state: SaslStep['state']): SaslStep => ({ reply: replies.join(''), state, rest: this.#buffered });
    if (this.#stage === 'nul') {
      if (this.#buffered.length === 0) return step('more');
      if (this.#buffered[0] !== 0) return step('failed');
      this.#buffered = this.#buffered.subarray(1);
      this.#stage = 'auth';
    }
    for (let line = this.#takeLine(); line !== undefined; line = this.#takeLine()) {
      this.#lines += 1;
      if (this.#lines > maxHandshakeLines) return step('failed');
      if (line === 'BEGIN') return step(this.#stage === 'accepted' ? 'begun' : 'failed');
      replies.push(`${this.#answer(line)}\r\n`);
    }
    return step(this.#buffered.length > maxHandshakeBytes ? 'failed' : 'more');
  }

  /** The next complete line without its end; undefined until it is there. */
  #takeLine(): string | undefined {
    const end = this.#buffered.indexOf('\r\n');
    if (end < 0 || end > maxHandshakeBytes) return undefined;
    const line = this.#buffered.toString('latin1', 0, end);
    this.#buffered = this.#buffered.subarray(end + 2);
    return line;
  }

  /** The reply to one command. Unknown ones are answered with ERROR, as the specification wants it. */
  #answer(line: string): string {
    const [command = '', first = '', second] = line.split(' ');
    if (command === 'AUTH' && this.#stage !== 'accepted') {
      if (first !== 'EXTERNAL') return this.#reject();
      if (second !== undefined && second !== '') return this.#judge(second);
      this.#stage = 'data';
      return 'DATA';
    }
    if (command === 'DATA' && this.#stage === 'data') return this.#judge(first);
    if (command === 'CANCEL' || command === 'ERROR') return this.#reject();
    // File descriptors cannot be received through a net.Socket, so their negotiation is declined.
    return 'ERROR';
  }

  /** An empty identity means "use my credentials"; a claimed one has to be the kernel's. */
  #judge(hex: string): string {
    const claimed = Buffer.from(hex, 'hex').toString('latin1');
    if (hex !== '' && claimed !== String(this.#uid)) return this.#reject();
    this.#stage = 'accepted';
    return `OK ${this.#guid}`;
  }

  /** Says which mechanism there is, and begins anew. */
  #reject(): string {
    this.#stage = 'auth';
    return 'REJECTED EXTERNAL';
  }
}
