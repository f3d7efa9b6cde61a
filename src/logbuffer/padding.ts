// hot
import { DATA_TERM_ID, DATA_TERM_OFFSET } from '../protocol/data-frame.ts';
import { HEADER_LENGTH, TYPE_PAD } from '../protocol/frame.ts';
import { LOG_DEFAULT_FRAME_HEADER, partitionIndexByTerm } from './descriptor.ts';
import type { LogBuffers } from './log-buffers.ts';

/** Covers `length` bytes of a term with one padding frame. Its length is stored last: pairs with the readers' loads. */
export function writePadding(log: LogBuffers, termId: number, termOffset: number, length: number): void {
  const i32 = log.region.i32;
  const header = (log.metadata + LOG_DEFAULT_FRAME_HEADER) >>> 2;
  const frame = frameIndex(log, termId, termOffset);
  for (let i = 1; i < HEADER_LENGTH >> 2; i++) i32[frame + i] = i32[header + i]!;
  i32[frame + 1] = (i32[header + 1]! & 0xffff) | (TYPE_PAD << 16);
  i32[frame + (DATA_TERM_OFFSET >> 2)] = termOffset;
  i32[frame + (DATA_TERM_ID >> 2)] = termId;
  Atomics.store(i32, frame, length);
}

/** Index in `region.i32` of the frame at `termOffset` of a term. */
export function frameIndex(log: LogBuffers, termId: number, termOffset: number): number {
  const partitionIndex = partitionIndexByTerm(log.initialTermId, termId);
  return (log.termStart(partitionIndex) >>> 2) + (termOffset >> 2);
}

/** Whether no frame starts in `[from, to)`, looking from the end: a frame that arrives meanwhile is seen. */
export function isEmpty(i32: Int32Array, termIndex: number, from: number, to: number): boolean {
  for (let offset = to - 32; offset >= from; offset -= 32) {
    if (Atomics.load(i32, termIndex + (offset >> 2)) !== 0) return false;
  }
  return true;
}
