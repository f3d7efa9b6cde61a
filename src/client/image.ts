// hot

import { closeSync, openSync } from 'node:fs';
import {
  maxMessageLength,
  PARTITION_COUNT,
  partitionIndexOf,
  termOffsetOf,
} from '../logbuffer/descriptor.ts';
import type { LogBuffers } from '../logbuffer/log-buffers.ts';
import { loadAcquire, storeRelease } from '../memory/ordered.ts';
import { getPosition, setPositionRelease } from '../memory/position.ts';
import { DATA_TERM_ID, FLAG_END } from '../protocol/data-frame.ts';
import { FRAME_ALIGNMENT, HEADER_LENGTH, TYPE_PAD } from '../protocol/frame.ts';
import { align32 } from '../util/bits.ts';
import {
  type BlockHandler,
  type ControlledFragmentHandler,
  ControlledPollAction,
  type FileBlockHandler,
  type FragmentHandler,
} from './fragment-handler.ts';
import { Header } from './header.ts';
import type { PositionWord } from './position-word.ts';
import { termBuffersOf } from './term-buffers.ts';

const TERM_ID = DATA_TERM_ID >> 2;
const NO_FILE = -1;

/** What an image asks of the subscription it belongs to. */
export interface ImageOwner {
  rejectImage(image: Image, reason: string): Promise<void>;
  /** The log holds a frame length that no publisher could have written. */
  onMalformedFrame(image: Image, termOffset: number, frameLength: number): void;
}

export interface ImageSpec {
  readonly sessionId: number;
  readonly correlationId: number;
  readonly sourceIdentity: string;
  readonly log: LogBuffers;
  /** Of the log's file. */
  readonly path: string;
  /** The counter through which the driver learns how far we have read. */
  readonly position: PositionWord;
}

/**
 * One publisher's stream as a subscription receives it: a replica of its log. It appears when the publisher
 * does, and is closed when the publisher went away or was silent for too long. Read it from one thread,
 * through the subscription or alone.
 */
export class Image {
  // What a poll touches lies side by side: of a thousand images none is in a cache when its turn comes.
  private closed = false;
  /** Up to where the application has read in the term. */
  private termOffset: number;
  /** Up to where the driver was told that it has. */
  private publishedOffset: number;
  private partition: number;
  readonly termLength: number;
  private readonly i32: Int32Array;
  /** The one that is being read. */
  private term: Buffer;
  private readonly header: Header;
  /** The low half of {@link termPosition}, as an integer. */
  private termPositionLow: number;
  private readonly counterIndex: number;
  private readonly counterI32: Int32Array;
  /** Where the term that is being read starts in the stream. The field holds doubles. */
  private termPosition = 0.5;

  /** Identifies the stream among those of its channel and stream id; the publisher's. */
  readonly sessionId: number;
  /** Names the image to the driver. */
  readonly correlationId: number;
  /** Where the stream comes from: `address:port`, or `aeron:ipc`. */
  readonly sourceIdentity: string;
  /** The position it was joined at: messages before it were not received. */
  readonly joinPosition: number;
  readonly initialTermId: number;
  readonly mtu: number;
  /** Bytes of the longest message its publisher can send. */
  readonly maxMessageLength: number;
  private readonly owner: ImageOwner;
  private readonly log: LogBuffers;
  private readonly terms: readonly Buffer[];
  private readonly counterB64: BigInt64Array;
  private finalEosPosition = 0.5;
  private finalIsRevoked = false;
  private readonly path: string;
  /** The log as a file, once it is polled as one. */
  private file: number = NO_FILE;

  constructor(owner: ImageOwner, spec: ImageSpec) {
    const { log, position } = spec;
    const joinPosition = getPosition(position.i32, position.index);
    this.sessionId = spec.sessionId;
    this.correlationId = spec.correlationId;
    this.sourceIdentity = spec.sourceIdentity;
    this.joinPosition = joinPosition;
    this.initialTermId = log.initialTermId;
    this.termLength = log.termLength;
    this.mtu = log.mtu;
    this.maxMessageLength = maxMessageLength(log.termLength);
    this.termOffset = termOffsetOf(joinPosition, log.termLength);
    this.termPosition = joinPosition - this.termOffset;
    this.termPositionLow = this.termPosition | 0;
    this.publishedOffset = this.termOffset;
    this.partition = partitionIndexOf(joinPosition, log.bits);
    this.owner = owner;
    this.log = log;
    this.path = spec.path;
    this.i32 = log.region.i32;
    this.terms = termBuffersOf(log);
    this.term = this.terms[this.partition]!;
    this.header = new Header(this, log.region, log.region.i32, log.region.b64, log.initialTermId, log.bits);
    this.counterI32 = position.i32;
    this.counterB64 = position.b64;
    this.counterIndex = position.index;
  }

  /** Up to where the application has read; after the image closed, how far it got. */
  get position(): number {
    return this.termPosition + this.termOffset;
  }

  /**
   * Moves on without reading: what is between is skipped, for good. A position of a fragment, in the term that is
   * being read or at its end. Throws RangeError for another.
   */
  set position(position: number) {
    if (this.closed) return;
    this.termOffset = this.offsetOf(position);
    this.publishPosition();
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** Whether the publisher closed the stream and everything it sent was read. */
  get isEndOfStream(): boolean {
    return this.position >= this.endOfStreamPosition;
  }

  /** Where the stream ends; infinite while the publisher has not closed it. */
  get endOfStreamPosition(): number {
    return this.closed ? this.finalEosPosition : this.log.endOfStreamPosition();
  }

  /** Whether the publisher revoked the stream: took back what was not read yet. */
  get isPublicationRevoked(): boolean {
    return this.closed ? this.finalIsRevoked : this.log.isRevoked();
  }

  /** How many sources the driver hears this stream from; 0 when closed. */
  get activeTransportCount(): number {
    return this.closed ? 0 : this.log.activeTransportCount();
  }

  /**
   * Hands up to `fragmentLimit` fragments to `handler`, which must not poll this image itself. Returns how
   * many there were. What the handler throws comes out of here, and that fragment counts as read.
   */
  poll(handler: FragmentHandler, fragmentLimit: number): number {
    return this.closed ? 0 : this.pollTerm(handler, fragmentLimit, this.termLength);
  }

  /** As {@link poll}, for fragments that start before `limitPosition`. */
  boundedPoll(handler: FragmentHandler, limitPosition: number, fragmentLimit: number): number {
    if (this.closed || limitPosition <= this.position) return 0;
    return this.pollTerm(
      handler,
      fragmentLimit,
      Math.min(limitPosition - this.termPosition, this.termLength),
    );
  }

  /** As {@link poll}, with a handler that says after each fragment what happens next. */
  controlledPoll(handler: ControlledFragmentHandler, fragmentLimit: number): number {
    return this.closed ? 0 : this.controlledPollTerm(handler, fragmentLimit, this.termLength);
  }

  /** As {@link controlledPoll}, for fragments that start before `limitPosition`. */
  boundedControlledPoll(
    handler: ControlledFragmentHandler,
    limitPosition: number,
    fragmentLimit: number,
  ): number {
    if (this.closed || limitPosition <= this.position) return 0;
    return this.controlledPollTerm(
      handler,
      fragmentLimit,
      Math.min(limitPosition - this.termPosition, this.termLength),
    );
  }

  /**
   * Shows fragments from `initialPosition` up to `limitPosition` to `handler` without taking them: the image stays
   * where it is. Returns the position after the last whole message that was shown, to peek or to go on from; set
   * {@link position} to it to take what is before. ABORT and BREAK end the peek, the first in front of its fragment.
   * Throws RangeError for a position that is not a fragment's between {@link position} and the end of its term.
   */
  controlledPeek(initialPosition: number, handler: ControlledFragmentHandler, limitPosition: number): number {
    if (this.closed) return initialPosition;
    const offset = this.offsetOf(initialPosition);
    const limitOffset = Math.max(0, Math.min(limitPosition - this.termPosition, this.termLength)) | 0;
    return this.termPosition + this.peekTerm(offset, handler, limitOffset);
  }

  /**
   * Hands what is there to `handler` in one piece: whole frames, headers included, of at most `lengthLimit` bytes.
   * Padding comes alone. Returns the bytes that were read. What the handler throws comes out of here, and the block
   * counts as read.
   */
  blockPoll(handler: BlockHandler, lengthLimit: number): number {
    if (this.closed) return 0;
    const termOffset = this.termOffset;
    const length = this.takeBlock(lengthLimit);
    if (length > 0) {
      const termId = this.i32[(this.partition * this.termLength) / 4 + (termOffset >> 2) + TERM_ID]!;
      handler(this.term, termOffset, length, this.sessionId, termId);
    }
    this.publishPosition();
    return length;
  }

  /**
   * As {@link blockPoll}, with the file that the block is in, for system calls that copy between files or to sockets
   * without a way through memory.
   */
  filePoll(handler: FileBlockHandler, lengthLimit: number): number {
    if (this.closed) return 0;
    const termOffset = this.termOffset;
    const length = this.takeBlock(lengthLimit);
    if (length > 0) {
      if (this.file === NO_FILE) this.openFile();
      const fileOffset = this.partition * this.termLength + termOffset;
      const termId = this.i32[fileOffset / 4 + TERM_ID]!;
      const term = this.term;
      handler(this.file, fileOffset, term, termOffset, length, this.sessionId, termId);
    }
    this.publishPosition();
    return length;
  }

  private controlledPollTerm(
    handler: ControlledFragmentHandler,
    fragmentLimit: number,
    limitOffset: number,
  ): number {
    const { header } = this;
    const term = this.term;
    let fragments = 0;
    while (fragments < fragmentLimit) {
      const frameOffset = this.termOffset;
      const frameLength = this.nextFrame(limitOffset);
      if (frameLength === 0) break;
      if (frameLength < 0) continue;
      const action = handler(term, frameOffset + HEADER_LENGTH, frameLength - HEADER_LENGTH, header);
      if (action === ControlledPollAction.ABORT) {
        this.termOffset = frameOffset;
        break;
      }
      fragments++;
      if (action === ControlledPollAction.BREAK) break;
      if (action === ControlledPollAction.COMMIT && this.termOffset < this.termLength) this.publishPosition();
    }
    this.publishPosition();
    return fragments;
  }

  /**
   * Tells the publisher that this stream is not wanted; it is closed on both sides. `reason`, at most 1023
   * bytes, reaches the publisher as an error. Resolves when the driver has taken note.
   */
  reject(reason: string): Promise<void> {
    return this.owner.rejectImage(this, reason);
  }

  /** For subscriptions: closes the image and keeps what can still be asked. */
  internalClose(): void {
    if (this.closed) return;
    this.finalEosPosition = this.log.endOfStreamPosition();
    this.finalIsRevoked = this.log.isRevoked();
    this.closed = true;
    this.closeFile();
  }

  // cold
  private openFile(): void {
    this.file = openSync(this.path, 'r');
  }

  // cold
  private closeFile(): void {
    if (this.file !== NO_FILE) closeSync(this.file);
    this.file = NO_FILE;
  }

  /** Where a position is in the term that is being read. Throws RangeError when a reader cannot be there. */
  private offsetOf(position: number): number {
    const offset = (position - this.termPosition) | 0;
    if (
      this.termPosition + offset !== position ||
      offset < this.termOffset ||
      offset > this.termLength ||
      offset % FRAME_ALIGNMENT !== 0
    ) {
      throw new RangeError(
        `position ${position} is not a multiple of ${FRAME_ALIGNMENT} from ${this.position} to ` +
          `${this.termPosition + this.termLength}, the end of the term that is being read`,
      );
    }
    return offset;
  }

  /** Returns the offset after the last whole message that was shown. */
  private peekTerm(initialOffset: number, handler: ControlledFragmentHandler, limitOffset: number): number {
    const { header, i32 } = this;
    const term = this.term;
    let offset = initialOffset;
    let resultOffset = initialOffset;
    while (offset < limitOffset) {
      const frameLength = this.frameLengthAt(offset);
      if (frameLength === 0) break;
      const frameOffset = offset;
      const index = (this.partition * this.termLength) / 4 + (frameOffset >> 2);
      const flagsAndType = i32[index + 1]!;
      offset = frameOffset + align32(frameLength);
      if (flagsAndType >>> 16 === TYPE_PAD) {
        resultOffset = offset;
        continue;
      }
      header.index = index;
      const action = handler(term, frameOffset + HEADER_LENGTH, frameLength - HEADER_LENGTH, header);
      if (action === ControlledPollAction.ABORT) break;
      if (((flagsAndType >>> 8) & FLAG_END) === FLAG_END) resultOffset = offset;
      if (action === ControlledPollAction.BREAK) break;
    }
    return resultOffset;
  }

  /** Steps over committed frames of at most `lengthLimit` bytes together; padding ends it, or is alone. */
  private takeBlock(lengthLimit: number): number {
    const start = this.termOffset;
    const limitOffset = Math.min(start + lengthLimit, this.termLength);
    let offset = start;
    while (offset < limitOffset) {
      const frameLength = this.frameLengthAt(offset);
      if (frameLength === 0) break;
      const end = offset + align32(frameLength);
      if (this.i32[(this.partition * this.termLength) / 4 + (offset >> 2) + 1]! >>> 16 === TYPE_PAD) {
        if (offset === start) offset = end;
        break;
      }
      if (end > limitOffset) break;
      offset = end;
    }
    this.termOffset = offset;
    return offset - start;
  }

  /** The length of the committed frame at an offset of the term; 0 when there is none. */
  private frameLengthAt(termOffset: number): number {
    // Pairs with the store that commits a frame.
    const frameLength = loadAcquire(this.i32, (this.partition * this.termLength) / 4 + (termOffset >> 2));
    if (frameLength <= 0) return 0;
    if (frameLength >= HEADER_LENGTH && frameLength <= this.termLength - termOffset) return frameLength;
    this.owner.onMalformedFrame(this, termOffset, frameLength);
    return 0;
  }

  private pollTerm(handler: FragmentHandler, fragmentLimit: number, limitOffset: number): number {
    const { header } = this;
    const term = this.term;
    let fragments = 0;
    while (fragments < fragmentLimit) {
      const frameOffset = this.termOffset;
      const frameLength = this.nextFrame(limitOffset);
      if (frameLength === 0) break;
      if (frameLength < 0) continue;
      fragments++;
      handler(term, frameOffset + HEADER_LENGTH, frameLength - HEADER_LENGTH, header);
    }
    this.publishPosition();
    return fragments;
  }

  /**
   * Steps over the next frame, before its handler is called: when that throws, the frame counts as read all
   * the same. Returns the frame's length and points the header at it; -1 for padding; 0 when there is
   * nothing before `limitOffset`.
   */
  private nextFrame(limitOffset: number): number {
    const frameOffset = this.termOffset;
    if (frameOffset >= limitOffset || this.closed) return 0;
    const i32 = this.i32;
    const index = (this.partition * this.termLength) / 4 + (frameOffset >> 2);
    // Pairs with the store that commits a frame.
    const frameLength = loadAcquire(i32, index);
    if (frameLength <= 0) return 0;
    if (frameLength < HEADER_LENGTH || frameLength > this.termLength - frameOffset) {
      this.owner.onMalformedFrame(this, frameOffset, frameLength);
      return 0;
    }
    this.termOffset = frameOffset + align32(frameLength);
    if (i32[index + 1]! >>> 16 === TYPE_PAD) return -1;
    this.header.index = index;
    return frameLength;
  }

  /**
   * Tells the driver how far the application has read: it may overwrite what is before. A term starts at a multiple
   * of its length, so inside of it only the low half of the position changes.
   */
  private publishPosition(): void {
    const { termOffset } = this;
    if (termOffset === this.publishedOffset || this.closed) return;
    this.publishedOffset = termOffset;
    if (termOffset === this.termLength) this.startTerm();
    else storeRelease(this.counterI32, this.counterIndex, this.termPositionLow + termOffset);
  }

  private startTerm(): void {
    this.termPosition += this.termLength;
    this.termPositionLow = this.termPosition | 0;
    this.termOffset = 0;
    this.publishedOffset = 0;
    this.partition = (this.partition + 1) % PARTITION_COUNT;
    this.term = this.terms[this.partition]!;
    // Terms start at multiples of a power of two, so only one that starts at a multiple of 4 GiB changes the high half.
    if (this.termPositionLow !== 0) storeRelease(this.counterI32, this.counterIndex, this.termPositionLow);
    else setPositionRelease(this.counterI32, this.counterB64, this.counterIndex, this.termPosition);
  }
}
