// hot
import { shm } from '../native/addons.ts';
import { Region } from './region.ts';

export const WORDS_PER_COPY = 6;
const NOWHERE = -1;

/**
 * A list of byte ranges to copy in one native call. Made once, filled and run every duty cycle, on one thread.
 * Offsets reach 4 GiB: they are stored as 32-bit words.
 */
export class CopyBurst {
  readonly capacity: number;
  count = 0;
  private readonly region: Region;
  private readonly words: Int32Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.region = Region.allocate(capacity * WORDS_PER_COPY * 4);
    this.words = this.region.i32;
  }

  /** True when another {@link add} has no room. */
  get isFull(): boolean {
    return this.count === this.capacity;
  }

  /**
   * Adds one range. The caller looks at {@link isFull} first. `zeroOffset`, a multiple of 4: for {@link insert}, which zeroes
   * the 4 bytes there, in the region copied to, before anybody can see what it copies.
   */
  add(
    toHandle: number,
    toOffset: number,
    fromHandle: number,
    fromOffset: number,
    length: number,
    zeroOffset: number = NOWHERE,
  ): void {
    const index = this.count * WORDS_PER_COPY;
    const words = this.words;
    words[index] = toHandle;
    words[index + 1] = toOffset;
    words[index + 2] = fromHandle;
    words[index + 3] = fromOffset;
    words[index + 4] = length;
    words[index + 5] = zeroOffset;
    this.count++;
  }

  /** Copies every range and empties the list. Returns the bytes copied. */
  copy(): number {
    const count = this.count;
    this.count = 0;
    return count === 0 ? 0 : shm.copyBurst(this.region.handle, count);
  }

  /**
   * Copies every range and empties the list; the first 8 bytes of each are stored last, with release, and a range
   * whose destination already starts with a non-zero word is left out. That is how frames enter a term buffer:
   * pairs with the acquire load of a frame's length. Returns the ranges copied.
   */
  insert(): number {
    const count = this.count;
    this.count = 0;
    return count === 0 ? 0 : shm.insertBurst(this.region.handle, count);
  }

  close(): void {
    this.region.close();
  }
}
