import {
  basePath,
  propertyDict,
  sameWireValue,
  type ObjectTree,
  type OutgoingMessage,
  type ServedInterface,
  type WireDict,
  type WireValue,
} from '../ipc/index.ts';

const objectManager = 'org.freedesktop.DBus.ObjectManager';
const propertiesInterface = 'org.freedesktop.DBus.Properties';

/**
 * Keeps a tree and its watchers in step with what is to be published: objects that come and go are told through the
 * ObjectManager, properties that changed through PropertiesChanged with their values, all of one change in one go.
 */
export class PublishedObjects {
  readonly #tree: ObjectTree;
  readonly #broadcast: (signal: OutgoingMessage) => void;
  readonly #known = new Map<string, ReadonlyMap<string, WireDict>>();

  constructor(tree: ObjectTree, broadcast: (signal: OutgoingMessage) => void) {
    this.#tree = tree;
    this.#broadcast = broadcast;
  }

  /** Publishes these objects, and tells what differs from the last time. */
  sync(objects: ReadonlyMap<string, readonly ServedInterface[]>): void {
    for (const path of this.#known.keys()) if (!objects.has(path)) this.#remove(path);
    for (const [path, interfaces] of objects) {
      const before = this.#known.get(path);
      const now = new Map(interfaces.map((one) => [one.contract.name, propertyDict(one)]));
      this.#tree.set(path, interfaces);
      this.#known.set(path, now);
      if (before === undefined) this.#send(objectManager, 'InterfacesAdded', 'oa{sa{sv}}', [path, now]);
      else this.#tellChanges(path, before, now);
    }
  }

  /** Tells which interfaces go with the object. */
  #remove(path: string): void {
    const interfaces = [...(this.#known.get(path)?.keys() ?? [])];
    this.#known.delete(path);
    this.#tree.delete(path);
    this.#send(objectManager, 'InterfacesRemoved', 'oas', [path, interfaces]);
  }

  /** One signal per interface with what differs; never a name without its value. */
  #tellChanges(path: string, before: ReadonlyMap<string, WireDict>, now: ReadonlyMap<string, WireDict>): void {
    for (const [name, dict] of now) {
      const old = before.get(name);
      const changed = [...dict].filter(([key, value]) => {
        const previous = old?.get(key);
        return previous === undefined || !sameWireValue(previous, value);
      });
      if (changed.length === 0) continue;
      const body = [name, new Map(changed), []];
      const header = { kind: 'signal', path, interface: propertiesInterface, member: 'PropertiesChanged' } as const;
      this.#broadcast({ ...header, signature: 'sa{sv}as', body });
    }
  }

  #send(interfaceName: string, member: string, signature: string, body: readonly WireValue[]): void {
    this.#broadcast({ kind: 'signal', path: basePath, interface: interfaceName, member, signature, body });
  }
}
