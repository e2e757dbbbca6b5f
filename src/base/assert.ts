/** Thrown when an invariant of our own code is broken; never caused by input. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Guarantees `condition` afterwards; throws {@link AssertionError} naming the broken invariant otherwise. */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (condition !== true && !condition) throw new AssertionError(`broken invariant: ${invariant}`);
}

/** Returns `value` if it is neither null nor undefined; a broken invariant otherwise. */
export function defined<T>(value: T | null | undefined, invariant: string): T {
  if (value === null || value === undefined) throw new AssertionError(`broken invariant: ${invariant}`);
  return value;
}

/** Marks a branch the type system proves impossible. */
export function unreachable(value: never): never {
  throw new AssertionError(`broken invariant: unreachable value ${JSON.stringify(value)}`);
}
