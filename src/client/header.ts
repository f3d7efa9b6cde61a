// hot
import { computePosition } from '../logbuffer/descriptor.ts';
import type { Region } from '../memory/region.ts';
import {
  DATA_RESERVED_VALUE,
  DATA_SESSION_ID,
  DATA_STREAM_ID,
  DATA_TERM_ID,
  DATA_TERM_OFFSET,
} from '../protocol/data-frame.ts';
import { HEADER_LENGTH } from '../protocol/frame.ts';
import { align32 } from '../util/bits.ts';
import type { Image } from './image.ts';

/** {@link Header.fragmentedFrameLength} of a header that is not an assembled message's. */
export const NOT_FRAGMENTED = -1;

/**
 * The header of the fragment or message that a handler was given. One object is used again for every
 * fragment: read what you need during the call.
 */
export class Header {
  /** Index of the header's first word. Not for applications. */
  index = 0;
  /** The image the fragment was read from. */
  readonly image: Image;
  readonly initialTermId: number;
  /** The log that payloads are copied from. Not for applications. */
  readonly region: Region;
  /**
   * Of an assembled message: bytes of the frame that would end where its last fragment does. Otherwise -1.
   */
  fragmentedFrameLength: number = NOT_FRAGMENTED;
  private readonly i32: Int32Array;
  private readonly b64: BigInt64Array;
  private readonly bits: number;

  /** `i32` and `b64` are the same memory: the log's, or 32 bytes of an assembler. */
  constructor(
    image: Image,
    region: Region,
    i32: Int32Array,
    b64: BigInt64Array,
    initialTermId: number,
    bits: number,
  ) {
    this.image = image;
    this.initialTermId = initialTermId;
    this.region = region;
    this.i32 = i32;
    this.b64 = b64;
    this.bits = bits;
  }

  /** Where the stream is after this fragment: what the image's position becomes. */
  get position(): number {
    const length =
      this.fragmentedFrameLength === NOT_FRAGMENTED ? this.frameLength : this.fragmentedFrameLength;
    return computePosition(this.termId, this.termOffset + align32(length), this.bits, this.initialTermId);
  }

  /** Bytes of the frame, its header of 32 bytes included. */
  get frameLength(): number {
    return this.i32[this.index]!;
  }

  /** `FLAG_BEGIN` 0x80 and `FLAG_END` 0x40: both on a message in one fragment, and on an assembled one. */
  get flags(): number {
    return (this.i32[this.index + 1]! >>> 8) & 0xff;
  }

  /** The frame type; data is 1. */
  get type(): number {
    return this.i32[this.index + 1]! >>> 16;
  }

  /** Where the frame starts in its term. */
  get termOffset(): number {
    return this.i32[this.index + (DATA_TERM_OFFSET >> 2)]!;
  }

  get termId(): number {
    return this.i32[this.index + (DATA_TERM_ID >> 2)]!;
  }

  get sessionId(): number {
    return this.i32[this.index + (DATA_SESSION_ID >> 2)]!;
  }

  get streamId(): number {
    return this.i32[this.index + (DATA_STREAM_ID >> 2)]!;
  }

  /** 64 bits that the publisher may set. */
  get reservedValue(): bigint {
    return this.b64[(this.index >> 1) + (DATA_RESERVED_VALUE >> 3)]!;
  }

  /**
   * Byte offset in the log of the payload, as native code takes it: wrapped to 32 bits. Not for
   * applications.
   */
  get payloadStart(): number {
    return ((this.index << 2) + HEADER_LENGTH) | 0;
  }

  /** A header of its own memory, to become an assembled message's. Cold. */
  cloneEmpty(): Header {
    const b64 = new BigInt64Array(HEADER_LENGTH >> 3);
    const i32 = new Int32Array(b64.buffer);
    return new Header(this.image, this.region, i32, b64, this.initialTermId, this.bits);
  }

  /** Copies the words of another header, before they are assembled. */
  copyFrom(other: Header): void {
    for (let i = 0; i < HEADER_LENGTH >> 2; i++) this.i32[i] = other.i32[other.index + i]!;
    this.fragmentedFrameLength = other.fragmentedFrameLength;
  }

  /**
   * Makes this the header of a whole message whose last fragment ends `fragmentedFrameLength` bytes after
   * its start.
   */
  assembled(frameLength: number, flags: number, fragmentedFrameLength: number): void {
    this.i32[0] = frameLength;
    this.i32[1] = (this.i32[1]! & 0xffff00ff) | (flags << 8);
    this.fragmentedFrameLength = fragmentedFrameLength;
  }
}
