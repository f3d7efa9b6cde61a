// hot
import { loadAcquire, storeRelease } from './ordered.ts';

/**
 * 64-bit words as doubles, without garbage. Exact to 2^53: a stream that passes 2^53 bytes (9 PB, 26 days at
 * 32 Gbit/s) before its term ids run out is beyond what this project supports.
 *
 * A word at byte offset `o` is `i32[o >> 2]` (low) and `i32[(o >> 2) + 1]` (high); `index` is `o >> 2` and even.
 *
 * The bodies are kept short, 2^32 written out, because V8 allocates a double that goes into or comes out of a function it
 * did not inline: a function of up to 27 bytes of bytecode is always inlined, a larger one while its caller's budget lasts.
 */

/** Reads a word that only this thread writes. */
export function getPosition(i32: Int32Array, index: number): number {
  return i32[index + 1]! * 4294967296 + (i32[index]! >>> 0);
}

/**
 * Reads a word that another thread or process writes, with acquire. The high half is read before and after the low one;
 * they differ only while the writer passes a multiple of 4 GiB. Pairs with {@link setPositionRelease}.
 */
export function getPositionVolatile(i32: Int32Array, index: number): number {
  for (;;) {
    const high = loadAcquire(i32, index + 1);
    const low = loadAcquire(i32, index);
    if (i32[index + 1] === high) return high * 4294967296 + (low >>> 0);
  }
}

/**
 * Publishes a word that only this thread writes. Never two stores that a reader could see half done: the low half alone
 * while the high half stays, otherwise one 8-byte store.
 */
export function setPositionRelease(i32: Int32Array, b64: BigInt64Array, index: number, value: number): void {
  if (i32[index + 1] === Math.floor(value / 4294967296)) {
    storeRelease(i32, index, value | 0); // a bitwise operator sees a double modulo 2^32
  } else {
    storeBothHalves(b64, index, value);
  }
}

/** Cold: once in 4 GiB. */
function storeBothHalves(b64: BigInt64Array, index: number, value: number): void {
  Atomics.store(b64, index >> 1, BigInt(value));
}
