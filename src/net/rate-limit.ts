// hot
const SECOND_NS = 1e9;

/** At most so many a second, counted in whole seconds: for answers that strangers can cause. */
export class RateLimit {
  private readonly perSecond: number;
  private secondStartNs = -SECOND_NS - 0.5;
  private count = 0;

  constructor(perSecond: number) {
    this.perSecond = perSecond;
  }

  /** True when one more is allowed now. */
  take(nowNs: number): boolean {
    if (nowNs - this.secondStartNs >= SECOND_NS) {
      this.secondStartNs = nowNs;
      this.count = 0;
    }
    if (this.count === this.perSecond) return false;
    this.count++;
    return true;
  }
}
