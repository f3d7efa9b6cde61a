import { PARTITION_COUNT } from '../logbuffer/descriptor.ts';
import type { LogBuffers } from '../logbuffer/log-buffers.ts';

/**
 * One Buffer a term, so that what a handler or a claim is given is a small offset into a buffer that never
 * changes: offsets into the whole file pass 2^31 and would be boxed.
 */
export function termBuffersOf(log: LogBuffers): readonly Buffer[] {
  const buffers: Buffer[] = [];
  for (let i = 0; i < PARTITION_COUNT; i++) {
    buffers.push(log.region.bytes.subarray(i * log.termLength, (i + 1) * log.termLength));
  }
  return buffers;
}
