// hot

import { computePosition, maxMessageLength, PARTITION_COUNT } from '../logbuffer/descriptor.ts';
import type { LogBuffers } from '../logbuffer/log-buffers.ts';
import { rotateLog } from '../logbuffer/rotate-log.ts';
import { storeRelease } from '../memory/ordered.ts';
import { FLAG_UNFRAGMENTED } from '../protocol/data-frame.ts';
import { HEADER_LENGTH } from '../protocol/frame.ts';
import { align32 } from '../util/bits.ts';
import type { BufferClaim } from './buffer-claim.ts';
import { FrameWriter } from './frame-writer.ts';
import { ADMIN_ACTION, BACK_PRESSURED, MAX_POSITION_EXCEEDED, NOT_CONNECTED } from './offer-result.ts';
import type { PositionWord } from './position-word.ts';
import type { ReservedValue } from './reserved-value.ts';
import { VectorWriter } from './vector-writer.ts';

/**
 * Appends to a log that nobody else appends to: the tail is known, so nothing is claimed by atomic
 * operations. The raw tail is still stored, before the frames, for the driver. Its high half, the term id,
 * changes only when the log rotates.
 */
export class ExclusiveAppender {
  readonly maxPayloadLength: number;
  readonly maxMessageLength: number;
  readonly maxPossiblePosition: number;
  /** Where the term that is being written starts in the stream. The field holds doubles. */
  private termPosition = 0.5;
  /** The low half of that, as an integer. */
  private termPositionLow = 0;
  private readonly log: LogBuffers;
  private readonly i32: Int32Array;
  private readonly limit: PositionWord;
  private readonly tailsIndex: number;
  private readonly termLength: number;
  private readonly initialTermId: number;
  private readonly writer: FrameWriter;
  private readonly vectorWriter: VectorWriter;
  private termId: number;
  private termOffset: number;
  private partition: number;

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
    this.termLength = log.termLength;
    this.initialTermId = log.initialTermId;
    this.partition = (log.activeTermCount() >>> 0) % PARTITION_COUNT;
    this.termId = log.rawTailTermId(this.partition);
    this.termOffset = log.rawTailOffset(this.partition);
    this.termPosition = computePosition(this.termId, 0, log.bits, this.initialTermId);
    this.termPositionLow = this.termPosition | 0;
  }

  /** Where the stream ends now. */
  get position(): number {
    return this.termPosition + this.termOffset;
  }

  /**
   * Appends a message of `length` bytes, at most {@link maxMessageLength}; the caller checked that and the
   * range. Returns the term offset of its first frame, and its end in {@link position}; or a negative
   * result.
   */
  append(buffer: Uint8Array, offset: number, length: number, reservedValue: ReservedValue): number {
    if (length > this.maxPayloadLength) return this.appendFragments(buffer, offset, length, reservedValue);
    const termOffset = this.claimTail(align32(length + HEADER_LENGTH), length);
    if (termOffset >= 0) {
      this.writer.writeFrame(
        this.partition,
        this.termId,
        termOffset,
        FLAG_UNFRAGMENTED,
        buffer,
        offset,
        length,
        reservedValue,
      );
    }
    return termOffset;
  }

  private appendFragments(
    buffer: Uint8Array,
    offset: number,
    length: number,
    reservedValue: ReservedValue,
  ): number {
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

  /** As {@link append}, for a frame of `length` bytes after its header that readers skip. */
  appendPadding(length: number): number {
    const termOffset = this.claimTail(align32(length + HEADER_LENGTH), length);
    if (termOffset >= 0) {
      this.writer.writePadding(this.partition, this.termId, termOffset, length + HEADER_LENGTH);
    }
    return termOffset;
  }

  /** The term that the next frame goes to. */
  get nextTermId(): number {
    return this.termOffset < this.termLength ? this.termId : (this.termId + 1) | 0;
  }

  /** Where in that term. */
  get nextTermOffset(): number {
    return this.termOffset < this.termLength ? this.termOffset : 0;
  }

  /** Whether the frame at `offset` says that it is the next one of this stream. */
  isNextHeader(block: Uint8Array, offset: number): boolean {
    return this.writer.isNextHeader(block, offset, this.nextTermId, this.nextTermOffset);
  }

  /**
   * As {@link append}, for frames that are complete, headers included. The caller checked the first one, and that
   * they fit into the term.
   */
  appendBlock(block: Uint8Array, offset: number, length: number): number {
    if (this.termOffset === this.termLength) {
      const result = this.endTerm(this.termOffset);
      if (result !== ADMIN_ACTION) return result;
    }
    const termOffset = this.claimTail(length, length);
    if (termOffset >= 0) this.writer.writeBlock(this.partition, termOffset, block, offset, length);
    return termOffset;
  }

  private claimTail(required: number, length: number): number {
    const termOffset = this.termOffset;
    // Limit and position are less than 2^31 apart: their low halves tell which is ahead, without a double.
    if (((this.limit.loadLow() - this.termPositionLow - termOffset) | 0) <= 0)
      return this.backPressureStatus(length);
    const end = termOffset + required;
    storeRelease(this.i32, this.tailsIndex + 2 * this.partition, end);
    if (end > this.termLength) return this.endTerm(termOffset);
    this.termOffset = end;
    return termOffset;
  }

  private endTerm(termOffset: number): number {
    const paddingLength = this.termLength - termOffset;
    if (paddingLength > 0) {
      this.writer.writePadding(this.partition, this.termId, termOffset, paddingLength);
      this.termOffset = this.termLength;
    }
    if (this.termPosition + this.termOffset >= this.maxPossiblePosition) return MAX_POSITION_EXCEEDED;
    const termCount = (this.termId - this.initialTermId) | 0;
    rotateLog(this.log, termCount, this.termId);
    this.partition = (termCount + 1) % PARTITION_COUNT;
    this.termId = (this.termId + 1) | 0;
    this.termPosition += this.termLength;
    this.termPositionLow = this.termPosition | 0;
    this.termOffset = 0;
    return ADMIN_ACTION;
  }

  private backPressureStatus(length: number): number {
    // The sum once more, instead of `position`: a getter that is not inlined here boxes it.
    const position = this.termPosition + this.termOffset;
    if (position + align32(length + HEADER_LENGTH) >= this.maxPossiblePosition) return MAX_POSITION_EXCEEDED;
    return this.log.isConnected() ? BACK_PRESSURED : NOT_CONNECTED;
  }
}
