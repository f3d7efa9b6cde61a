// hot
import { PARTITION_COUNT } from '../logbuffer/descriptor.ts';
import { zero, zeroPastCaches } from '../memory/bytes.ts';
import type { Region } from '../memory/region.ts';

/** What {@link LogCleaner.cleanSome} cleans at least at a time: 50 ns in a cache, more where it is not. */
const CHUNK_LENGTH = 4096;
const BUSY_THRESHOLD_LENGTH = 32768;

/** So much memory is still in a cache when its turn comes again. */
const CACHED_LENGTH = 16 * 1024 * 1024;
/** Less is not worth it. */
const PAST_CACHES_LENGTH_MIN = 1024;

/** Bytes of all logs that an agent cleans. */
export interface CleanedLogs {
  length: number;
}

/**
 * Zeroes a log behind those who read it, so that its terms can be written again.
 * Doubles go in and out through fields: as arguments of a call that is not inlined they would be boxed.
 */
export class LogCleaner {
  /** Everything from the stream's start to here is zero again. */
  position: number = Number.NaN;
  /** Where cleaning is to go; may lie before {@link position}. */
  target: number = Number.NaN;
  /** What {@link allowsLimit} is asked about. */
  limit: number = Number.NaN;
  private readonly region: Region;
  private readonly termLength: number;
  private readonly logs: CleanedLogs;

  /** Adds the log to those that its agent cleans, until {@link close}. */
  constructor(logs: CleanedLogs, region: Region, termLength: number, startPosition: number) {
    logs.length += PARTITION_COUNT * termLength;
    this.logs = logs;
    this.region = region;
    this.termLength = termLength;
    this.position = startPosition;
    this.target = startPosition;
    this.limit = startPosition;
  }

  /** Cleans towards the target, at most to the end of a term, so that one call takes a bounded time. */
  clean(): void {
    const dirtyLength = this.target - this.position;
    if (dirtyLength > 0) this.cleanUpTo(dirtyLength);
  }

  /**
   * For every duty cycle: cleans a part of what is dirty, so that no message waits for the 10 us that cleaning a whole window
   * takes. A little in a cycle that moved none of the stream's messages (`isIdle`); in the others a quarter of what has
   * piled up, which keeps up with any stream.
   */
  cleanSome(isIdle: boolean): void {
    const dirtyLength = this.target - this.position;
    if (dirtyLength < (isIdle ? CHUNK_LENGTH : BUSY_THRESHOLD_LENGTH)) return;
    if (dirtyLength > this.termLength / 2) this.cleanUpTo(dirtyLength);
    // In whole alignments of a frame.
    else this.cleanUpTo(isIdle ? CHUNK_LENGTH : ((dirtyLength / 128) | 0) * 32);
  }

  /** Not beyond the end of a term. */
  private cleanUpTo(lengthMax: number): void {
    const termLength = this.termLength;
    const termCount = Math.floor(this.position / termLength);
    const termOffset = this.position - termCount * termLength;
    const length = Math.min(lengthMax, termLength - termOffset);
    const start = (termCount % PARTITION_COUNT) * termLength + termOffset;
    // It is written again two terms further on.
    if (this.logs.length <= CACHED_LENGTH || length < PAST_CACHES_LENGTH_MIN)
      zero(this.region, start, length);
    else zeroPastCaches(this.region, start, length);
    this.position += length;
  }

  close(): void {
    this.logs.length -= PARTITION_COUNT * this.termLength;
  }

  /**
   * Whether publishers may write up to {@link limit}: less than two terms ahead of the dirty one, or exactly two when its
   * cleaning has begun. Then the term after the limit's is clean by the time publishers rotate into it.
   */
  allowsLimit(): boolean {
    const dirtyTermCount = Math.floor(this.position / this.termLength);
    const termGap = Math.floor(this.limit / this.termLength) - dirtyTermCount;
    return termGap < 2 || (termGap === 2 && this.position !== dirtyTermCount * this.termLength);
  }
}
