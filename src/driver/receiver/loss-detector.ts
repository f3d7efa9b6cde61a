// hot
import type { Clock } from '../../concurrent/clock.ts';
import { GapScanner } from '../../logbuffer/gap-scanner.ts';
import type { NakDelay } from './nak-delay.ts';

/** Watches the first gap of an image, and says when to ask for it. */
export class LossDetector {
  gapTermId = 0;
  gapOffset = 0;
  /** Bytes; 0 when there is no gap. */
  gapLength = 0;
  /** A gap was found, or the one there is has changed. Whoever looks sets it back. */
  isLossFound = false;
  private readonly scanner: GapScanner = new GapScanner();
  private readonly clock: Clock;
  private readonly delay: NakDelay;
  private expiryNs = Number.NaN;

  constructor(clock: Clock, delay: NakDelay) {
    this.clock = clock;
    this.delay = delay;
  }

  /**
   * Walks the frames of term `termId`, which starts at byte `termStart`, from `rebuildOffset` to `limitOffset`. Returns
   * where they end, at most `limitOffset`; when that is earlier, a gap starts there.
   */
  scan(
    i32: Int32Array,
    termStart: number,
    termId: number,
    rebuildOffset: number,
    limitOffset: number,
  ): number {
    const scanner = this.scanner;
    const offset = scanner.scan(i32, termStart, rebuildOffset, limitOffset);
    if (offset >= limitOffset) {
      this.gapLength = 0;
      return limitOffset;
    }
    const gapLength = scanner.gapLength;
    if (gapLength !== this.gapLength || offset !== this.gapOffset || termId !== this.gapTermId) {
      this.gapTermId = termId;
      this.gapOffset = offset;
      this.gapLength = gapLength;
      this.isLossFound = true;
      this.delay.choose(false);
      this.expiryNs = this.clock.nanoTime + this.delay.delayNs;
    }
    return offset;
  }

  /** There is nothing left to wait for. */
  clear(): void {
    this.gapLength = 0;
  }

  /** Whether it is time to ask for the gap; then the next time is set. */
  isDue(): boolean {
    if (this.gapLength === 0 || this.clock.nanoTime < this.expiryNs) return false;
    this.delay.choose(true);
    this.expiryNs = this.clock.nanoTime + this.delay.delayNs;
    return true;
  }
}
