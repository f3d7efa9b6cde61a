// hot
import { compareAndSetHalves } from '../memory/bytes.ts';
import { loadAcquire } from '../memory/ordered.ts';
import { PARTITION_COUNT } from './descriptor.ts';
import type { LogBuffers } from './log-buffers.ts';

/**
 * Makes the next term the active one, unless somebody else already did. Publishers in other processes do the same at the
 * same time, so both words are exchanged atomically. Returns whether this call moved the active term count.
 */
export function rotateLog(log: LogBuffers, termCount: number, termId: number): boolean {
  const { region } = log;
  const { i32 } = region;
  const nextTermId = (termId + 1) | 0;
  const nextTermCount = termCount + 1;
  const staleTermId = (nextTermId - PARTITION_COUNT) | 0;
  const tail = log.rawTailIndex(nextTermCount % PARTITION_COUNT);
  while (loadAcquire(i32, tail + 1) === staleTermId) {
    if (compareAndSetHalves(region, tail * 4, loadAcquire(i32, tail), staleTermId, 0, nextTermId)) break;
  }
  return Atomics.compareExchange(i32, log.activeTermCountIndex, termCount, nextTermCount) === termCount;
}
