// hot
import { PARTITION_COUNT } from '../../logbuffer/descriptor.ts';
import type { LogBuffers } from '../../logbuffer/log-buffers.ts';
import { loadAcquire } from '../../memory/ordered.ts';

const READS_MAX = 4;

/**
 * How far publishers have come. They write the tail themselves and are not believed: the position never goes back and
 * never passes the term that {@link limit} ends in, which is as far as an honest publisher can get.
 */
export class PublisherTail {
  /** The producer position, as of the last {@link update}. */
  position: number = Number.NaN;
  /** The largest publisher limit there has been. Set by the owner. */
  limit: number = Number.NaN;
  /** The active term count, as of the last {@link update}. */
  termCount = 0;
  private isTruncated = false;
  private lastIndex = -1;
  private lastOffset = -1;
  private readonly i32: Int32Array;
  private readonly activeTermCountIndex: number;
  private readonly rawTailsIndex: number;
  private readonly termLength: number;
  private readonly initialTermId: number;
  private readonly log: LogBuffers;

  constructor(log: LogBuffers, termLength: number, initialTermId: number, startPosition: number) {
    this.i32 = log.region.i32;
    this.activeTermCountIndex = log.activeTermCountIndex;
    this.rawTailsIndex = log.rawTailIndex(0);
    this.termLength = termLength;
    this.initialTermId = initialTermId;
    this.log = log;
    this.position = startPosition;
    this.limit = startPosition;
  }

  /** Reads the tail. Returns whether it has moved. */
  update(): boolean {
    if (this.isTruncated) return false;
    const { i32, termLength } = this;
    const termCount = loadAcquire(i32, this.activeTermCountIndex);
    const index = Math.abs(termCount % PARTITION_COUNT);
    const tailIndex = this.rawTailsIndex + 2 * index;
    let offset = loadAcquire(i32, tailIndex) >>> 0;
    if (termCount === this.termCount && offset === this.lastOffset && index === this.lastIndex) return false;
    let termId = loadAcquire(i32, tailIndex + 1);
    // The term id must be the one the offset belongs to; it changes once in a term, so a second look settles it.
    for (let i = 0; i < READS_MAX; i++) {
      offset = loadAcquire(i32, tailIndex) >>> 0;
      const again = loadAcquire(i32, tailIndex + 1);
      if (again === termId) break;
      termId = again;
    }
    this.termCount = termCount;
    this.lastIndex = index;
    this.lastOffset = offset;
    // Publishers that ran into the end of the term moved the offset beyond it.
    const position = ((termId - this.initialTermId) | 0) * termLength + Math.min(offset, termLength);
    const positionMax = Math.ceil(this.limit / termLength) * termLength;
    const believed = Math.min(position, positionMax);
    if (believed <= this.position) return false;
    this.position = believed;
    return true;
  }

  /** No publisher is left, and what one claimed from `position` on was never written: the stream ends there. Cold. */
  truncate(position: number): void {
    this.isTruncated = true;
    this.position = position;
    this.log.setEndOfStreamPosition(position);
  }
}
