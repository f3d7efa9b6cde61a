// hot
/**
 * Messages whose length and content follow from (seed, producer, index), as in CheckedMessage.java under test/interop.
 * The two files change together. A message of 0 bytes carries nothing; every other one starts with
 *
 * ```
 *   0 checksum of the rest   4 producer   8 index   12 length   16 body
 * ```
 *
 * in little-endian int32s, and its body is a run of xorshift32. Nothing here allocates per message.
 */
export const CHECKED_MESSAGE_HEADER_LENGTH = 16;

const SMALL_LENGTH_MAX = 256;
const MEDIUM_LENGTH_MAX = 1500;

export interface CheckedStream {
  readonly seed: number;
  /** Bytes of the longest message, at least 16. */
  readonly maxLength: number;
}

/** Writes the messages of one producer. */
export class CheckedMessageWriter {
  private readonly seed: number;
  private readonly maxLength: number;
  private readonly producer: number;

  constructor(stream: CheckedStream, producer: number) {
    this.seed = stream.seed;
    this.maxLength = stream.maxLength;
    this.producer = producer;
  }

  lengthOf(index: number): number {
    return messageLength(stateOf(this.seed, this.producer, index), this.maxLength);
  }

  /** Writes message `index` and returns its length, at most `maxLength`. */
  write(view: DataView, offset: number, index: number): number {
    let state = stateOf(this.seed, this.producer, index);
    const length = messageLength(state, this.maxLength);
    if (length === 0) return 0;
    view.setInt32(offset + 4, this.producer, true);
    view.setInt32(offset + 8, index, true);
    view.setInt32(offset + 12, length, true);
    state |= 1;
    let at = CHECKED_MESSAGE_HEADER_LENGTH;
    for (; at + 4 <= length; at += 4) {
      state = xorshift(state);
      view.setInt32(offset + at, state, true);
    }
    state = xorshift(state);
    for (; at < length; at++) {
      view.setInt8(offset + at, state);
      state >>>= 8;
    }
    view.setInt32(offset, checksum(view, offset, length), true);
    return length;
  }
}

/**
 * Counts what arrived and what went wrong on the way. Producers are 0 … producers-1, each sends `count` messages.
 * Several producers may share one publication, so an empty message belongs to whoever misses one later.
 */
export class CheckedMessageVerifier {
  received = 0;
  bytes = 0;
  lost = 0;
  duplicated = 0;
  reordered = 0;
  corrupted = 0;
  private readonly seed: number;
  private readonly maxLength: number;
  private readonly producers: number;
  private readonly count: number;
  private readonly expected: Int32Array;
  /** One byte a message, producer by producer. */
  private readonly seen: Uint8Array;
  private emptyAvailable = 0;

  constructor(stream: CheckedStream, producers: number, count: number) {
    this.seed = stream.seed;
    this.maxLength = stream.maxLength;
    this.producers = producers;
    this.count = count;
    this.expected = new Int32Array(producers);
    this.seen = new Uint8Array(producers * count);
  }

  get isComplete(): boolean {
    return this.received >= this.producers * this.count;
  }

  onMessage(view: DataView, offset: number, length: number): void {
    this.received++;
    this.bytes += length;
    if (length === 0) {
      this.onEmptyMessage();
      return;
    }
    if (
      length < CHECKED_MESSAGE_HEADER_LENGTH ||
      view.getInt32(offset, true) !== checksum(view, offset, length) ||
      view.getInt32(offset + 12, true) !== length
    ) {
      this.corrupted++;
      return;
    }
    const producer = view.getInt32(offset + 4, true);
    const index = view.getInt32(offset + 8, true);
    if (
      producer < 0 ||
      producer >= this.producers ||
      index < 0 ||
      index >= this.count ||
      this.lengthOf(producer, index) !== length
    ) {
      this.corrupted++;
      return;
    }
    if (index < this.expected[producer]!) {
      this.onLateMessage(producer, index);
      return;
    }
    this.skipTo(producer, index);
    this.seen[producer * this.count + index] = 1;
    this.expected[producer] = index + 1;
  }

  /** Call once, after the last message: what never came counts as lost. */
  finish(): void {
    for (let producer = 0; producer < this.producers; producer++) this.skipTo(producer, this.count);
    this.duplicated += this.emptyAvailable;
    this.emptyAvailable = 0;
  }

  /** After {@link finish}: the counts to compare. */
  summary(): CheckedSummary {
    const { received, lost, duplicated, reordered, corrupted } = this;
    return { received, lost, duplicated, reordered, corrupted };
  }

  private onEmptyMessage(): void {
    const expected = this.expected[0]!;
    if (this.producers > 1) {
      this.emptyAvailable++;
    } else if (expected < this.count && this.lengthOf(0, expected) === 0) {
      this.seen[expected] = 1;
      this.expected[0] = expected + 1;
    } else {
      this.corrupted++;
    }
  }

  private onLateMessage(producer: number, index: number): void {
    const at = producer * this.count + index;
    if (this.seen[at] === 1) {
      this.duplicated++;
    } else {
      this.seen[at] = 1;
      this.reordered++;
      this.lost--;
    }
  }

  private skipTo(producer: number, index: number): void {
    for (let i = this.expected[producer]!; i < index; i++) {
      if (this.emptyAvailable > 0 && this.lengthOf(producer, i) === 0) {
        this.emptyAvailable--;
        this.seen[producer * this.count + i] = 1;
      } else {
        this.lost++;
      }
    }
    this.expected[producer] = index;
  }

  private lengthOf(producer: number, index: number): number {
    return messageLength(stateOf(this.seed, producer, index), this.maxLength);
  }
}

export interface CheckedSummary {
  readonly received: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly corrupted: number;
}

function stateOf(seed: number, producer: number, index: number): number {
  return mix((mix(seed ^ Math.imul(producer, 0x9e3779b9)) + index) | 0);
}

/** 1 of 64 messages is empty, 47 are small, 10 about a datagram long, 6 anything up to `maxLength`. */
function messageLength(state: number, maxLength: number): number {
  const kind = state & 63;
  if (kind === 0) return 0;
  const limit = kind < 48 ? SMALL_LENGTH_MAX : kind < 58 ? MEDIUM_LENGTH_MAX : maxLength;
  const range = Math.min(limit, maxLength) - CHECKED_MESSAGE_HEADER_LENGTH + 1;
  return CHECKED_MESSAGE_HEADER_LENGTH + ((state >>> 6) % range);
}

/** FNV-1a over 32-bit words, folded after each so that high bits count, then over the bytes left. */
function checksum(view: DataView, offset: number, length: number): number {
  let hash = 0x811c9dc5 | 0;
  let at = 4;
  for (; at + 4 <= length; at += 4) {
    hash = Math.imul(hash ^ view.getInt32(offset + at, true), 0x01000193);
    hash ^= hash >>> 15;
  }
  for (; at < length; at++) {
    hash = Math.imul(hash ^ view.getUint8(offset + at), 0x01000193);
  }
  return hash;
}

function xorshift(state: number): number {
  let x = state;
  x ^= x << 13;
  x ^= x >>> 17;
  x ^= x << 5;
  return x;
}

function mix(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}
