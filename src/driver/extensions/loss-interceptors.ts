// hot
import type { Region } from '../../memory/region.ts';
import {
  DATA_SESSION_ID,
  DATA_STREAM_ID,
  DATA_TERM_ID,
  DATA_TERM_OFFSET,
} from '../../protocol/data-frame.ts';
import { frameType, HEADER_LENGTH, TYPE, TYPE_DATA } from '../../protocol/frame.ts';
import type { IncomingInterceptor } from '../../transport/interceptors.ts';
import type { DatagramHandler } from '../../transport/transport.ts';
import { StreamOffsets } from './stream-offsets.ts';

/** Hands on what it does not drop. */
abstract class DroppingInterceptor implements IncomingInterceptor {
  onDatagram(
    next: DatagramHandler,
    region: Region,
    offset: number,
    length: number,
    sourceAddress: number,
    sourcePort: number,
  ): void {
    if (this.drops(region.view, offset, length)) return;
    next.onDatagram(region, offset, length, sourceAddress, sourcePort);
  }

  protected abstract drops(view: DataView, offset: number, length: number): boolean;
}

/** Drops a share of the datagrams whose first frame has one of some types. */
export class LossInterceptor extends DroppingInterceptor {
  private readonly rate: number;
  private readonly typeMask: number;
  /** Two halves, 24 bits each, of the state of POSIX's `erand48`: a seed loses what it loses for the official driver. */
  private high: number;
  private low: number;

  /** `rate` is 0 to 1, bit `1 << type` of `typeMask` says that frames of a type may be lost; `seed` has 48 bits. */
  constructor(rate: number, seed: number, typeMask: number) {
    super();
    this.rate = rate;
    this.typeMask = typeMask;
    // The official driver puts the lowest 16 bits of the seed highest.
    const x2 = seed % 65536;
    const x1 = Math.floor(seed / 65536) % 65536;
    const x0 = Math.floor(seed / 4294967296) % 65536;
    this.high = x2 * 256 + (x1 >>> 8);
    this.low = (x1 & 0xff) * 65536 + x0;
  }

  protected drops(view: DataView, offset: number, length: number): boolean {
    if (this.rate === 0 || length < TYPE + 2) return false;
    const type = frameType(view, offset);
    if (type > 31 || (this.typeMask & (1 << type)) === 0) return false;
    return this.nextFraction() <= this.rate;
  }

  /** x = x * 0x5DEECE66D + 0xB, modulo 2^48: each product below stays under 2^53. */
  private nextFraction(): number {
    const low = this.low * 0xece66d + 0xb;
    const high = this.high * 0xece66d + this.low * 0x5de + Math.floor(low / 16777216);
    this.low = low % 16777216;
    this.high = high % 16777216;
    return (this.high * 16777216 + this.low) / 281474976710656;
  }
}

/** Drops one range of one term, of each stream, once: from the stream's first datagram on to the end of the range. */
export class FixedLossInterceptor extends DroppingInterceptor {
  private readonly termId: number;
  private readonly limit: number;
  private readonly offsets: StreamOffsets = new StreamOffsets();

  /** The range is `length` bytes from `termOffset`. */
  constructor(termId: number, termOffset: number, length: number) {
    super();
    this.termId = termId;
    this.limit = termOffset + length;
  }

  protected drops(view: DataView, offset: number, length: number): boolean {
    if (!isDataOfTerm(view, offset, length, this.termId)) return false;
    const streamId = view.getInt32(offset + DATA_STREAM_ID, true);
    const sessionId = view.getInt32(offset + DATA_SESSION_ID, true);
    const start = view.getInt32(offset + DATA_TERM_OFFSET, true);
    const known = this.offsets.get(streamId, sessionId);
    const next = known < 0 ? start : known;
    const drops = next < this.limit && start <= next && next < start + length;
    return this.offsets.set(streamId, sessionId, drops ? start + length : next) && drops;
  }
}

/** Drops a range at every multiple of a distance in one term, of each stream, once; what is sent again arrives. */
export class MultiGapLossInterceptor extends DroppingInterceptor {
  private readonly termId: number;
  private readonly radix: number;
  private readonly gapLength: number;
  private readonly lastGapLimit: number;
  private readonly offsets: StreamOffsets = new StreamOffsets();

  /** `gapRadix` is a power of two; gaps start at it and its multiples, `totalGaps` of them. */
  constructor(termId: number, gapRadix: number, gapLength: number, totalGaps: number) {
    super();
    this.termId = termId;
    this.radix = gapRadix;
    this.gapLength = gapLength;
    this.lastGapLimit = totalGaps * gapRadix + gapLength;
  }

  protected drops(view: DataView, offset: number, length: number): boolean {
    if (!isDataOfTerm(view, offset, length, this.termId)) return false;
    const start = view.getInt32(offset + DATA_TERM_OFFSET, true);
    if (start > this.lastGapLimit) return false;
    const streamId = view.getInt32(offset + DATA_STREAM_ID, true);
    const sessionId = view.getInt32(offset + DATA_SESSION_ID, true);
    const passed = this.offsets.get(streamId, sessionId) > start;
    if (passed || !this.touchesGap(start, length)) return false;
    return this.offsets.set(streamId, sessionId, start + length);
  }

  private touchesGap(start: number, length: number): boolean {
    const previousGap = start - (start % this.radix);
    const isInGap = start === previousGap || start < previousGap + this.gapLength;
    return (previousGap > 0 && isInGap) || start + length > previousGap + this.radix;
  }
}

function isDataOfTerm(view: DataView, offset: number, length: number, termId: number): boolean {
  if (length < HEADER_LENGTH || frameType(view, offset) !== TYPE_DATA) return false;
  return view.getInt32(offset + DATA_TERM_ID, true) === termId;
}
