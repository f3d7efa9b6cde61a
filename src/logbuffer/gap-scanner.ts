// hot
import { loadAcquire } from '../memory/ordered.ts';
import { TERM_MAX_LENGTH } from './descriptor.ts';

/** Finds the first gap in what was received. One object a receiver; the last scan's result is in its fields. */
export class GapScanner {
  /** Where in the term the gap starts. */
  gapOffset = 0;
  /** Bytes of the gap; 0 when there is none. */
  gapLength = 0;

  /**
   * Walks committed frames of a term from `rebuildOffset` and, when they end before `limitOffset`, measures the gap there.
   * `termStart` is the byte offset of the term in the region. Returns the end of the walk: everything before it is whole.
   */
  scan(i32: Int32Array, termStart: number, rebuildOffset: number, limitOffset: number): number {
    const start = termStart >>> 2;
    let offset = rebuildOffset;
    while (offset < limitOffset) {
      const frameLength = loadAcquire(i32, start + (offset >> 2));
      // A length that no term could hold must not overflow the arithmetic below.
      if (frameLength <= 0 || frameLength > TERM_MAX_LENGTH) break;
      offset += (frameLength + 31) & ~31;
    }
    let gapEnd = offset;
    if (offset < limitOffset) {
      gapEnd += 32;
      while (gapEnd < limitOffset && loadAcquire(i32, start + (gapEnd >> 2)) === 0) gapEnd += 32;
    }
    this.gapOffset = offset;
    this.gapLength = gapEnd - offset;
    return offset;
  }
}
