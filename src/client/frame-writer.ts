// hot

import { framedLength } from '../logbuffer/descriptor.ts';
import type { LogBuffers } from '../logbuffer/log-buffers.ts';
import { copyIn } from '../memory/bytes.ts';
import { storeRelease } from '../memory/ordered.ts';
import type { Region } from '../memory/region.ts';
import {
  DATA_RESERVED_VALUE,
  DATA_SESSION_ID,
  DATA_STREAM_ID,
  DATA_TERM_ID,
  DATA_TERM_OFFSET,
  FLAG_BEGIN,
  FLAG_END,
  FLAG_UNFRAGMENTED,
} from '../protocol/data-frame.ts';
import { HEADER_LENGTH, TYPE_DATA, TYPE_PAD } from '../protocol/frame.ts';
import { align32 } from '../util/bits.ts';
import type { BufferClaim } from './buffer-claim.ts';
import type { ReservedValue, ReservedValueSupplier } from './reserved-value.ts';
import { termBuffersOf } from './term-buffers.ts';

/**
 * From this length on a payload is copied natively: a fast call costs 8 ns (Node 20.20, x86-64), a loop over bytes 0.8 ns
 * a byte. Where V8 has no fast calls for us (`native/hot_function.h`) the call costs 43 ns, and the loop would win up to 56.
 */
const NATIVE_COPY_MIN_LENGTH = 12;

const FIELD_TERM_OFFSET = DATA_TERM_OFFSET >> 2;
const FIELD_SESSION_ID = DATA_SESSION_ID >> 2;
const FIELD_STREAM_ID = DATA_STREAM_ID >> 2;
const FIELD_TERM_ID = DATA_TERM_ID >> 2;
const FIELD_RESERVED_VALUE = DATA_RESERVED_VALUE >> 3;

/**
 * Writes frames into places of a publication's log that were claimed before. A frame's length is negative
 * from the claim to the commit, so readers stop in front of it and the driver can tell what to do when the
 * writer never comes back.
 */
export class FrameWriter {
  readonly maxPayloadLength: number;
  private readonly i32: Int32Array;
  private readonly b64: BigInt64Array;
  private readonly region: Region;
  private readonly terms: readonly Buffer[];
  private readonly termLength: number;
  private readonly sessionId: number;
  private readonly streamId: number;

  constructor(log: LogBuffers, sessionId: number, streamId: number) {
    this.maxPayloadLength = log.mtu - HEADER_LENGTH;
    this.i32 = log.region.i32;
    this.b64 = log.region.b64;
    this.region = log.region;
    this.terms = termBuffersOf(log);
    this.termLength = log.termLength;
    this.sessionId = sessionId;
    this.streamId = streamId;
  }

  /** Bytes of the term that a message takes: its frames, each aligned. */
  framedLength(length: number): number {
    return framedLength(length, this.maxPayloadLength);
  }

  /** Writes and commits a message, in as many frames as it needs. */
  writeMessage(
    partition: number,
    termId: number,
    termOffset: number,
    buffer: Uint8Array,
    offset: number,
    length: number,
    reservedValue: ReservedValue,
  ): void {
    const maxPayloadLength = this.maxPayloadLength;
    if (length <= maxPayloadLength) {
      this.writeFrame(
        partition,
        termId,
        termOffset,
        FLAG_UNFRAGMENTED,
        buffer,
        offset,
        length,
        reservedValue,
      );
      return;
    }
    let flags = FLAG_BEGIN;
    let frameOffset = termOffset;
    let written = 0;
    while (written < length) {
      const remaining = length - written;
      const payloadLength = Math.min(remaining, maxPayloadLength);
      if (remaining <= maxPayloadLength) flags |= FLAG_END;
      this.writeFrame(
        partition,
        termId,
        frameOffset,
        flags,
        buffer,
        offset + written,
        payloadLength,
        reservedValue,
      );
      flags = 0;
      frameOffset += align32(payloadLength + HEADER_LENGTH);
      written += payloadLength;
    }
  }

  /** Writes the header of a message in one frame and lets `claim` write the rest. */
  writeClaim(
    partition: number,
    termId: number,
    termOffset: number,
    length: number,
    claim: BufferClaim,
  ): void {
    const index = this.begin(
      partition,
      termId,
      termOffset,
      length + HEADER_LENGTH,
      FLAG_UNFRAGMENTED,
      TYPE_DATA,
    );
    claim.wrap(this.terms[partition]!, this.i32, this.b64, index, termOffset, length);
  }

  /** Fills `length` bytes of a term with a frame that readers skip. */
  writePadding(partition: number, termId: number, termOffset: number, length: number): void {
    const index = this.begin(partition, termId, termOffset, length, FLAG_UNFRAGMENTED, TYPE_PAD);
    storeRelease(this.i32, index, length);
  }

  /** Writes and commits one frame of at most {@link maxPayloadLength} bytes after its header. */
  writeFrame(
    partition: number,
    termId: number,
    termOffset: number,
    flags: number,
    buffer: Uint8Array,
    offset: number,
    length: number,
    reservedValue: ReservedValue,
  ): void {
    const index = this.begin(partition, termId, termOffset, length + HEADER_LENGTH, flags, TYPE_DATA);
    if (length < NATIVE_COPY_MIN_LENGTH) {
      const term = this.terms[partition]!;
      const start = termOffset + HEADER_LENGTH;
      for (let i = 0; i < length; i++) term[start + i] = buffer[offset + i]!;
    } else {
      // Wrapped to 32 bits, as native code takes it: an offset beyond 2^31 would be boxed.
      const start = (partition * this.termLength + termOffset + HEADER_LENGTH) | 0;
      copyIn(this.region, start, buffer, offset, length);
    }
    if (reservedValue !== null) this.setReservedValue(reservedValue, index, partition, termOffset, length);
    // Commits. Pairs with the acquire load of the frame length by whoever reads the log.
    storeRelease(this.i32, index, length + HEADER_LENGTH);
  }

  /** Commits a frame that {@link begin} began, once its payload is there. */
  commit(
    index: number,
    partition: number,
    termOffset: number,
    length: number,
    reservedValue: ReservedValue,
  ): void {
    if (reservedValue !== null) this.setReservedValue(reservedValue, index, partition, termOffset, length);
    // Pairs with the acquire load of the frame length by whoever reads the log.
    storeRelease(this.i32, index, length + HEADER_LENGTH);
  }

  /**
   * Copies frames that are complete, headers included, to a place that was claimed. The length of the first
   * one comes last: until then readers stop in front of all of them.
   */
  writeBlock(partition: number, termOffset: number, block: Uint8Array, offset: number, length: number): void {
    const start = (partition * this.termLength + termOffset + 4) | 0;
    copyIn(this.region, start, block, offset + 4, length - 4);
    const index = ((partition * this.termLength) >>> 2) + (termOffset >> 2);
    storeRelease(this.i32, index, int32At(block, offset));
  }

  /** Whether a frame's header, in the application's memory, is what the log wants next. */
  isNextHeader(frame: Uint8Array, offset: number, termId: number, termOffset: number): boolean {
    return (
      int32At(frame, offset) >= HEADER_LENGTH &&
      frame[offset + 6] === TYPE_DATA &&
      frame[offset + 7] === 0 &&
      int32At(frame, offset + DATA_TERM_OFFSET) === termOffset &&
      int32At(frame, offset + DATA_SESSION_ID) === this.sessionId &&
      int32At(frame, offset + DATA_STREAM_ID) === this.streamId &&
      int32At(frame, offset + DATA_TERM_ID) === termId
    );
  }

  private setReservedValue(
    reservedValue: bigint | ReservedValueSupplier,
    index: number,
    partition: number,
    termOffset: number,
    length: number,
  ): void {
    this.b64[(index >> 1) + FIELD_RESERVED_VALUE] =
      typeof reservedValue === 'function'
        ? reservedValue(this.terms[partition]!, termOffset, length + HEADER_LENGTH)
        : reservedValue;
  }

  /** Writes a header whose length says "claimed". Returns the index of its first word. */
  begin(
    partition: number,
    termId: number,
    termOffset: number,
    frameLength: number,
    flags: number,
    type: number,
  ): number {
    const i32 = this.i32;
    const index = ((partition * this.termLength) >>> 2) + (termOffset >> 2);
    // First, so that a driver that finds the writer gone knows how long the hole is.
    storeRelease(i32, index, -frameLength);
    i32[index + 1] = (flags << 8) | (type << 16);
    i32[index + FIELD_TERM_OFFSET] = termOffset;
    i32[index + FIELD_SESSION_ID] = this.sessionId;
    i32[index + FIELD_STREAM_ID] = this.streamId;
    i32[index + FIELD_TERM_ID] = termId;
    return index;
  }
}

function int32At(bytes: Uint8Array, offset: number): number {
  return bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24);
}
