import type { Prng } from '../../src/util/prng.ts';

/** Where in a message a number is that something may be made of, and its width in bytes. */
export interface Field {
  readonly offset: number;
  readonly width: 1 | 2 | 4 | 8;
}

/** Numbers at which checks are off by one, or wrap around. */
const EDGES: readonly number[] = [
  0, 1, -1, 2, 7, 8, 16, 20, 24, 28, 31, 32, 33, 36, 40, 44, 64, 255, 256, 1023, 1024, 1408, 32767, 32768,
  65504, 65505, 65507, 65535, 65536, 65568, 131072, 1073741824, 1073741823, 2147483647, 2147483616,
  -2147483648, -2147483647, -32, -65536,
];
const CHANGES_MAX = 4;

/**
 * Makes malformed messages of valid ones: it knows where their numbers are. Everything follows from the generator's
 * seed. One message at a time, in {@link bytes}.
 */
export class Mutator {
  readonly bytes: Buffer;
  readonly view: DataView;
  /** Of the message that is being made. */
  length = 0;
  /** Whether {@link mutate} or {@link randomize} has really changed a message since {@link begin}. */
  isSpoiled = false;
  private readonly original: Buffer;
  private readonly prng: Prng;
  private readonly isLittleEndian: boolean;

  constructor(prng: Prng, capacity: number, isLittleEndian: boolean) {
    this.prng = prng;
    this.isLittleEndian = isLittleEndian;
    this.bytes = Buffer.alloc(capacity);
    this.original = Buffer.alloc(capacity);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, capacity);
  }

  /** The next message is as it should be, until it is spoiled. */
  begin(): void {
    this.isSpoiled = false;
  }

  /** Starts with a valid message. */
  load(message: Uint8Array): void {
    this.bytes.set(message);
    this.length = message.length;
  }

  /** Spoils the message in one to four places. */
  mutate(fields: readonly Field[]): void {
    const { bytes, original, length } = this;
    original.set(bytes.subarray(0, length));
    for (let i = this.prng.nextBelow(CHANGES_MAX); i >= 0; i--) this.change(fields);
    if (this.length !== length || original.compare(bytes, 0, length, 0, length) !== 0) this.isSpoiled = true;
  }

  /** Fills the message with so many random bytes. */
  randomize(length: number): void {
    for (let i = 0; i < length; i++) this.bytes[i] = this.prng.next();
    this.length = length;
    this.isSpoiled = true;
  }

  /** One of several. */
  pick<T>(values: readonly T[]): T {
    return values[this.prng.nextBelow(values.length)]!;
  }

  private change(fields: readonly Field[]): void {
    const { prng, bytes } = this;
    const kind = prng.nextBelow(16);
    if (kind < 9 && fields.length > 0) {
      this.changeField(this.pick(fields));
    } else if (kind < 11 && this.length > 0) {
      bytes[prng.nextBelow(this.length)]! ^= 1 << prng.nextBelow(8);
    } else if (kind === 11 && this.length > 0) {
      bytes[prng.nextBelow(this.length)] = prng.next();
    } else if (kind === 12) {
      this.length = prng.nextBelow(this.length + 1);
    } else if (kind === 13) {
      this.extend(prng.nextBelow(2) === 0 ? 32 : prng.nextBelow(64));
    } else if (kind === 14) {
      this.repeat();
    } else if (this.length > 8) {
      this.move();
    }
  }

  private changeField({ offset, width }: Field): void {
    if (offset + width > this.length) return;
    const value = this.edge(offset, width);
    const { view, isLittleEndian } = this;
    if (width === 1) view.setUint8(offset, value);
    else if (width === 2) view.setUint16(offset, value, isLittleEndian);
    else if (width === 4) view.setInt32(offset, value, isLittleEndian);
    else {
      view.setInt32(offset, value, isLittleEndian);
      view.setInt32(offset + 4, this.pick(EDGES), isLittleEndian);
    }
  }

  /** An edge, something near what is there or near the length, or anything. */
  private edge(offset: number, width: number): number {
    const { prng, view } = this;
    switch (prng.nextBelow(8)) {
      case 0:
        return prng.next();
      case 1:
        return this.length + this.pick([-32, -1, 0, 1, 32]);
      case 2:
      case 3: {
        const there = width < 4 ? view.getUint8(offset) : view.getInt32(offset, this.isLittleEndian);
        return there + this.pick([-65536, -32, -1, 1, 32, 64, 65536]);
      }
      default:
        return this.pick(EDGES);
    }
  }

  private extend(count: number): void {
    const end = Math.min(this.length + count, this.bytes.length);
    const value = this.prng.nextBelow(2) === 0 ? 0 : this.prng.next();
    this.bytes.fill(value, this.length, end);
    this.length = end;
  }

  /** The message once more behind itself, as far as there is room. */
  private repeat(): void {
    const end = Math.min(2 * this.length, this.bytes.length);
    this.bytes.copyWithin(this.length, 0, end - this.length);
    this.length = end;
  }

  /** A few bytes at another place. */
  private move(): void {
    const { prng } = this;
    const count = 1 + prng.nextBelow(8);
    const from = prng.nextBelow(this.length - count + 1);
    this.bytes.copyWithin(prng.nextBelow(this.length - count + 1), from, from + count);
  }
}

/** Fields of four bytes at these offsets. */
export function words(...offsets: readonly number[]): Field[] {
  return offsets.map((offset) => ({ offset, width: 4 }));
}
