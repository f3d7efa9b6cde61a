// hot
import { PARTITION_COUNT, termCountOf, termOffsetOf } from './descriptor.ts';
import type { LogBuffers } from './log-buffers.ts';
import { frameIndex, isEmpty, writePadding } from './padding.ts';
import { rotateLog } from './rotate-log.ts';

/**
 * Lets a concurrent publication go on after a publisher died between claiming space and committing it, or between filling
 * a term and rotating to the next. `blockedPosition` is where consumers have been waiting. Returns whether it did anything.
 */
export function unblock(log: LogBuffers, blockedPosition: number): boolean {
  const blockedTermCount = termCountOf(blockedPosition, log.bits);
  const blockedOffset = termOffsetOf(blockedPosition, log.termLength);
  const activeTermCount = log.activeTermCount();
  if (activeTermCount === blockedTermCount - 1 && blockedOffset === 0) {
    rotateLog(log, activeTermCount, log.rawTailTermId(activeTermCount % PARTITION_COUNT));
    return true;
  }

  const partitionIndex = blockedTermCount % PARTITION_COUNT;
  const termId = log.rawTailTermId(partitionIndex);
  if (termId !== ((log.initialTermId + blockedTermCount) | 0)) return false;
  const i32 = log.region.i32;
  const term = frameIndex(log, termId, 0);
  const frameLength = Atomics.load(i32, term + (blockedOffset >> 2));
  if (frameLength > 0) return false;
  if (frameLength < 0) {
    writePadding(log, termId, blockedOffset, -frameLength);
    return true;
  }

  const tailOffset = log.rawTailOffset(partitionIndex);
  let end = blockedOffset;
  while (end < tailOffset && Atomics.load(i32, term + (end >> 2)) === 0) end += 32;
  // A hole that ends where the tail is may still be being claimed, unless it is the end of the term.
  const isToEnd = end === log.termLength;
  if (end === blockedOffset || (end >= tailOffset && !isToEnd)) return false;
  if (!isEmpty(i32, term, blockedOffset, end)) return false;
  writePadding(log, termId, blockedOffset, end - blockedOffset);
  if (isToEnd) rotateLog(log, blockedTermCount, termId);
  return true;
}
