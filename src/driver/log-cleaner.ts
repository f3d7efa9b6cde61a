// hot
import { PARTITION_COUNT } from '../logbuffer/descriptor.ts';
import { zero } from '../memory/bytes.ts';
import type { Region } from '../memory/region.ts';

/**
 * Zeroes a log behind those who read it, so that its terms can be written again.
 * Doubles go in and out through fields: as arguments of a call that is not inlined they would be boxed.
 */
export class LogCleaner {
  /** Everything from the stream's start to here is zero again. */
  position: number = Number.NaN;
  /** Where {@link clean} is to go; may lie before {@link position}. */
  target: number = Number.NaN;
  /** What {@link allowsLimit} is asked about. */
  limit: number = Number.NaN;
  private readonly region: Region;
  private readonly termLength: number;

  constructor(region: Region, termLength: number, startPosition: number) {
    this.region = region;
    this.termLength = termLength;
    this.position = startPosition;
    this.target = startPosition;
    this.limit = startPosition;
  }

  /** Cleans towards the target, at most to the end of a term, so that one call takes a bounded time. */
  clean(): void {
    const dirtyLength = this.target - this.position;
    if (dirtyLength <= 0) return;
    const termLength = this.termLength;
    const termCount = Math.floor(this.position / termLength);
    const termOffset = this.position - termCount * termLength;
    const length = Math.min(dirtyLength, termLength - termOffset);
    zero(this.region, (termCount % PARTITION_COUNT) * termLength + termOffset, length);
    this.position += length;
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
