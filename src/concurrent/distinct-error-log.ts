import { getPositionVolatile } from '../memory/position.ts';
import type { Region } from '../memory/region.ts';
import { align } from '../util/bits.ts';

/** A record, aligned to 8: length (stored last), observation count, two times, the text. The length counts the header. */
const LENGTH = 0;
const OBSERVATION_COUNT = 4;
const LAST_OBSERVATION_MS = 8;
const FIRST_OBSERVATION_MS = 16;
const TEXT = 24;

/** An error that happened at least once. Times are epoch milliseconds. */
export interface ErrorObservation {
  readonly observationCount: number;
  readonly firstObservationMs: number;
  readonly lastObservationMs: number;
  readonly text: string;
}

/** Errors that other processes can read. What happened before is counted, not repeated. One thread writes. */
export class DistinctErrorLog {
  private readonly region: Region;
  private readonly end: number;
  private readonly offsets: Map<string, number> = new Map();
  private nextOffset: number;

  /** Starts with a range of zeros; `offset` is a multiple of 8. */
  constructor(region: Region, offset: number, length: number) {
    this.region = region;
    this.nextOffset = offset;
    this.end = offset + length;
  }

  /** Counts the error. Returns false when it is new and there is no room for it. */
  record(code: number, text: string, epochMs: number): boolean {
    const entry = `(${code}) ${text}`;
    const time = BigInt(Math.floor(epochMs));
    const offset = this.offsets.get(entry) ?? this.append(entry, time);
    if (offset === -1) return false;
    Atomics.add(this.region.i32, (offset + OBSERVATION_COUNT) >> 2, 1);
    Atomics.store(this.region.b64, (offset + LAST_OBSERVATION_MS) >> 3, time);
    return true;
  }

  private append(entry: string, time: bigint): number {
    const offset = this.nextOffset;
    const text = Buffer.from(entry, 'utf8');
    if (offset + TEXT + text.length > this.end) return -1;
    const { i32, b64, bytes } = this.region;
    bytes.set(text, offset + TEXT);
    b64[(offset + FIRST_OBSERVATION_MS) >> 3] = time;
    b64[(offset + LAST_OBSERVATION_MS) >> 3] = time;
    Atomics.store(i32, (offset + LENGTH) >> 2, TEXT + text.length);
    this.offsets.set(entry, offset);
    this.nextOffset = align(offset + TEXT + text.length, 8);
    return offset;
  }
}

/** Calls `handler` for every error of a log, oldest first. Returns their number. Any process may. */
export function readErrorLog(
  region: Region,
  offset: number,
  length: number,
  handler: (observation: ErrorObservation) => void,
): number {
  const { i32, bytes } = region;
  const end = offset + length;
  let count = 0;
  for (let entry = offset; entry + TEXT <= end; count++) {
    const entryLength = Atomics.load(i32, (entry + LENGTH) >> 2);
    if (entryLength < TEXT || entry + entryLength > end) break;
    handler({
      observationCount: Atomics.load(i32, (entry + OBSERVATION_COUNT) >> 2),
      firstObservationMs: getPositionVolatile(i32, (entry + FIRST_OBSERVATION_MS) >> 2),
      lastObservationMs: getPositionVolatile(i32, (entry + LAST_OBSERVATION_MS) >> 2),
      text: bytes.toString('utf8', entry + TEXT, entry + entryLength),
    });
    entry = align(entry + entryLength, 8);
  }
  return count;
}
