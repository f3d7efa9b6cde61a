// hot

import { compareAndSet64, getAndAdd64 } from '../memory/atomic64.ts';
import { copyIn, zero } from '../memory/bytes.ts';
import { loadAcquire, storeRelease } from '../memory/ordered.ts';
import { getPosition, getPositionVolatile, setPositionRelease } from '../memory/position.ts';
import type { Region } from '../memory/region.ts';
import { isPowerOfTwo } from '../util/bits.ts';
import { assert } from '../util/errors.ts';

/** Offsets from the start of the trailer, which follows the ring. Two cache lines apart. */
const TAIL_POSITION = 128;
const HEAD_CACHE_POSITION = 256;
const HEAD_POSITION = 384;
const CORRELATION_COUNTER = 512;
const CONSUMER_HEARTBEAT = 640;

const RECORD_HEADER_LENGTH = 8;
const PADDING_TYPE_ID = -1;
const INSUFFICIENT_CAPACITY = -1;

/** `bytes` is the ring's memory: copy what outlives the call. */
export type MessageHandler = (typeId: number, bytes: Buffer, offset: number, length: number) => void;

/**
 * Commands from many clients to the driver, through shared memory, in the layout that official clients use.
 *
 * ```
 *   record, aligned to 8:   | int32 length | int32 type id | message … |
 * ```
 * The length counts the header; it is negative while the message is being written, and 0 where there is none: the consumer
 * zeroes what it consumed before it moves the head. A record of type -1 is padding.
 */
export class ManyToOneRingBuffer {
  static readonly TRAILER_LENGTH: number = 768;

  readonly capacity: number;
  /** Bytes of the longest message. */
  readonly maxMessageLength: number;
  private readonly region: Region;
  private readonly i32: Int32Array;
  private readonly b64: BigInt64Array;
  private readonly offset: number;
  private readonly tailIndex: number;
  private readonly headCacheIndex: number;
  private readonly headIndex: number;
  private readonly correlationIndex: number;
  private readonly heartbeatIndex: number;

  /** `length` is a power of two and the trailer. `offset` is a multiple of 8. */
  constructor(region: Region, offset: number, length: number) {
    const capacity = length - ManyToOneRingBuffer.TRAILER_LENGTH;
    assert(isPowerOfTwo(capacity), 'a ring is a power of two bytes, and its trailer');
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
    this.tailIndex = (trailer + TAIL_POSITION) >> 2;
    this.headCacheIndex = (trailer + HEAD_CACHE_POSITION) >> 2;
    this.headIndex = (trailer + HEAD_POSITION) >> 2;
    this.correlationIndex = (trailer + CORRELATION_COUNTER) >> 3;
    this.heartbeatIndex = (trailer + CONSUMER_HEARTBEAT) >> 2;
  }

  /** Appends a message. Any number of threads and processes may. Returns false when there is no room now. */
  write(typeId: number, bytes: Uint8Array, offset: number, length: number): boolean {
    assert(typeId > 0, 'type ids are positive');
    assert(length >= 0 && length <= this.maxMessageLength, 'a message is at most an eighth of the ring');
    const recordLength = RECORD_HEADER_LENGTH + length;
    const recordOffset = this.claim((recordLength + 7) & ~7);
    if (recordOffset === INSUFFICIENT_CAPACITY) return false;
    const index = (this.offset + recordOffset) >> 2;
    storeRelease(this.i32, index, -recordLength);
    this.i32[index + 1] = typeId;
    copyIn(this.region, this.offset + recordOffset + RECORD_HEADER_LENGTH, bytes, offset, length);
    storeRelease(this.i32, index, recordLength); // pairs with the load in read()
    return true;
  }

  /**
   * Hands over up to `limit` messages and frees their space, also when the handler throws. One thread only.
   * A call goes no further than the end of the ring's memory. Returns the number of messages.
   */
  read(handler: MessageHandler, limit: number): number {
    const headOffset = getPosition(this.i32, this.headIndex) & (this.capacity - 1);
    if (loadAcquire(this.i32, (this.offset + headOffset) >> 2) <= 0) return 0;
    return this.consume(handler, limit);
  }

  /** Cold: clients rarely ask for something. */
  private consume(handler: MessageHandler, limit: number): number {
    const head = getPosition(this.i32, this.headIndex);
    const headOffset = head & (this.capacity - 1);
    const start = this.offset + headOffset;
    // Producers in other processes write the lengths: none may lead out of the ring, nor beyond what was claimed, or
    // producers would wait for a head that waits for them.
    const contiguousLength = Math.min(this.capacity - headOffset, this.producerPosition() - head);
    let bytesRead = 0;
    let messagesRead = 0;
    try {
      while (messagesRead < limit && bytesRead < contiguousLength) {
        const recordOffset = start + bytesRead;
        const index = recordOffset >> 2;
        const claimedLength = loadAcquire(this.i32, index);
        if (claimedLength <= 0) break;
        const recordLength = Math.min(claimedLength, contiguousLength - bytesRead);
        bytesRead += (recordLength + 7) & ~7;
        const typeId = this.i32[index + 1]!;
        if (typeId === PADDING_TYPE_ID || recordLength < RECORD_HEADER_LENGTH) continue;
        messagesRead++;
        handler(
          typeId,
          this.region.bytes,
          recordOffset + RECORD_HEADER_LENGTH,
          recordLength - RECORD_HEADER_LENGTH,
        );
      }
    } finally {
      if (bytesRead > 0) {
        zero(this.region, start, bytesRead);
        setPositionRelease(this.i32, this.b64, this.headIndex, head + bytesRead);
      }
    }
    return messagesRead;
  }

  /** The next of the ids that clients and driver share. */
  nextCorrelationId(): number {
    return getAndAdd64(this.b64, this.correlationIndex, 1);
  }

  /** When the consumer was last alive, epoch milliseconds: 0 before it started, -1 after it stopped. */
  consumerHeartbeatMs(): number {
    return getPositionVolatile(this.i32, this.heartbeatIndex);
  }

  setConsumerHeartbeatMs(epochMs: number): void {
    setPositionRelease(this.i32, this.b64, this.heartbeatIndex, Math.floor(epochMs));
  }

  /** Bytes ever consumed. */
  consumerPosition(): number {
    return getPositionVolatile(this.i32, this.headIndex);
  }

  /** Bytes ever claimed. */
  producerPosition(): number {
    return getPositionVolatile(this.i32, this.tailIndex);
  }

  /**
   * Turns a record at the head whose producer died into padding. The consumer calls it when the head has not moved for as
   * long as a producer may take. Returns whether there was one.
   */
  unblock(): boolean {
    const head = this.consumerPosition();
    const tail = this.producerPosition();
    if (head === tail) return false;
    const i32 = this.i32;
    const mask = this.capacity - 1;
    const headOffset = head & mask;
    const tailOffset = tail & mask;
    const length = loadAcquire(i32, (this.offset + headOffset) >> 2);
    if (length > 0) return false;
    if (length < 0) {
      this.pad(headOffset, Math.min(-length, this.capacity - headOffset));
      return true;
    }

    const limit = tailOffset > headOffset ? tailOffset : this.capacity;
    let end = headOffset + 8;
    while (end < limit && loadAcquire(i32, (this.offset + end) >> 2) === 0) end += 8;
    if (end >= limit) return false;
    for (let back = end - 8; back >= headOffset; back -= 8) {
      if (loadAcquire(i32, (this.offset + back) >> 2) !== 0) return false;
    }
    this.pad(headOffset, end - headOffset);
    return true;
  }

  private pad(recordOffset: number, length: number): void {
    const index = (this.offset + recordOffset) >> 2;
    this.i32[index + 1] = PADDING_TYPE_ID;
    storeRelease(this.i32, index, length);
  }

  /** Takes `length` contiguous bytes, a multiple of 8. Returns their offset in the ring, or INSUFFICIENT_CAPACITY. */
  private claim(length: number): number {
    const mask = this.capacity - 1;
    let head = getPositionVolatile(this.i32, this.headCacheIndex);
    for (;;) {
      const tail = getPositionVolatile(this.i32, this.tailIndex);
      const tailOffset = tail & mask;
      const toEnd = this.capacity - tailOffset;
      const isWrapping = length > toEnd;
      if (!hasRoom(head, tail, this.capacity, length, isWrapping)) {
        head = getPositionVolatile(this.i32, this.headIndex);
        if (!hasRoom(head, tail, this.capacity, length, isWrapping)) return INSUFFICIENT_CAPACITY;
        Atomics.store(this.b64, this.headCacheIndex >> 1, Atomics.load(this.b64, this.headIndex >> 1));
      }
      const padding = isWrapping ? toEnd : 0;
      if (!compareAndSet64(this.b64, this.tailIndex >> 1, tail, tail + length + padding)) continue;
      if (!isWrapping) return tailOffset;
      storeRelease(this.i32, (this.offset + tailOffset) >> 2, -padding);
      this.pad(tailOffset, padding);
      return 0;
    }
  }
}

/** A message that wraps needs its length free at the start of the ring, besides the padding at the end. */
function hasRoom(head: number, tail: number, capacity: number, length: number, isWrapping: boolean): boolean {
  if (length > capacity - (tail - head)) return false;
  return !isWrapping || length <= (head & (capacity - 1));
}
