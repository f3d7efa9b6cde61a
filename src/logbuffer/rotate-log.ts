import { PARTITION_COUNT } from './descriptor.ts';
import type { LogBuffers } from './log-buffers.ts';

/**
 * Makes the next term the active one, unless somebody else already did. Publishers in other processes do the same at the
 * same time, so both words are exchanged atomically. Returns whether this call moved the active term count.
 * Once per term, therefore BigInt.
 */
export function rotateLog(log: LogBuffers, termCount: number, termId: number): boolean {
  const { i32, b64 } = log.region;
  const nextTermId = (termId + 1) | 0;
  const nextTermCount = termCount + 1;
  const staleTermId = (nextTermId - PARTITION_COUNT) | 0;
  const tail = log.rawTailIndex(nextTermCount % PARTITION_COUNT) >>> 1;
  const nextTail = BigInt(nextTermId) << 32n;
  for (;;) {
    const rawTail = Atomics.load(b64, tail);
    if (Number(rawTail >> 32n) !== staleTermId) break;
    if (Atomics.compareExchange(b64, tail, rawTail, nextTail) === rawTail) break;
  }
  return Atomics.compareExchange(i32, log.activeTermCountIndex, termCount, nextTermCount) === termCount;
}
