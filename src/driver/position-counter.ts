// hot

import { COUNTER_VALUE_LENGTH } from '../concurrent/counters.ts';
import { loadAcquire, storeRelease } from '../memory/ordered.ts';
import { setPositionRelease } from '../memory/position.ts';
import type { Region } from '../memory/region.ts';

const TWO_32 = 4294967296;

/**
 * A position that this agent owns and others read. Set {@link value}, then {@link publish}: as an argument of a call that
 * is not inlined a double would be boxed, which for positions means garbage in every duty cycle.
 */
export class PositionCounter {
  value: number = Number.NaN;
  private readonly i32: Int32Array;
  private readonly b64: BigInt64Array;
  private readonly index: number;

  /** `valuesOffset` is where the counters' values start in the region. */
  constructor(values: Region, valuesOffset: number, id: number) {
    this.i32 = values.i32;
    this.b64 = values.b64;
    this.index = (valuesOffset + id * COUNTER_VALUE_LENGTH) >> 2;
  }

  /** Reads what somebody else published. While that passes a multiple of 4 GiB the value stays as it was. */
  refresh(): void {
    const high = loadAcquire(this.i32, this.index + 1);
    const low = loadAcquire(this.i32, this.index);
    if (loadAcquire(this.i32, this.index + 1) === high) this.value = high * TWO_32 + (low >>> 0);
  }

  /** Stores the value with release; never two stores that a reader could see half done. */
  publish(): void {
    const high = Math.floor(this.value / TWO_32);
    if (this.i32[this.index + 1] === high) {
      // A bitwise operator sees a double modulo 2^32: the low word.
      storeRelease(this.i32, this.index, this.value | 0);
    } else {
      this.publishBoth();
    }
  }

  /** Once in 4 GiB. */
  private publishBoth(): void {
    setPositionRelease(this.i32, this.b64, this.index, this.value);
  }
}
