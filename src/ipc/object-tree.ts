import { AssertionError, AtomicError, messageOf } from '../base/index.ts';
import { signatureOf, type InterfaceContract, type MethodContract } from './contract-types.ts';
import { renderNode } from './introspection.ts';
import type { Connection } from './connection.ts';
import type { WireMessage } from './message.ts';
import { introspectable, objectManager, peer, properties } from './standard-interfaces.ts';
import { wireVariant, type WireDict, type WireValue } from './values.ts';
import { standardFailure, toWireFailure, type WireFailure } from './wire-errors.ts';

/** Who calls. */
export interface Caller {
  readonly connection: Connection;
  /** The unique name on the bus; undefined on a peer connection. */
  readonly sender: string | undefined;
  /** The user behind the call, from the bus or the kernel. */
  readonly uid: () => Promise<number>;
}

/** A call that fits the contract. */
export interface Invocation {
  readonly caller: Caller;
  readonly path: string;
  readonly interface: string;
  readonly method: MethodContract;
  readonly args: readonly WireValue[];
}

/** An interface of an object: its contract, the values of all its properties now, and what does its methods. */
export interface ServedInterface {
  readonly contract: InterfaceContract;
  readonly properties: () => ReadonlyMap<string, WireValue>;
  readonly invoke: (invocation: Invocation) => Promise<readonly WireValue[]>;
}

/** What decides about calls before they are made; throws `NotAuthorized` to refuse. */
export type Authorize = (invocation: Invocation) => Promise<void>;

/** How a tree is served: the ObjectManager's path, who may call what, the machine's id for `Peer.GetMachineId`. */
export interface ObjectTreeOptions {
  readonly managerPath?: string;
  readonly authorize?: Authorize;
  /** Runs before each call is answered, so that what it reads is as new as the call. Must not throw. */
  readonly prepare?: () => void;
  readonly machineId?: () => string | undefined;
}

type Answer = { readonly signature: string; readonly body: readonly WireValue[] } | WireFailure;

/**
 * The objects a connection serves, and the only dispatcher of the product: checks path, interface, member and signature
 * against the contract, asks `authorize`, calls, and turns whatever is thrown into a named error without a stack. Standard
 * interfaces (Introspectable, Properties, Peer, ObjectManager) are answered here.
 */
export class ObjectTree {
  readonly #objects = new Map<string, readonly ServedInterface[]>();
  readonly #options: ObjectTreeOptions;
  readonly #calls = new Set<Promise<void>>();

  constructor(options: ObjectTreeOptions = {}) {
    this.#options = options;
  }

  /** Resolves when every call that arrived was answered. */
  async drain(): Promise<void> {
    while (this.#calls.size > 0) await Promise.all(this.#calls);
  }

  /** The paths that are served, sorted. */
  get paths(): readonly string[] {
    return [...this.#objects.keys()].toSorted();
  }

  /** Serves an object afterwards; one already there is replaced. */
  set(path: string, interfaces: readonly ServedInterface[]): void {
    this.#objects.set(path, interfaces);
  }

  /** Does not serve the object afterwards. */
  delete(path: string): void {
    this.#objects.delete(path);
  }

  /** The interfaces of an object with their properties, as ObjectManager tells them. */
  describe(path: string): ReadonlyMap<string, WireDict> {
    const interfaces = this.#objects.get(path) ?? [];
    return new Map(interfaces.map((one) => [one.contract.name, propertyDict(one)]));
  }

  /** Answers every method call that arrives on a connection, for as long as it lives. */
  serve(connection: Connection, callerOf: (message: WireMessage) => Caller): void {
    connection.onCall((message) => {
      const call = this.#reply(message, callerOf(message));
      this.#calls.add(call);
      void call.finally(() => this.#calls.delete(call));
    });
  }

  /** Answers on the caller's connection, unless it wants no answer. */
  async #reply(message: WireMessage, caller: Caller): Promise<void> {
    const answer = await this.dispatch(message, caller);
    if (message.noReply === true) return;
    const header = { destination: message.sender, replySerial: message.serial };
    try {
      if ('name' in answer) {
        caller.connection.send({
          ...header,
          kind: 'error',
          errorName: answer.name,
          signature: 's',
          body: [answer.text],
        });
      } else caller.connection.send({ ...header, kind: 'return', signature: answer.signature, body: answer.body });
    } catch (error) {
      // A reply that does not fit its contract is our mistake, but the caller must not wait for it.
      const { name, text } = toWireFailure(error);
      caller.connection.send({ ...header, kind: 'error', errorName: name, signature: 's', body: [text] });
    }
  }

  /** What to answer to a call. Never throws. */
  async dispatch(message: WireMessage, caller: Caller): Promise<Answer> {
    try {
      return await this.#dispatch(message, caller);
    } catch (error) {
      if (error instanceof AssertionError) return toWireFailure(new AtomicError('Failed', messageOf(error)));
      return toWireFailure(error);
    }
  }

  /** Path, interface, member, signature, permission, call: in this order, each with its own error. */
  async #dispatch(message: WireMessage, caller: Caller): Promise<Answer> {
    this.#options.prepare?.();
    if (caller.sender === undefined && message.interface === 'org.freedesktop.DBus') return greet(message);
    const path = message.path ?? '/';
    const standard = this.#standardInterfaces(path);
    if (standard === undefined) return standardFailure('UnknownObject', `No such object path “${path}”`);
    const served = this.#objects.get(path) ?? [];
    const contracts = [...served.map((one) => one.contract), ...standard];
    const candidates = contracts.filter((one) => message.interface === undefined || one.name === message.interface);
    if (candidates.length === 0) {
      return standardFailure(
        'UnknownInterface',
        `No such interface “${message.interface ?? ''}” on object at path ${path}`,
      );
    }
    const found = candidates.find((one) => one.methods.some((method) => method.name === message.member));
    const method = found?.methods.find((one) => one.name === message.member);
    if (found === undefined || method === undefined) {
      return standardFailure('UnknownMethod', `No such method “${message.member ?? ''}”`);
    }
    const expected = signatureOf(method.in);
    if (message.signature !== expected) {
      const text = `Type of message, “(${message.signature})”, does not match expected type “(${expected})”`;
      return standardFailure('InvalidArgs', text);
    }
    const owner = served.find((one) => one.contract === found);
    if (owner === undefined) return this.#answerStandard(path, method, message.body);
    const invocation = { caller, path, interface: found.name, method, args: message.body };
    await this.#options.authorize?.(invocation);
    return { signature: signatureOf(method.out), body: await owner.invoke(invocation) };
  }

  /** The standard interfaces of a path; undefined if there is neither an object nor one below it. */
  #standardInterfaces(path: string): readonly InterfaceContract[] | undefined {
    const isManager = path === this.#options.managerPath;
    if (isManager) return [objectManager, properties, introspectable, peer];
    if (this.#objects.has(path)) return [properties, introspectable, peer];
    return this.#children(path).length > 0 ? [introspectable, peer] : undefined;
  }

  /** The next path segments below `path`. */
  #children(path: string): readonly string[] {
    const prefix = path === '/' ? '/' : `${path}/`;
    const manager = this.#options.managerPath;
    const all = manager === undefined ? this.paths : [...this.paths, manager];
    const below = all.filter((one) => one.startsWith(prefix) && one !== path);
    return [...new Set(below.map((one) => one.slice(prefix.length).split('/')[0] ?? ''))].toSorted();
  }

  /** Methods of the standard interfaces; their names are unique among them. */
  #answerStandard(path: string, method: MethodContract, args: readonly WireValue[]): Answer {
    switch (method.name) {
      case 'Introspect': {
        const own = (this.#objects.get(path) ?? []).map((one) => one.contract);
        const xml = renderNode([...own, ...(this.#standardInterfaces(path) ?? [])], this.#children(path));
        return { signature: 's', body: [xml] };
      }
      case 'GetManagedObjects':
        return { signature: signatureOf(method.out), body: [this.#managedObjects()] };
      case 'Ping':
        return { signature: '', body: [] };
      case 'GetMachineId': {
        const id = this.#options.machineId?.();
        return id === undefined
          ? toWireFailure(new AtomicError('NotFound', 'This machine has no machine id'))
          : { signature: 's', body: [id] };
      }
      default:
        return this.#answerProperties(path, method.name, args);
    }
  }

  /** Every object below the manager's path with all properties. */
  #managedObjects(): WireValue {
    const below = this.paths.filter((path) => path.startsWith(`${this.#options.managerPath ?? ''}/`));
    return new Map<string, WireValue>(below.map((path) => [path, new Map<string, WireValue>(this.describe(path))]));
  }

  /** Get, GetAll and Set; every property there is is read-only. */
  #answerProperties(path: string, member: string, args: readonly WireValue[]): Answer {
    const [interfaceName = '', propertyName = ''] = args.map(String);
    const served = this.#objects.get(path) ?? [];
    const one = served.find((candidate) => candidate.contract.name === interfaceName);
    const known =
      one?.contract ?? this.#standardInterfaces(path)?.find((candidate) => candidate.name === interfaceName);
    if (known === undefined) return standardFailure('UnknownInterface', `No such interface “${interfaceName}”`);
    if (member === 'GetAll') return { signature: 'a{sv}', body: [one === undefined ? new Map() : propertyDict(one)] };
    const property = known.properties.find((candidate) => candidate.name === propertyName);
    if (property === undefined) return standardFailure('UnknownProperty', `No such property “${propertyName}”`);
    if (member === 'Set') {
      return standardFailure('PropertyReadOnly', `Property “${propertyName}” is not writable`);
    }
    const value = one?.properties().get(property.name);
    if (value === undefined) return standardFailure('UnknownProperty', `Property “${propertyName}” has no value`);
    return { signature: 'v', body: [wireVariant(property.type, value)] };
  }
}

/** The properties of an interface as `a{sv}`, typed by its contract. */
export function propertyDict(one: ServedInterface): WireDict {
  const values = one.properties();
  const dict = new Map<string, ReturnType<typeof wireVariant>>();
  for (const { name, type } of one.contract.properties) {
    const value = values.get(name);
    if (value !== undefined) dict.set(name, wireVariant(type, value));
  }
  return dict;
}

/**
 * Hello and match rules are a matter of buses; clients that only know buses send them to peers all the same, and work when
 * they are answered.
 */
function greet({ member = '' }: WireMessage): Answer {
  if (member === 'Hello') return { signature: 's', body: [':1.0'] };
  if (member === 'AddMatch' || member === 'RemoveMatch') return { signature: '', body: [] };
  return standardFailure('UnknownMethod', `No such method “${member}”`);
}
