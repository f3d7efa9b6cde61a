// hot
import { storeRelease } from '../memory/ordered.ts';
import { getPosition, getPositionVolatile, setPositionRelease } from '../memory/position.ts';
import type { Region } from '../memory/region.ts';
import { COUNTER_VALUE_LENGTH } from './counters.ts';

/** A counter's value, seen by its only writer. Every change is published at once. */
export class AtomicCounter {
  readonly id: number;
  private readonly i32: Int32Array;
  private readonly b64: BigInt64Array;
  private readonly index: number;

  /** `valuesOffset` is where the counters' values start in the region. */
  constructor(valuesRegion: Region, valuesOffset: number, id: number) {
    this.id = id;
    this.i32 = valuesRegion.i32;
    this.b64 = valuesRegion.b64;
    this.index = (valuesOffset + id * COUNTER_VALUE_LENGTH) >> 2;
  }

  increment(): void {
    this.add(1);
  }

  /** Works on the low half alone while it can: then nothing is a double, which a call would have to allocate. */
  add(amount: number): void {
    const low = this.i32[this.index]!;
    const sum = (low + amount) | 0;
    // The high half stays when the low one, unsigned, did not wrap.
    const isLowAlone = amount >= 0 && amount <= 0x7fffffff && sum >>> 0 >= low >>> 0;
    if (isLowAlone) storeRelease(this.i32, this.index, sum);
    else this.set(this.get() + amount);
  }

  /** The value, for the writer. */
  get(): number {
    return getPosition(this.i32, this.index);
  }

  /** The value, for anybody else. Pairs with the writer's {@link set}. */
  getVolatile(): number {
    return getPositionVolatile(this.i32, this.index);
  }

  set(value: number): void {
    setPositionRelease(this.i32, this.b64, this.index, value);
  }

  /** Sets the value when that makes it larger. */
  setMax(value: number): void {
    if (value > this.get()) this.set(value);
  }
}
