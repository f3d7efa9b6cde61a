/**
 * Read-modify-write on 64-bit words that other processes write too. These allocate a BigInt or two: cold paths only.
 * `index` is the byte offset divided by 8. Values are integers below 2^53 in magnitude.
 */

/** Replaces the word when it is `expected`. Returns whether it was. */
export function compareAndSet64(b64: BigInt64Array, index: number, expected: number, value: number): boolean {
  const old = BigInt(expected);
  return Atomics.compareExchange(b64, index, old, BigInt(value)) === old;
}

/** Adds to the word. Returns what it was before. */
export function getAndAdd64(b64: BigInt64Array, index: number, delta: number): number {
  return Number(Atomics.add(b64, index, BigInt(delta)));
}
