// hot
import type { Clock } from '../../concurrent/clock.ts';

/**
 * Which receivers of a publication were heard of lately. Room for a fixed number, so that forged receiver ids cannot grow
 * it: a new one then takes the place of the one not heard of for longest.
 */
export class ReceiverLiveness {
  count = 0;
  private readonly idsLow: Int32Array;
  private readonly idsHigh: Int32Array;
  private readonly timesNs: Float64Array;
  private readonly clock: Clock;
  private readonly capacity: number;
  private readonly timeoutNs: number;

  /** A receiver not heard of for `timeoutNs` is forgotten. There is room for `capacity` of them. */
  constructor(clock: Clock, timeoutNs: number, capacity: number) {
    this.idsLow = new Int32Array(capacity);
    this.idsHigh = new Int32Array(capacity);
    this.timesNs = new Float64Array(capacity);
    this.capacity = capacity;
    this.clock = clock;
    this.timeoutNs = timeoutNs;
  }

  /** A status message came. */
  onStatusMessage(idLow: number, idHigh: number): void {
    let index = this.indexOf(idLow, idHigh);
    if (index < 0) {
      index = this.count < this.capacity ? this.count++ : this.oldest();
      this.idsLow[index] = idLow;
      this.idsHigh[index] = idHigh;
    }
    this.timesNs[index] = this.clock.nanoTime;
  }

  /** The receiver is gone. Returns whether it was there. */
  remove(idLow: number, idHigh: number): boolean {
    const index = this.indexOf(idLow, idHigh);
    if (index < 0) return false;
    this.removeAt(index);
    return true;
  }

  /** Forgets receivers not heard of for the timeout. */
  prune(): void {
    const nowNs = this.clock.nanoTime;
    for (let i = this.count - 1; i >= 0; i--) {
      if (this.timesNs[i]! + this.timeoutNs <= nowNs) this.removeAt(i);
    }
  }

  private indexOf(idLow: number, idHigh: number): number {
    for (let i = 0; i < this.count; i++) {
      if (this.idsLow[i] === idLow && this.idsHigh[i] === idHigh) return i;
    }
    return -1;
  }

  private oldest(): number {
    let oldest = 0;
    for (let i = 1; i < this.count; i++) {
      if (this.timesNs[i]! < this.timesNs[oldest]!) oldest = i;
    }
    return oldest;
  }

  private removeAt(index: number): void {
    const last = --this.count;
    this.idsLow[index] = this.idsLow[last]!;
    this.idsHigh[index] = this.idsHigh[last]!;
    this.timesNs[index] = this.timesNs[last]!;
  }
}
