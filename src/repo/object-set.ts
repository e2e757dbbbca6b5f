import { assert, type Checksum } from '../base/index.ts';
import type { ObjectType } from '../format/index.ts';

/** Checksum and one byte of type. */
const keyBytes = 33;
const initialSlots = 1024;

/** Numbers of the object types as OSTree gives them; 0 marks an empty slot. */
const typeNumbers: Readonly<Record<ObjectType, number>> = {
  file: 1,
  dirtree: 2,
  dirmeta: 3,
  commit: 4,
  'tombstone-commit': 5,
  commitmeta: 6,
  'payload-link': 7,
};

/**
 * A set of objects (checksum and type) in one flat buffer: a tree of 60,000 files takes 4 MiB and no garbage. Open
 * addressing; a checksum is its own hash.
 */
export class ObjectSet {
  #table = Buffer.alloc(initialSlots * keyBytes);
  #slots = initialSlots;
  #size = 0;
  readonly #key = Buffer.alloc(keyBytes);

  get size(): number {
    return this.#size;
  }

  /** True if the object was not there before. */
  add(type: ObjectType, checksum: Checksum): boolean {
    this.#setKey(type, checksum);
    const slot = this.#find();
    if (this.#table[slot * keyBytes + 32] !== 0) return false;
    this.#key.copy(this.#table, slot * keyBytes);
    this.#size += 1;
    if (this.#size * 2 > this.#slots) this.#grow();
    return true;
  }

  has(type: ObjectType, checksum: Checksum): boolean {
    this.#setKey(type, checksum);
    return this.#table[this.#find() * keyBytes + 32] !== 0;
  }

  /** The checksums of one type, in no particular order. */
  *checksums(type: ObjectType): Generator<Checksum, void, undefined> {
    const number = typeNumbers[type];
    for (let at = 0; at < this.#table.length; at += keyBytes) {
      if (this.#table[at + 32] === number) yield this.#table.toString('hex', at, at + 32) as Checksum;
    }
  }

  #setKey(type: ObjectType, checksum: Checksum): void {
    assert(this.#key.write(checksum, 0, 32, 'hex') === 32, 'a checksum has 64 hex digits');
    this.#key[32] = typeNumbers[type];
  }

  /** The slot of the key, or the empty one where it belongs. */
  #find(): number {
    const mask = this.#slots - 1;
    let slot = (this.#key.readUInt32LE(0) ^ (this.#key[32] ?? 0)) & mask;
    for (;;) {
      const at = slot * keyBytes;
      if (this.#table[at + 32] === 0 || this.#key.compare(this.#table, at, at + keyBytes) === 0) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    const old = this.#table;
    this.#slots *= 2;
    this.#table = Buffer.alloc(this.#slots * keyBytes);
    for (let at = 0; at < old.length; at += keyBytes) {
      if (old[at + 32] === 0) continue;
      old.copy(this.#key, 0, at, at + keyBytes);
      this.#key.copy(this.#table, this.#find() * keyBytes);
    }
  }
}
