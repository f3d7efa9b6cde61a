// hot
import { loadAcquire } from '../memory/ordered.ts';
import { HEADER_LENGTH, TYPE_PAD } from '../protocol/frame.ts';
import { TERM_MAX_LENGTH } from './descriptor.ts';

/** Finds whole frames that are ready to be sent. One object a sender; the last scan's result is in its fields. */
export class TermScanner {
  /** What the last {@link scan} returned. */
  available = 0;
  /** Bytes that a padding frame at the end of the available ones covers beyond its header; they are not sent. */
  padding = 0;

  /**
   * Adds up committed frames from `termOffset` while they fit in `maxLength` bytes, which must not reach beyond the
   * term. `termStart` is the byte offset of the term in the region. A padding frame counts as its header and ends the scan.
   * Returns the bytes, 0 when nothing is ready, or minus the length of the first frame when that alone does not fit.
   */
  scan(i32: Int32Array, termStart: number, termOffset: number, maxLength: number): number {
    const start = (termStart >>> 2) + (termOffset >> 2);
    let available = 0;
    let padding = 0;
    while (padding === 0 && available < maxLength) {
      const index = start + (available >> 2);
      const frameLength = loadAcquire(i32, index);
      // Other processes write the lengths; one that no term could hold must not overflow the arithmetic below.
      if (frameLength <= 0 || frameLength > TERM_MAX_LENGTH) break;
      let length = (frameLength + 31) & ~31;
      if (i32[index + 1]! >>> 16 === TYPE_PAD) {
        padding = length - HEADER_LENGTH;
        length = HEADER_LENGTH;
      }
      if (available + length > maxLength) {
        if (available === 0) available = -length;
        padding = 0;
        break;
      }
      available += length;
    }
    this.available = available;
    this.padding = padding;
    return available;
  }
}
