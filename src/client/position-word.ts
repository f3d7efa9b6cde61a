// hot
import { loadAcquire } from '../memory/ordered.ts';
import type { Region } from '../memory/region.ts';

/** A position counter's 64-bit word in shared memory. `index` counts 32-bit words and is even. */
export class PositionWord {
  readonly i32: Int32Array;
  readonly b64: BigInt64Array;
  readonly index: number;
  /**
   * What {@link load} found. A field and no result, because a double that comes out of a function is garbage unless
   * V8 inlined it, which depends on the caller. Starts as a fraction: the field holds doubles.
   */
  value = 0.5;

  /** The word at a byte offset of a region, a multiple of 8. */
  constructor(region: Region, byteOffset: number) {
    this.i32 = region.i32;
    this.b64 = region.b64;
    this.index = byteOffset / 4;
  }

  /** Reads the word, which another thread or process writes, into {@link value}: as `getPositionVolatile` does. */
  load(): void {
    const { i32, index } = this;
    for (;;) {
      const high = loadAcquire(i32, index + 1);
      const low = loadAcquire(i32, index);
      if (i32[index + 1] === high) {
        this.value = high * 4294967296 + (low >>> 0);
        return;
      }
    }
  }

  /** Reads the low half alone, as a signed integer: enough to compare positions that are less than 2^31 apart. */
  loadLow(): number {
    return loadAcquire(this.i32, this.index);
  }
}
