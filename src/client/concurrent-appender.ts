// hot

import { computePosition, maxMessageLength, PARTITION_COUNT } from '../logbuffer/descriptor.ts';
import type { LogBuffers } from '../logbuffer/log-buffers.ts';
import { rotateLog } from '../logbuffer/rotate-log.ts';
import { loadAcquire } from '../memory/ordered.ts';
import { HEADER_LENGTH } from '../protocol/frame.ts';
import { align32 } from '../util/bits.ts';
import type { BufferClaim } from './buffer-claim.ts';
import { FrameWriter } from './frame-writer.ts';
import { ADMIN_ACTION, BACK_PRESSURED, MAX_POSITION_EXCEEDED, NOT_CONNECTED } from './offer-result.ts';
import type { PositionWord } from './position-word.ts';
import type { ReservedValue } from './reserved-value.ts';
import { VectorWriter } from './vector-writer.ts';

/**
 * Appends to a log that other threads and processes append to as well.
 *
 * The raw tail of a term is a 64-bit word, term id high and offset low. Producers in other languages add to the
 * whole word; we add to its low half, because 64-bit atomics allocate in JavaScript. That is the same as long as
 * the low half does not carry, and it cannot: a tail passes its term's end by at most one claim of each producer.
 *
 * What a 32-bit add does not tell is the term id at the moment of the add. Term ids of a partition only grow, by
 * three. So when the high half is the same before and after the add, the claim is in that term. When it differs,
 * the partition was given to a new term in between:
 *
 * - The add returned an offset inside the term. A claim inside the old term, not committed, would have held readers
 *   back at that place, the publisher limit behind them, and so the reuse of the partition. Therefore the add came
 *   after the reset, and the claim belongs to the new term.
 * - The add returned an offset beyond the term. Nothing was claimed, in whichever of the two terms: try again.
 */
export class ConcurrentAppender {
  readonly maxPayloadLength: number;
  readonly maxMessageLength: number;
  readonly maxPossiblePosition: number;
  /** Where the last append that succeeded ended. Starts as a fraction: the field holds doubles. */
  position = 0.5;
  private readonly log: LogBuffers;
  private readonly i32: Int32Array;
  private readonly limit: PositionWord;
  private readonly tailsIndex: number;
  private readonly activeTermCountIndex: number;
  private readonly termLength: number;
  private readonly bits: number;
  private readonly initialTermId: number;
  private readonly writer: FrameWriter;
  private readonly vectorWriter: VectorWriter;
  /** The position that was compared with the limit last; a field of doubles, too. */
  private positionBefore = 0.5;
  /** Of the last claim. */
  private termId = 0;
  private partition = 0;

  constructor(log: LogBuffers, limit: PositionWord, sessionId: number, streamId: number) {
    this.writer = new FrameWriter(log, sessionId, streamId);
    this.vectorWriter = new VectorWriter(this.writer, log.region, log.termLength);
    this.maxPayloadLength = this.writer.maxPayloadLength;
    this.maxMessageLength = maxMessageLength(log.termLength);
    this.maxPossiblePosition = log.termLength * 2147483648;
    this.log = log;
    this.i32 = log.region.i32;
    this.limit = limit;
    this.tailsIndex = log.rawTailIndex(0);
    this.activeTermCountIndex = log.activeTermCountIndex;
    this.termLength = log.termLength;
    this.bits = log.bits;
    this.initialTermId = log.initialTermId;
  }

  /**
   * Appends a message of `length` bytes, at most {@link maxMessageLength}; the caller checked that and the
   * range. Returns the term offset of its first frame, and its end in {@link position}; or a negative
   * result.
   */
  append(buffer: Uint8Array, offset: number, length: number, reservedValue: ReservedValue): number {
    const termOffset = this.claimTail(this.writer.framedLength(length), length);
    if (termOffset >= 0) {
      this.writer.writeMessage(
        this.partition,
        this.termId,
        termOffset,
        buffer,
        offset,
        length,
        reservedValue,
      );
    }
    return termOffset;
  }

  /** As {@link append}, for a message whose `length` bytes are those of `vectors`, one after the other. */
  appendVectors(vectors: readonly Uint8Array[], length: number, reservedValue: ReservedValue): number {
    const termOffset = this.claimTail(this.writer.framedLength(length), length);
    if (termOffset >= 0) {
      this.vectorWriter.write(this.partition, this.termId, termOffset, vectors, length, reservedValue);
    }
    return termOffset;
  }

  /** As {@link append}, for `length` bytes of one frame that the caller will write through `claim`. */
  claim(length: number, claim: BufferClaim): number {
    const termOffset = this.claimTail(align32(length + HEADER_LENGTH), length);
    if (termOffset >= 0) this.writer.writeClaim(this.partition, this.termId, termOffset, length, claim);
    return termOffset;
  }

  /** Takes `required` bytes of the active term. */
  private claimTail(required: number, length: number): number {
    const i32 = this.i32;
    const termLength = this.termLength;
    const termCount = loadAcquire(i32, this.activeTermCountIndex);
    const partition = (termCount >>> 0) % PARTITION_COUNT;
    const tailIndex = this.tailsIndex + 2 * partition;
    const termIdBefore = loadAcquire(i32, tailIndex + 1);
    const tailBefore = loadAcquire(i32, tailIndex) >>> 0;
    if (((termIdBefore - this.initialTermId) | 0) !== termCount) return ADMIN_ACTION;

    const offsetBefore = Math.min(tailBefore, termLength);
    this.limit.load();
    this.positionBefore = computePosition(termIdBefore, offsetBefore, this.bits, this.initialTermId);
    if (this.positionBefore >= this.limit.value) return this.backPressureStatus(length);

    const termOffset = Atomics.add(i32, tailIndex, required) >>> 0;
    const termId = loadAcquire(i32, tailIndex + 1);
    if (termId !== termIdBefore && termOffset >= termLength) return ADMIN_ACTION;

    const end = termOffset + required;
    if (end > termLength) return this.endTerm(partition, termId, termOffset, end);
    this.partition = partition;
    this.termId = termId;
    this.position = computePosition(termId, end, this.bits, this.initialTermId);
    return termOffset;
  }

  /**
   * The claim does not fit. Only the producer whose claim crosses the end of the term fills what is left of
   * it.
   */
  private endTerm(partition: number, termId: number, termOffset: number, end: number): number {
    if (termOffset < this.termLength) {
      this.writer.writePadding(partition, termId, termOffset, this.termLength - termOffset);
    }
    if (computePosition(termId, end, this.bits, this.initialTermId) >= this.maxPossiblePosition) {
      return MAX_POSITION_EXCEEDED;
    }
    rotateLog(this.log, (termId - this.initialTermId) | 0, termId);
    return ADMIN_ACTION;
  }

  private backPressureStatus(length: number): number {
    if (this.positionBefore + align32(length + HEADER_LENGTH) >= this.maxPossiblePosition)
      return MAX_POSITION_EXCEEDED;
    return this.log.isConnected() ? BACK_PRESSURED : NOT_CONNECTED;
  }
}
