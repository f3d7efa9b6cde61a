import { getPositionVolatile } from '../memory/position.ts';
import type { Region } from '../memory/region.ts';
import { align } from '../util/bits.ts';

/** An entry, aligned to 64: the observation count is stored last; channel and source are an int32 length and ASCII. */
export const LOSS_OBSERVATION_COUNT = 0;
export const LOSS_BYTES_LOST = 8;
export const LOSS_FIRST_OBSERVATION_MS = 16;
export const LOSS_LAST_OBSERVATION_MS = 24;
export const LOSS_SESSION_ID = 32;
export const LOSS_STREAM_ID = 36;
export const LOSS_CHANNEL = 40;

/** Where in an entry the source starts. */
export function lossSourceOffset(channelLength: number): number {
  return LOSS_CHANNEL + align(4 + channelLength, 4);
}

/** Bytes of an entry, before alignment. */
export function lossEntryLength(channelLength: number, sourceLength: number): number {
  return lossSourceOffset(channelLength) + 4 + sourceLength;
}

/** The losses of one stream. Times are epoch milliseconds. */
export interface LossObservation {
  readonly observationCount: number;
  readonly bytesLost: number;
  readonly firstObservationMs: number;
  readonly lastObservationMs: number;
  readonly sessionId: number;
  readonly streamId: number;
  readonly channel: string;
  readonly source: string;
}

/** Calls `handler` for every entry of a report, oldest first. Returns their number. Any process may. */
export function readLossReport(region: Region, handler: (observation: LossObservation) => void): number {
  const { i32, bytes, byteLength } = region;
  let count = 0;
  for (let entry = 0; entry + LOSS_CHANNEL + 8 <= byteLength; count++) {
    const observationCount = getPositionVolatile(i32, (entry + LOSS_OBSERVATION_COUNT) >> 2);
    if (observationCount <= 0) break;
    const channelLength = i32[(entry + LOSS_CHANNEL) >> 2]!;
    const sourceOffset = entry + lossSourceOffset(channelLength);
    if (channelLength < 0 || sourceOffset + 4 > byteLength) break;
    const sourceLength = i32[sourceOffset >> 2]!;
    if (sourceLength < 0 || sourceOffset + 4 + sourceLength > byteLength) break;
    handler({
      observationCount,
      bytesLost: getPositionVolatile(i32, (entry + LOSS_BYTES_LOST) >> 2),
      firstObservationMs: getPositionVolatile(i32, (entry + LOSS_FIRST_OBSERVATION_MS) >> 2),
      lastObservationMs: getPositionVolatile(i32, (entry + LOSS_LAST_OBSERVATION_MS) >> 2),
      sessionId: i32[(entry + LOSS_SESSION_ID) >> 2]!,
      streamId: i32[(entry + LOSS_STREAM_ID) >> 2]!,
      channel: bytes.toString('latin1', entry + LOSS_CHANNEL + 4, entry + LOSS_CHANNEL + 4 + channelLength),
      source: bytes.toString('latin1', sourceOffset + 4, sourceOffset + 4 + sourceLength),
    });
    entry = align(entry + lossEntryLength(channelLength, sourceLength), 64);
  }
  return count;
}
