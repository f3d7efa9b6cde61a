// hot
import type { Clock } from '../concurrent/clock.ts';

const SECOND_NS = 1e9;

/** At most so many a second, counted in whole seconds: for answers that strangers can cause. */
export class RateLimit {
  private readonly clock: Clock;
  private readonly perSecond: number;
  private secondStartNs = -SECOND_NS - 0.5;
  private count = 0;

  constructor(clock: Clock, perSecond: number) {
    this.clock = clock;
    this.perSecond = perSecond;
  }

  /** True when one more is allowed now. */
  take(): boolean {
    const nowNs = this.clock.nanoTime;
    if (nowNs - this.secondStartNs >= SECOND_NS) {
      this.secondStartNs = nowNs;
      this.count = 0;
    }
    if (this.count === this.perSecond) return false;
    this.count++;
    return true;
  }
}
