import type { CaptureFile, RingLayout } from './capture-file.ts';
import {
  DIRECTION_IN,
  DIRECTION_OUT,
  DIRECTION_PADDING,
  RECORD_CAPTURED_LENGTH,
  RECORD_DIRECTION,
  RECORD_EPOCH_NS,
  RECORD_HEADER_LENGTH,
  RECORD_LENGTH,
  RECORD_WIRE_LENGTH,
  recordLength,
} from './capture-record.ts';

/** A frame as it was seen. */
export interface CapturedFrame {
  /** The network agent that had it. */
  readonly ring: number;
  readonly isOut: boolean;
  /** Nanoseconds since 1970. */
  readonly epochNs: bigint;
  /** Bytes on the wire, without the frame check sequence. */
  readonly wireLength: number;
  /** From the Ethernet header on, as many as were kept. Valid until the handler returns. */
  readonly bytes: Buffer;
}

/** Takes frames out of a capture file's rings. One reader a file. */
export class CaptureReader {
  private readonly file: CaptureFile;
  private readonly rings: readonly RingLayout[];

  constructor(file: CaptureFile) {
    this.file = file;
    this.rings = Array.from({ length: file.rings }, (_, index) => file.ring(index));
  }

  /** Hands over what has come, each ring in its order. Stops early when the handler returns false. Returns the frames. */
  poll(handler: (frame: CapturedFrame) => boolean): number {
    let frames = 0;
    for (let index = 0; index < this.rings.length; index++) {
      const { i32 } = this.file.region;
      const ring = this.rings[index]!;
      const tail = Atomics.load(i32, ring.tail >> 2);
      let head = i32[ring.head >> 2]!;
      let goesOn = true;
      while (head !== tail && goesOn) {
        const start = ring.records + (head & (ring.length - 1));
        const length = i32[(start + RECORD_LENGTH) >> 2]!;
        if (length < 8 || (length & 7) !== 0 || length > ((tail - head) | 0)) {
          head = tail; // No record of a driver: what is there is given up.
          break;
        }
        const frame = this.frameAt(index, start, length);
        head = (head + length) | 0;
        if (frame === null) continue;
        frames++;
        goesOn = handler(frame);
      }
      Atomics.store(i32, ring.head >> 2, head);
      if (!goesOn) break;
    }
    return frames;
  }

  /** Frames that network agent `ring` saw and that found no room, since the capture began. */
  counts(ring: number): { readonly frames: number; readonly dropped: number } {
    const { frames, dropped } = this.rings[ring]!;
    const { view } = this.file.region;
    return { frames: view.getFloat64(frames, true), dropped: view.getFloat64(dropped, true) };
  }

  get ringCount(): number {
    return this.rings.length;
  }

  private frameAt(ring: number, start: number, length: number): CapturedFrame | null {
    const { view, bytes } = this.file.region;
    const direction = view.getInt32(start + RECORD_DIRECTION, true);
    if (direction === DIRECTION_PADDING || (direction !== DIRECTION_IN && direction !== DIRECTION_OUT))
      return null;
    const captured = view.getInt32(start + RECORD_CAPTURED_LENGTH, true);
    if (captured < 0 || recordLength(captured) !== length) return null;
    const from = start + RECORD_HEADER_LENGTH;
    return {
      ring,
      isOut: direction === DIRECTION_OUT,
      epochNs: view.getBigUint64(start + RECORD_EPOCH_NS, true),
      wireLength: view.getInt32(start + RECORD_WIRE_LENGTH, true),
      bytes: bytes.subarray(from, from + captured),
    };
  }
}
