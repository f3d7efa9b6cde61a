// hot

import { AtomicCounter } from '../concurrent/atomic-counter.ts';
import { COUNTER_VALUE_LENGTH } from '../concurrent/counters.ts';
import { loadAcquire } from '../memory/ordered.ts';
import type { Region } from '../memory/region.ts';
import type { SubscriberPosition } from './messages.ts';

const TWO_32 = 4294967296;

/**
 * Where the subscribers of one stream are. Their counters are written by other processes and not believed: a position
 * never goes back and never passes {@link limit}, so limits and cleaning that follow from it stay inside the log.
 */
export class SubscriberPositions {
  /** How far a subscriber can have come. Set by the owner before {@link update}. */
  limit: number = Number.NaN;
  /** The smallest and the largest position; both {@link limit} when there are no subscribers. */
  min: number = Number.NaN;
  max: number = Number.NaN;
  count = 0;
  /**
   * Of the one subscriber that there is, which is the rule, what {@link update} needs lies here: its counter (-1: there are
   * none or several) and the low word of it. Its position is {@link max}.
   */
  private soleIndex = -1;
  private soleLow = 0;
  private readonly i32: Int32Array;
  private readonly values: Region;
  private readonly valuesOffset: number;
  private counterIds: number[] = [];
  private indexes: number[] = [];
  /** The low word of each counter when it was last believed: the cheap sign that it moved. */
  private lows: number[] = [];
  private positions = new Float64Array(4);

  constructor(values: Region, valuesOffset: number, startPosition: number) {
    this.values = values;
    this.valuesOffset = valuesOffset;
    this.i32 = values.i32;
    this.limit = startPosition;
    this.min = startPosition;
    this.max = startPosition;
  }

  /** Adds a subscriber that starts at `position`, which its counter already holds. Cold. */
  add(counterId: number, position: number): void {
    this.putSoleBack();
    const index = this.count++;
    if (index === this.positions.length) {
      const positions = new Float64Array(2 * index);
      positions.set(this.positions);
      this.positions = positions;
    }
    this.counterIds[index] = counterId;
    this.indexes[index] = (this.valuesOffset + counterId * COUNTER_VALUE_LENGTH) >> 2;
    this.lows[index] = position | 0;
    this.positions[index] = position;
    this.findBounds();
  }

  /** Adds the subscribers a stream starts with. Cold. */
  addAll(subscribers: readonly SubscriberPosition[], position: number): void {
    for (let i = 0; i < subscribers.length; i++) this.add(subscribers[i]!.counterId, position);
  }

  /** Sets the subscriber's counter to `position`, then adds it. Cold. */
  join(counterId: number, position: number): void {
    new AtomicCounter(this.values, this.valuesOffset, counterId).set(position);
    this.add(counterId, position);
  }

  /** Where a subscriber is; NaN when it is not there. Cold. */
  positionOf(counterId: number): number {
    this.putSoleBack();
    const index = this.counterIds.indexOf(counterId);
    return index >= 0 ? this.positions[index]! : Number.NaN;
  }

  /** Whether the subscriber is there, and further than `position`. Cold. */
  isBeyond(counterId: number, position: number): boolean {
    this.putSoleBack();
    const index = this.counterIds.indexOf(counterId);
    return index >= 0 && this.positions[index]! > position;
  }

  /** Returns whether the subscriber was there. Cold. */
  remove(counterId: number): boolean {
    const index = this.counterIds.indexOf(counterId);
    if (index < 0 || index >= this.count) return false;
    this.putSoleBack();
    const last = --this.count;
    this.counterIds[index] = this.counterIds[last]!;
    this.indexes[index] = this.indexes[last]!;
    this.lows[index] = this.lows[last]!;
    this.positions[index] = this.positions[last]!;
    this.counterIds.length = last;
    this.indexes.length = last;
    this.lows.length = last;
    this.findBounds();
    return true;
  }

  removeAll(): void {
    this.count = 0;
    this.soleIndex = -1;
    this.counterIds = [];
    this.indexes = [];
    this.lows = [];
  }

  /** Reads the counters. Returns whether {@link min} or {@link max} may have changed. */
  update(): boolean {
    return this.soleIndex >= 0 ? this.updateSole() : this.updateAll();
  }

  private updateSole(): boolean {
    const { i32, soleIndex } = this;
    // A window is smaller than 4 GiB, so a counter that moved has another low word. Pairs with the client's release.
    if (loadAcquire(i32, soleIndex) === this.soleLow) return false;
    const high = loadAcquire(i32, soleIndex + 1);
    const low = loadAcquire(i32, soleIndex);
    // The client is just passing a multiple of 4 GiB: the next cycle will see it whole.
    if (loadAcquire(i32, soleIndex + 1) !== high) return false;
    const position = high * TWO_32 + (low >>> 0);
    const limit = this.limit;
    if (position <= limit) this.soleLow = low;
    const believed = Math.min(position, limit);
    if (believed <= this.max) return false;
    this.min = believed;
    this.max = believed;
    return true;
  }

  private updateAll(): boolean {
    const i32 = this.i32;
    const limit = this.limit;
    let hasMoved = false;
    for (let i = 0; i < this.count; i++) {
      const index = this.indexes[i]!;
      if (loadAcquire(i32, index) === this.lows[i]!) continue;
      const high = loadAcquire(i32, index + 1);
      const low = loadAcquire(i32, index);
      if (loadAcquire(i32, index + 1) !== high) continue;
      const position = high * TWO_32 + (low >>> 0);
      if (position <= limit) this.lows[i] = low;
      const believed = Math.min(position, limit);
      if (believed > this.positions[i]!) {
        this.positions[i] = believed;
        hasMoved = true;
      }
    }
    if (hasMoved) this.findBounds();
    return hasMoved;
  }

  /** What is known of the one subscriber goes where that of several is. Cold. */
  private putSoleBack(): void {
    if (this.soleIndex < 0) return;
    this.lows[0] = this.soleLow;
    this.positions[0] = this.max;
  }

  private findBounds(): void {
    let min = this.limit;
    let max = this.count === 0 ? this.limit : 0;
    for (let i = 0; i < this.count; i++) {
      const position = this.positions[i]!;
      if (position < min) min = position;
      if (position > max) max = position;
    }
    this.min = min;
    this.max = max;
    this.soleIndex = this.count === 1 ? this.indexes[0]! : -1;
    if (this.count === 1) this.soleLow = this.lows[0]!;
  }
}
