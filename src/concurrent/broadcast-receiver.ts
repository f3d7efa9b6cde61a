// hot
import { copyOut } from '../memory/bytes.ts';
import { getPositionVolatile } from '../memory/position.ts';
import type { Region } from '../memory/region.ts';
import { isPowerOfTwo } from '../util/bits.ts';
import { assert } from '../util/errors.ts';
import {
  BROADCAST_LATEST,
  BROADCAST_PADDING_TYPE_ID,
  BROADCAST_RECORD_HEADER_LENGTH,
  BROADCAST_TAIL,
  BROADCAST_TAIL_INTENT,
  BroadcastTransmitter,
} from './broadcast-transmitter.ts';
import type { MessageHandler } from './many-to-one-ring-buffer.ts';

/**
 * Receives what a {@link BroadcastTransmitter} sends, starting with the latest message. Every receiver sees every message,
 * unless it is lapped: then it goes on with the latest and {@link lappedCount} says so.
 */
export class BroadcastReceiver {
  static readonly TRAILER_LENGTH: number = BroadcastTransmitter.TRAILER_LENGTH;

  /** How often the transmitter overtook this receiver; messages were lost each time. */
  lappedCount = 0;
  private nextRecord: number;
  private readonly capacity: number;
  private readonly region: Region;
  private readonly i32: Int32Array;
  private readonly offset: number;
  private readonly tailIntentIndex: number;
  private readonly tailIndex: number;
  private readonly latestIndex: number;
  private readonly message: Buffer;

  /** `length` is a power of two and the trailer. `offset` is a multiple of 8. */
  constructor(region: Region, offset: number, length: number) {
    const capacity = length - BroadcastReceiver.TRAILER_LENGTH;
    assert(isPowerOfTwo(capacity), 'a broadcast ring is a power of two bytes, and its trailer');
    assert(
      offset % 8 === 0 && offset + length <= region.byteLength,
      'a ring lies in its region, aligned to 8',
    );
    const trailer = offset + capacity;
    this.capacity = capacity;
    this.region = region;
    this.i32 = region.i32;
    this.offset = offset;
    this.tailIntentIndex = (trailer + BROADCAST_TAIL_INTENT) >> 2;
    this.tailIndex = (trailer + BROADCAST_TAIL) >> 2;
    this.latestIndex = (trailer + BROADCAST_LATEST) >> 2;
    this.message = Buffer.alloc(capacity >> 3);
    this.nextRecord = getPositionVolatile(this.i32, this.latestIndex);
  }

  /**
   * Hands over the next message, if there is one: a copy that is whole and stays the receiver's until the next call.
   * Returns the number of messages, 0 or 1.
   */
  receive(handler: MessageHandler): number {
    const { i32 } = this;
    const tail = getPositionVolatile(i32, this.tailIndex);
    let record = this.nextRecord;
    if (tail <= record) return 0;
    if (!this.isIntact(record)) {
      this.lappedCount++;
      record = getPositionVolatile(i32, this.latestIndex);
    }

    let recordOffset = this.offset + (record & (this.capacity - 1));
    if (i32[(recordOffset >> 2) + 1] === BROADCAST_PADDING_TYPE_ID) {
      record += this.offset + this.capacity - recordOffset;
      recordOffset = this.offset;
    }
    const recordLength = i32[recordOffset >> 2]!;
    const typeId = i32[(recordOffset >> 2) + 1]!;
    const length = recordLength - BROADCAST_RECORD_HEADER_LENGTH;
    const isReadable =
      length >= 0 &&
      length <= this.message.length &&
      recordOffset + recordLength <= this.offset + this.capacity;
    if (isReadable) {
      copyOut(this.region, recordOffset + BROADCAST_RECORD_HEADER_LENGTH, this.message, 0, length);
    }
    // What was read is only true if nobody began to overwrite it before the copy was done.
    if (!isReadable || !this.isIntact(record)) {
      this.lappedCount++;
      this.nextRecord = getPositionVolatile(i32, this.latestIndex);
      return 0;
    }
    this.nextRecord = record + ((recordLength + 7) & ~7);
    handler(typeId, this.message, 0, length);
    return 1;
  }

  private isIntact(record: number): boolean {
    return record + this.capacity >= getPositionVolatile(this.i32, this.tailIntentIndex);
  }
}
