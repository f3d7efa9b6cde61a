// hot
import type { AtomicCounter } from '../../concurrent/atomic-counter.ts';
import type { Clock } from '../../concurrent/clock.ts';

/** Keeps the longest time between two duty cycles, or of something else, and counts those above a threshold. */
export class DutyCycleTracker {
  private readonly clock: Clock;
  private readonly max: AtomicCounter;
  private readonly exceeded: AtomicCounter;
  private readonly thresholdNs: number;
  private lastNs = Number.NaN;
  private maxNs = Number.NaN;

  constructor(clock: Clock, max: AtomicCounter, exceeded: AtomicCounter, thresholdNs: number) {
    this.clock = clock;
    this.max = max;
    this.exceeded = exceeded;
    this.thresholdNs = thresholdNs;
    this.maxNs = 0;
    this.start();
  }

  /** Starts measuring, by the clock as it is. */
  start(): void {
    this.lastNs = this.clock.nanoTime;
  }

  /** Measures the time since the last call. */
  measure(): void {
    const nowNs = this.clock.nanoTime;
    const cycleNs = nowNs - this.lastNs;
    this.lastNs = nowNs;
    if (cycleNs > this.maxNs) this.report(cycleNs);
    else if (cycleNs > this.thresholdNs) this.exceeded.increment();
  }

  /** Counts a duration that was measured elsewhere. Cold: a double that crosses a call may be boxed. */
  report(durationNs: number): void {
    if (durationNs > this.maxNs) {
      this.maxNs = durationNs;
      this.max.set(durationNs);
    }
    if (durationNs > this.thresholdNs) this.exceeded.increment();
  }
}
