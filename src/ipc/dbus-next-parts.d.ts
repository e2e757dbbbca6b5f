/**
 * The parts of dbus-next this room takes, by deep import: the package's own types cover only its front door, which loads
 * an XML parser and the service half that we never use.
 */

declare module 'dbus-next/lib/dbus-buffer.js' {
  /** Reads D-Bus primitives at a moving position; checks neither bounds nor depth, so {@link WireReader} does. */
  class DBusBuffer {
    constructor(buffer: Buffer, startPosition: number, endian: number);
    pos: number;
    align(power: number): void;
    readInt8(): number;
    readSInt16(): number;
    readInt16(): number;
    readSInt32(): number;
    readInt32(): number;
    readDouble(): number;
    readString(length: number): string;
    readSimpleType(type: string): unknown;
  }
  export = DBusBuffer;
}

declare module 'dbus-next/lib/message.js' {
  /** A message whose body is in the marshaller's own shape: dictionaries as pairs, variants as [signature, value]. */
  interface MarshalledMessage {
    type: number;
    flags: number;
    serial: number;
    path?: string;
    interface?: string;
    member?: string;
    errorName?: string;
    replySerial?: number;
    destination?: string;
    sender?: string;
    signature?: string;
    body?: unknown[];
  }
  const message: { marshall(message: MarshalledMessage): [Buffer, unknown[]] };
  export = message;
}

declare module 'dbus-next/lib/handshake.js' {
  import type { Socket } from 'node:net';
  /** The client's half of the SASL handshake; calls back once, with an error or the server's guid. */
  function handshake(
    stream: Socket,
    options: { authMethods: readonly string[] },
    done: (error: unknown, guid?: string) => void,
  ): void;
  export = handshake;
}
