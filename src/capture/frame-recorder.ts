// hot
import { type Clock, EpochNs } from '../concurrent/clock.ts';
import {
  BURST_CAPACITY,
  type Device,
  RX_LENGTH,
  RX_OFFSET,
  RX_WORDS,
  TX_FLAGS,
  TX_FRAME,
  TX_HANDLE,
  TX_LENGTH,
  TX_OFFSET,
  TX_WORDS,
  txHeaderLength,
} from '../device/device.ts';
import type { FrameTap } from '../device/frame-tap.ts';
import { CopyBurst } from '../memory/copy-burst.ts';
import { loadAcquire, storeRelease } from '../memory/ordered.ts';
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

/** A frame is two ranges at most, header and payload; a burst is copied in one call. */
const COPIES_PER_FRAME = 2;

/**
 * Writes the frames of one network agent into its ring of a capture file. Never waits: what finds no room is counted as
 * dropped. All frames of a burst have the time at which the burst was seen.
 */
export class FrameRecorder implements FrameTap {
  private readonly i32: Int32Array;
  private readonly f64: Float64Array;
  private readonly handle: number;
  private readonly ring: RingLayout;
  private readonly snapLength: number;
  private readonly clock: Clock;
  private readonly epochNs: EpochNs = new EpochNs();
  private readonly copies: CopyBurst = new CopyBurst(COPIES_PER_FRAME * BURST_CAPACITY);
  /** Bytes written, modulo 2^32, and as far as the reader was known to have come. */
  private tail: number;
  private head = 0;

  constructor(file: CaptureFile, ringIndex: number, clock: Clock) {
    const { region } = file;
    this.i32 = region.i32;
    this.f64 = new Float64Array(region.buffer, 0, Math.floor(region.byteLength / 8));
    this.handle = region.handle;
    this.ring = file.ring(ringIndex);
    this.snapLength = file.snapLength;
    this.clock = clock;
    this.tail = this.i32[this.ring.tail >> 2]!;
  }

  onReceive(device: Device, count: number): void {
    this.begin();
    const { rxWords } = device;
    const { handle } = device.memory;
    for (let i = 0; i < count; i++) {
      const word = i * RX_WORDS;
      const length = rxWords[word + RX_LENGTH]!;
      const at = this.append(DIRECTION_IN, length);
      if (at < 0) continue;
      this.copies.add(this.handle, at, handle, rxWords[word + RX_OFFSET]!, Math.min(length, this.snapLength));
    }
    this.end();
  }

  onTransmit(device: Device, count: number): void {
    this.begin();
    const { txWords } = device;
    const { handle } = device.memory;
    for (let i = 0; i < count; i++) {
      const word = i * TX_WORDS;
      const payloadLength = txWords[word + TX_LENGTH]!;
      const headers = txHeaderLength(txWords[word + TX_FLAGS]!);
      const at = this.append(DIRECTION_OUT, headers + payloadLength);
      if (at < 0) continue;
      const headerLength = Math.min(headers, this.snapLength);
      const length = Math.min(payloadLength, this.snapLength - headerLength);
      this.copies.add(this.handle, at, handle, txWords[word + TX_FRAME]!, headerLength);
      if (length === 0) continue;
      const payloadHandle = txWords[word + TX_HANDLE]!;
      this.copies.add(this.handle, at + headerLength, payloadHandle, txWords[word + TX_OFFSET]!, length);
    }
    this.end();
  }

  /** Gives its own memory back. Cold. */
  close(): void {
    this.copies.close();
  }

  private begin(): void {
    this.clock.readEpochNs(this.epochNs);
    this.head = loadAcquire(this.i32, this.ring.head >> 2);
  }

  /** Makes the record of a frame. Returns where the frame's bytes go, or -1 when it is dropped. */
  private append(direction: number, wireLength: number): number {
    const { i32, ring } = this;
    const captured = Math.min(wireLength, this.snapLength);
    const length = recordLength(captured);
    const offset = this.tail & (ring.length - 1);
    const toEnd = ring.length - offset;
    const padding = length > toEnd ? toEnd : 0;
    // The reader's word is not believed: one that is impossible makes the ring look full.
    const used = (this.tail - this.head) | 0;
    if (used < 0 || used + padding + length > ring.length) {
      this.f64[ring.dropped >> 3]!++;
      return -1;
    }
    if (padding > 0) {
      const at = (ring.records + offset) >> 2;
      i32[at + (RECORD_LENGTH >> 2)] = padding;
      i32[at + (RECORD_DIRECTION >> 2)] = DIRECTION_PADDING;
    }
    const start = ring.records + (padding > 0 ? 0 : offset);
    const at = start >> 2;
    i32[at + (RECORD_LENGTH >> 2)] = length;
    i32[at + (RECORD_DIRECTION >> 2)] = direction;
    i32[at + (RECORD_WIRE_LENGTH >> 2)] = wireLength;
    i32[at + (RECORD_CAPTURED_LENGTH >> 2)] = captured;
    i32[at + (RECORD_EPOCH_NS >> 2)] = this.epochNs.low;
    i32[at + (RECORD_EPOCH_NS >> 2) + 1] = this.epochNs.high;
    this.tail = (this.tail + padding + length) | 0;
    this.f64[ring.frames >> 3]!++;
    return start + RECORD_HEADER_LENGTH;
  }

  private end(): void {
    this.copies.copy();
    // Pairs with the reader's load: the records are there when it sees the tail.
    storeRelease(this.i32, this.ring.tail >> 2, this.tail);
  }
}
