// hot
import { storeRelease } from '../memory/ordered.ts';
import { FLAG_UNFRAGMENTED } from '../protocol/data-frame.ts';
import { HEADER_LENGTH, TYPE_DATA, TYPE_PAD } from '../protocol/frame.ts';

const NO_BUFFER: Buffer = Buffer.alloc(0);
const NO_WORDS: Int32Array = new Int32Array(0);
const NO_LONGS: BigInt64Array = new BigInt64Array(0);

/**
 * A piece of the log that `tryClaim` gave to the caller, to write a message in place, without a copy. Write
 * `length` bytes into
 * `buffer` from `offset` on, then {@link commit} or {@link abort}: until then nothing behind it in the
 * stream is delivered. Make one and use it again and again; a claim that was committed or aborted must not
 * be written to.
 *
 * ```ts
 * if (publication.tryClaim(8, claim) > 0) {
 *   claim.buffer.writeDoubleLE(price, claim.offset);
 *   claim.commit();
 * }
 * ```
 */
export class BufferClaim {
  /** The term the claim is in: shared memory, much longer than the claim. */
  buffer: Buffer = NO_BUFFER;
  /** Where the claimed bytes start in `buffer`. */
  offset = 0;
  /** How many bytes were claimed. */
  length = 0;
  private i32: Int32Array = NO_WORDS;
  private b64: BigInt64Array = NO_LONGS;
  private index = 0;

  /**
   * For publications: points the claim at a frame whose header is written and whose length is still
   * negative.
   */
  wrap(
    buffer: Buffer,
    i32: Int32Array,
    b64: BigInt64Array,
    index: number,
    termOffset: number,
    length: number,
  ): void {
    this.buffer = buffer;
    this.offset = termOffset + HEADER_LENGTH;
    this.length = length;
    this.i32 = i32;
    this.b64 = b64;
    this.index = index;
  }

  /** 64 bits of the header that belong to the application. */
  set reservedValue(value: bigint) {
    this.b64[(this.index >> 1) + 3] = value;
  }

  /** The flags of the header, one byte; `FLAG_UNFRAGMENTED` unless set. */
  set flags(value: number) {
    this.i32[this.index + 1] = (value << 8) | (TYPE_DATA << 16);
  }

  /** Sends the message. */
  commit(): void {
    // Pairs with the acquire load of the frame length by whoever reads the log.
    storeRelease(this.i32, this.index, this.length + HEADER_LENGTH);
  }

  /** Gives the claim up: readers skip it. */
  abort(): void {
    this.i32[this.index + 1] = (FLAG_UNFRAGMENTED << 8) | (TYPE_PAD << 16);
    storeRelease(this.i32, this.index, this.length + HEADER_LENGTH);
  }
}
