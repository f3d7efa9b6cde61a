// hot
import type { Clock } from '../../concurrent/clock.ts';

const ID_LOW = 0;
const ID_HIGH = 1;
const TIME_NS = 2;
const FIELDS = 3;

/**
 * Which receivers of a publication were heard of lately. Room for a fixed number, so that forged receiver ids cannot grow
 * it: a new one then takes the place of the one not heard of for longest.
 */
export class ReceiverLiveness {
  count = 0;
  /** Id, in halves, and when it was heard of, of one receiver after the other. */
  private readonly receivers: Float64Array;
  private readonly clock: Clock;
  private readonly capacity: number;
  private readonly timeoutNs: number;
  /** Nobody is forgotten before: most looks need no more. */
  private pruneNs = Number.NaN;

  /** A receiver not heard of for `timeoutNs` is forgotten. There is room for `capacity` of them. */
  constructor(clock: Clock, timeoutNs: number, capacity: number) {
    this.receivers = new Float64Array(FIELDS * capacity);
    this.capacity = capacity;
    this.clock = clock;
    this.timeoutNs = timeoutNs;
    this.pruneNs = Number.NEGATIVE_INFINITY;
  }

  /** A status message came. */
  onStatusMessage(idLow: number, idHigh: number): void {
    let at = this.find(idLow, idHigh);
    if (at < 0) {
      at = this.count < this.capacity ? FIELDS * this.count++ : this.oldest();
      this.receivers[at + ID_LOW] = idLow;
      this.receivers[at + ID_HIGH] = idHigh;
    }
    this.receivers[at + TIME_NS] = this.clock.nanoTime;
  }

  /** The receiver is gone. Returns whether it was there. */
  remove(idLow: number, idHigh: number): boolean {
    const at = this.find(idLow, idHigh);
    if (at < 0) return false;
    this.removeAt(at);
    return true;
  }

  /** Forgets receivers not heard of for the timeout. */
  prune(): void {
    const nowNs = this.clock.nanoTime;
    if (nowNs < this.pruneNs) return;
    const { receivers, timeoutNs } = this;
    this.pruneNs = nowNs + timeoutNs;
    for (let at = FIELDS * (this.count - 1); at >= 0; at -= FIELDS) {
      const expiryNs = receivers[at + TIME_NS]! + timeoutNs;
      if (expiryNs <= nowNs) this.removeAt(at);
      else if (expiryNs < this.pruneNs) this.pruneNs = expiryNs;
    }
  }

  private find(idLow: number, idHigh: number): number {
    const { receivers } = this;
    const end = FIELDS * this.count;
    for (let at = 0; at < end; at += FIELDS) {
      if (receivers[at + ID_LOW] === idLow && receivers[at + ID_HIGH] === idHigh) return at;
    }
    return -1;
  }

  private oldest(): number {
    const { receivers } = this;
    const end = FIELDS * this.count;
    let oldest = 0;
    for (let at = FIELDS; at < end; at += FIELDS) {
      if (receivers[at + TIME_NS]! < receivers[oldest + TIME_NS]!) oldest = at;
    }
    return oldest;
  }

  private removeAt(at: number): void {
    const last = FIELDS * --this.count;
    for (let i = 0; i < FIELDS; i++) this.receivers[at + i] = this.receivers[last + i]!;
  }
}
