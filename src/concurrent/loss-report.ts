// hot

import { getPosition, setPositionRelease } from '../memory/position.ts';
import type { Region } from '../memory/region.ts';
import { align } from '../util/bits.ts';
import type { Clock } from './clock.ts';
import {
  LOSS_BYTES_LOST,
  LOSS_CHANNEL,
  LOSS_FIRST_OBSERVATION_MS,
  LOSS_LAST_OBSERVATION_MS,
  LOSS_OBSERVATION_COUNT,
  LOSS_SESSION_ID,
  LOSS_STREAM_ID,
  lossEntryLength,
  lossSourceOffset,
} from './loss-report-reader.ts';

export { type LossObservation, readLossReport } from './loss-report-reader.ts';

/**
 * Which streams lost how much, for other processes to read. It starts from a region of zeros. Several threads may write, each
 * to entries of its own, when they share the word that says how much of the region is taken.
 */
export class LossReport {
  private readonly region: Region;
  private readonly clock: Clock;
  private readonly tail: Int32Array;

  constructor(region: Region, clock: Clock, tail: Int32Array = new Int32Array(1)) {
    this.region = region;
    this.clock = clock;
    this.tail = tail;
  }

  /** Starts the entry of a stream with its first loss. Returns what to call the entry, or -1 when the report is full. */
  createEntry(
    bytesLost: number,
    sessionId: number,
    streamId: number,
    channel: string,
    source: string,
  ): number {
    const { i32, b64, bytes, byteLength } = this.region;
    const length = lossEntryLength(channel.length, source.length);
    if (Atomics.load(this.tail, 0) + length > byteLength) return -1;
    const entry = Atomics.add(this.tail, 0, align(length, 64));
    if (entry + length > byteLength) return -1;
    const time = Math.floor(this.clock.epochMs);
    setPositionRelease(i32, b64, (entry + LOSS_BYTES_LOST) >> 2, bytesLost);
    setPositionRelease(i32, b64, (entry + LOSS_FIRST_OBSERVATION_MS) >> 2, time);
    setPositionRelease(i32, b64, (entry + LOSS_LAST_OBSERVATION_MS) >> 2, time);
    i32[(entry + LOSS_SESSION_ID) >> 2] = sessionId;
    i32[(entry + LOSS_STREAM_ID) >> 2] = streamId;
    i32[(entry + LOSS_CHANNEL) >> 2] = channel.length;
    bytes.write(channel, entry + LOSS_CHANNEL + 4, 'latin1');
    const sourceOffset = entry + lossSourceOffset(channel.length);
    i32[sourceOffset >> 2] = source.length;
    bytes.write(source, sourceOffset + 4, 'latin1');
    setPositionRelease(i32, b64, (entry + LOSS_OBSERVATION_COUNT) >> 2, 1);
    return entry;
  }

  /** Adds a loss to an entry. */
  recordObservation(entry: number, bytesLost: number): void {
    const { i32, b64 } = this.region;
    const bytesLostIndex = (entry + LOSS_BYTES_LOST) >> 2;
    const countIndex = (entry + LOSS_OBSERVATION_COUNT) >> 2;
    setPositionRelease(i32, b64, (entry + LOSS_LAST_OBSERVATION_MS) >> 2, Math.floor(this.clock.epochMs));
    setPositionRelease(i32, b64, bytesLostIndex, getPosition(i32, bytesLostIndex) + bytesLost);
    setPositionRelease(i32, b64, countIndex, getPosition(i32, countIndex) + 1);
  }
}
