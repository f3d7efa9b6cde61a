// hot
/**
 * Loads and stores of words that other threads or processes write or read, ordered as C's acquire and release.
 *
 * x86-64 keeps loads in order with loads and stores with stores, so a plain access of a typed array is both there; V8
 * leaves such accesses where they are written. `Atomics.load` and `store` are sequentially consistent, which nothing here
 * needs, and V8 (Node 20 to 26) calls a builtin for them: 8 and 11 ns each instead of less than one, a tenth of a sender's
 * time. Other processors order less: there it is Atomics.
 *
 * `test/unit/memory-ordered.test.ts` spins on such a load and looks for stores that overtake each other.
 */
const HAS_TOTAL_STORE_ORDER = process.arch === 'x64';

/** Loads a word; what its writer stored before it stored the word is visible afterwards. */
export function loadAcquire(i32: Int32Array, index: number): number {
  return HAS_TOTAL_STORE_ORDER ? i32[index]! : Atomics.load(i32, index);
}

/** Stores a word; whoever sees it sees everything that was stored before. */
export function storeRelease(i32: Int32Array, index: number, value: number): void {
  if (HAS_TOTAL_STORE_ORDER) i32[index] = value;
  else Atomics.store(i32, index, value);
}
