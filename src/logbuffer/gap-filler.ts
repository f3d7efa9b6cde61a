// hot
import type { LogBuffers } from './log-buffers.ts';
import { frameIndex, isEmpty, writePadding } from './padding.ts';

/**
 * Fills a gap that nobody will send again with a padding frame. Returns false, and does nothing, when data arrived in it.
 * `length` is a multiple of 32.
 */
export function fillGap(log: LogBuffers, termId: number, termOffset: number, length: number): boolean {
  const term = frameIndex(log, termId, 0);
  if (!isEmpty(log.region.i32, term, termOffset, termOffset + length)) return false;
  writePadding(log, termId, termOffset, length);
  return true;
}
