// hot
import { copyIn } from '../memory/bytes.ts';
import { getPosition, setPositionRelease } from '../memory/position.ts';
import type { Region } from '../memory/region.ts';
import { isPowerOfTwo } from '../util/bits.ts';
import { assert } from '../util/errors.ts';

/** Offsets from the start of the trailer, which follows the ring. */
export const BROADCAST_TAIL_INTENT = 0;
export const BROADCAST_TAIL = 8;
export const BROADCAST_LATEST = 16;
export const BROADCAST_PADDING_TYPE_ID: number = -1;
export const BROADCAST_RECORD_HEADER_LENGTH = 8;

/**
 * Events from the driver to every client, through shared memory. Nobody waits for a slow receiver: it is overrun, and can
 * tell by the tail intent, which is published before any byte is overwritten. Records look like those of the ring buffer.
 */
export class BroadcastTransmitter {
  static readonly TRAILER_LENGTH: number = 128;

  readonly capacity: number;
  /** Bytes of the longest message. */
  readonly maxMessageLength: number;
  private readonly region: Region;
  private readonly i32: Int32Array;
  private readonly b64: BigInt64Array;
  private readonly offset: number;
  private readonly tailIntentIndex: number;
  private readonly tailIndex: number;
  private readonly latestIndex: number;

  /** `length` is a power of two and the trailer. `offset` is a multiple of 8. */
  constructor(region: Region, offset: number, length: number) {
    const capacity = length - BroadcastTransmitter.TRAILER_LENGTH;
    assert(isPowerOfTwo(capacity), 'a broadcast ring is a power of two bytes, and its trailer');
    assert(
      offset % 8 === 0 && offset + length <= region.byteLength,
      'a ring lies in its region, aligned to 8',
    );
    const trailer = offset + capacity;
    this.capacity = capacity;
    this.maxMessageLength = capacity >> 3;
    this.region = region;
    this.i32 = region.i32;
    this.b64 = region.b64;
    this.offset = offset;
    this.tailIntentIndex = (trailer + BROADCAST_TAIL_INTENT) >> 2;
    this.tailIndex = (trailer + BROADCAST_TAIL) >> 2;
    this.latestIndex = (trailer + BROADCAST_LATEST) >> 2;
  }

  /** Sends a message to whoever listens. One thread only. */
  transmit(typeId: number, bytes: Uint8Array, offset: number, length: number): void {
    assert(typeId > 0, 'type ids are positive');
    assert(length >= 0 && length <= this.maxMessageLength, 'a message is at most an eighth of the ring');
    const { i32, b64 } = this;
    const recordLength = BROADCAST_RECORD_HEADER_LENGTH + length;
    const alignedLength = (recordLength + 7) & ~7;
    let tail = getPosition(i32, this.tailIndex);
    let recordOffset = tail & (this.capacity - 1);
    const toEnd = this.capacity - recordOffset;
    if (alignedLength > toEnd) {
      setPositionRelease(i32, b64, this.tailIntentIndex, tail + toEnd + alignedLength);
      const padding = (this.offset + recordOffset) >> 2;
      i32[padding + 1] = BROADCAST_PADDING_TYPE_ID;
      i32[padding] = toEnd;
      tail += toEnd;
      recordOffset = 0;
    } else {
      setPositionRelease(i32, b64, this.tailIntentIndex, tail + alignedLength);
    }

    const index = (this.offset + recordOffset) >> 2;
    i32[index] = recordLength;
    i32[index + 1] = typeId;
    copyIn(this.region, this.offset + recordOffset + BROADCAST_RECORD_HEADER_LENGTH, bytes, offset, length);
    setPositionRelease(i32, b64, this.latestIndex, tail);
    setPositionRelease(i32, b64, this.tailIndex, tail + alignedLength); // pairs with the load in receive()
  }
}
