// hot
import {
  maxMessageLength,
  PARTITION_COUNT,
  partitionIndexOf,
  termOffsetOf,
} from '../logbuffer/descriptor.ts';
import type { LogBuffers } from '../logbuffer/log-buffers.ts';
import { getPosition, setPositionRelease } from '../memory/position.ts';
import { HEADER_LENGTH, TYPE_PAD } from '../protocol/frame.ts';
import { align32 } from '../util/bits.ts';
import {
  type ControlledFragmentHandler,
  ControlledPollAction,
  type FragmentHandler,
} from './fragment-handler.ts';
import { Header } from './header.ts';
import type { PositionWord } from './position-word.ts';
import { termBuffersOf } from './term-buffers.ts';

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
  /** The counter through which the driver learns how far we have read. */
  readonly position: PositionWord;
}

/**
 * One publisher's stream as a subscription receives it: a replica of its log. It appears when the publisher does, and is closed when
 * the publisher went away or was silent for too long. Read it from one thread, through the subscription or alone.
 */
export class Image {
  /** Identifies the stream among those of its channel and stream id; the publisher's. */
  readonly sessionId: number;
  /** Names the image to the driver. */
  readonly correlationId: number;
  /** Where the stream comes from: `address:port`, or `aeron:ipc`. */
  readonly sourceIdentity: string;
  /** The position it was joined at: messages before it were not received. */
  readonly joinPosition: number;
  readonly initialTermId: number;
  readonly termLength: number;
  readonly mtu: number;
  /** Bytes of the longest message its publisher can send. */
  readonly maxMessageLength: number;
  /** Up to where the application has read. The field holds doubles. */
  private readPosition = 0.5;
  private closed = false;
  private termOffset: number;
  private partition: number;
  private readonly owner: ImageOwner;
  private readonly log: LogBuffers;
  private readonly i32: Int32Array;
  private readonly terms: readonly Buffer[];
  private readonly header: Header;
  private readonly counterI32: Int32Array;
  private readonly counterB64: BigInt64Array;
  private readonly counterIndex: number;
  private finalEosPosition = 0.5;
  private finalIsRevoked = false;

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
    this.readPosition = joinPosition;
    this.termOffset = termOffsetOf(joinPosition, log.termLength);
    this.partition = partitionIndexOf(joinPosition, log.bits);
    this.owner = owner;
    this.log = log;
    this.i32 = log.region.i32;
    this.terms = termBuffersOf(log);
    this.header = new Header(this, log.region, log.region.i32, log.region.b64, log.initialTermId, log.bits);
    this.counterI32 = position.i32;
    this.counterB64 = position.b64;
    this.counterIndex = position.index;
  }

  /** Up to where the application has read; after the image closed, how far it got. */
  get position(): number {
    return this.readPosition;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** Whether the publisher closed the stream and everything it sent was read. */
  get isEndOfStream(): boolean {
    return this.readPosition >= this.endOfStreamPosition;
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
   * Hands up to `fragmentLimit` fragments to `handler`. Returns how many there were. What the handler throws comes out of
   * here, and that fragment counts as read.
   */
  poll(handler: FragmentHandler, fragmentLimit: number): number {
    return this.closed ? 0 : this.pollTerm(handler, fragmentLimit, this.termLength);
  }

  /** As {@link poll}, for fragments that start before `limitPosition`. */
  boundedPoll(handler: FragmentHandler, limitPosition: number, fragmentLimit: number): number {
    if (this.closed || limitPosition <= this.readPosition) return 0;
    const limitOffset = this.termOffset + (limitPosition - this.readPosition);
    return this.pollTerm(handler, fragmentLimit, Math.min(limitOffset, this.termLength));
  }

  /** As {@link poll}, with a handler that says after each fragment what happens next. */
  controlledPoll(handler: ControlledFragmentHandler, fragmentLimit: number): number {
    if (this.closed) return 0;
    const { i32, termLength, header } = this;
    const start = (this.partition * termLength) / 4;
    const term = this.terms[this.partition]!;
    let offset = this.termOffset;
    let fragments = 0;
    try {
      while (fragments < fragmentLimit && offset < termLength && !this.closed) {
        const frameOffset = offset;
        const index = start + (frameOffset >> 2);
        const frameLength = Atomics.load(i32, index);
        if (frameLength <= 0) break;
        if (frameLength < HEADER_LENGTH || frameLength > termLength - frameOffset) {
          this.owner.onMalformedFrame(this, frameOffset, frameLength);
          break;
        }
        offset += align32(frameLength);
        if (i32[index + 1]! >>> 16 === TYPE_PAD) continue;
        fragments++;
        header.index = index;
        const action = handler(term, frameOffset + HEADER_LENGTH, frameLength - HEADER_LENGTH, header);
        if (action === ControlledPollAction.ABORT) {
          fragments--;
          offset = frameOffset;
          break;
        }
        if (action === ControlledPollAction.BREAK) break;
        if (action === ControlledPollAction.COMMIT && offset < termLength) this.advanceTo(offset);
      }
    } finally {
      this.advanceTo(offset);
    }
    return fragments;
  }

  /**
   * Tells the publisher that this stream is not wanted; it is closed on both sides. `reason`, at most 1023 bytes, reaches the
   * publisher as an error. Resolves when the driver has taken note.
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
  }

  private pollTerm(handler: FragmentHandler, fragmentLimit: number, limitOffset: number): number {
    const { i32, termLength, header } = this;
    const start = (this.partition * termLength) / 4;
    const term = this.terms[this.partition]!;
    let offset = this.termOffset;
    let fragments = 0;
    try {
      while (fragments < fragmentLimit && offset < limitOffset && !this.closed) {
        const frameOffset = offset;
        const index = start + (frameOffset >> 2);
        // Pairs with the store that commits a frame.
        const frameLength = Atomics.load(i32, index);
        if (frameLength <= 0) break;
        if (frameLength < HEADER_LENGTH || frameLength > termLength - frameOffset) {
          this.owner.onMalformedFrame(this, frameOffset, frameLength);
          break;
        }
        offset += align32(frameLength);
        if (i32[index + 1]! >>> 16 === TYPE_PAD) continue;
        fragments++;
        header.index = index;
        handler(term, frameOffset + HEADER_LENGTH, frameLength - HEADER_LENGTH, header);
      }
    } finally {
      this.advanceTo(offset);
    }
    return fragments;
  }

  /** Tells the driver how far the application has read: it may overwrite what is before. */
  private advanceTo(offset: number): void {
    if (offset === this.termOffset || this.closed) return;
    this.readPosition += offset - this.termOffset;
    if (offset < this.termLength) {
      this.termOffset = offset;
    } else {
      this.termOffset = 0;
      this.partition = (this.partition + 1) % PARTITION_COUNT;
    }
    setPositionRelease(this.counterI32, this.counterB64, this.counterIndex, this.readPosition);
  }
}
