// hot

import { copyIn } from '../memory/bytes.ts';
import type { Region } from '../memory/region.ts';
import { FLAG_BEGIN, FLAG_END } from '../protocol/data-frame.ts';
import { HEADER_LENGTH, TYPE_DATA } from '../protocol/frame.ts';
import { align32 } from '../util/bits.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { ReservedValue } from './reserved-value.ts';

/** Writes messages whose bytes are in several places, in as many frames as they need. */
export class VectorWriter {
  private readonly writer: FrameWriter;
  private readonly region: Region;
  private readonly termLength: number;
  /** How far the message in progress was taken: a vector, and an offset in it. */
  private vectorIndex = 0;
  private vectorOffset = 0;

  constructor(writer: FrameWriter, region: Region, termLength: number) {
    this.writer = writer;
    this.region = region;
    this.termLength = termLength;
  }

  /** As `FrameWriter.writeMessage`; `length` is that of all vectors together. */
  write(
    partition: number,
    termId: number,
    termOffset: number,
    vectors: readonly Uint8Array[],
    length: number,
    reservedValue: ReservedValue,
  ): void {
    const { writer } = this;
    const { maxPayloadLength } = writer;
    this.vectorIndex = 0;
    this.vectorOffset = 0;
    let flags = FLAG_BEGIN;
    let frameOffset = termOffset;
    let remaining = length;
    do {
      const payloadLength = Math.min(remaining, maxPayloadLength);
      if (remaining <= maxPayloadLength) flags |= FLAG_END;
      const frameLength = payloadLength + HEADER_LENGTH;
      const index = writer.begin(partition, termId, frameOffset, frameLength, flags, TYPE_DATA);
      this.gather(vectors, partition * this.termLength + frameOffset + HEADER_LENGTH, payloadLength);
      writer.commit(index, partition, frameOffset, payloadLength, reservedValue);
      flags = 0;
      frameOffset += align32(frameLength);
      remaining -= payloadLength;
    } while (remaining > 0);
  }

  /** Copies the next `length` bytes to `start`, an offset in the log. */
  private gather(vectors: readonly Uint8Array[], start: number, length: number): void {
    let copied = 0;
    while (copied < length) {
      const vector = vectors[this.vectorIndex]!;
      const count = Math.min(length - copied, vector.length - this.vectorOffset);
      // Wrapped to 32 bits, as native code takes it: an offset beyond 2^31 would be boxed.
      copyIn(this.region, (start + copied) | 0, vector, this.vectorOffset, count);
      copied += count;
      this.vectorOffset += count;
      if (this.vectorOffset === vector.length) {
        this.vectorIndex++;
        this.vectorOffset = 0;
      }
    }
  }
}
