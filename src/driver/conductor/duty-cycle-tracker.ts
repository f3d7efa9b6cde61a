// hot
import type { AtomicCounter } from '../../concurrent/atomic-counter.ts';

/** Keeps the longest time between two duty cycles, and counts those above a threshold. */
export class DutyCycleTracker {
  private readonly max: AtomicCounter;
  private readonly exceeded: AtomicCounter;
  private readonly thresholdNs: number;
  private lastNs = -0.5;

  constructor(max: AtomicCounter, exceeded: AtomicCounter, thresholdNs: number) {
    this.max = max;
    this.exceeded = exceeded;
    this.thresholdNs = thresholdNs;
  }

  /** Starts measuring. */
  update(nowNs: number): void {
    this.lastNs = nowNs;
  }

  /** Measures the time since the last call. */
  measureAndUpdate(nowNs: number): void {
    const cycleNs = nowNs - this.lastNs;
    this.lastNs = nowNs;
    this.report(cycleNs);
  }

  report(durationNs: number): void {
    this.max.setMax(durationNs);
    if (durationNs > this.thresholdNs) this.exceeded.increment();
  }
}
