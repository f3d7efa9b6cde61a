// hot
import { CopyBurst } from '../../memory/copy-burst.ts';
import { loadAcquire, storeRelease } from '../../memory/ordered.ts';
import { Region } from '../../memory/region.ts';
import { isPowerOfTwo } from '../../util/bits.ts';
import { assert } from '../../util/errors.ts';

const HEADER_LENGTH = 16;
/** Of records, less one. */
const ALIGNMENT_MASK = 15;
/** In the place of a datagram's length. */
const PADDING = -1;
const NEIGHBOUR = -2;
const QUERY = -3;
const UNREACHABLE = -4;

/** Offsets from the end of the records, each on a cache line pair of its own. */
const TAIL = 128;
const HEAD = 256;
const TRAILER_LENGTH = 384;

const COPIES_MAX = 64;

/** Takes what another network agent hands over. */
export interface HandOverListener {
  /** The payload stays until {@link HandOverRing.release}. */
  onHandedOver(
    region: Region,
    offset: number,
    length: number,
    sourceAddress: number,
    sourcePort: number,
    destinationAddress: number,
    destinationPort: number,
  ): void;
  onNeighbour(address: number, macHigh: number, macLow: number): void;
  onQuery(group: number, version: number, responseTime: number): void;
  onUnreachable(address: number, ports: number, code: number, mtu: number): void;
}

/**
 * The way from one network agent to another of the same port, in memory that both have: UDP datagrams for the other's
 * endpoints, neighbours that have said something of themselves, and routers' queries for members of groups. One writer, one
 * reader, an object at each end.
 *
 * ```
 *   record, aligned to 16:  | int32 length, or a kind | int32 source address | uint16 ports, destination low
 *                           | int32 destination address | payload … |
 *   neighbour:              | int32 -2                | int32 address        | int32 MAC high    | int32 MAC low |
 *   query:                  | int32 -3                | int32 group          | int32 version     | int32 response time |
 *   did not arrive:         | int32 -4                | int32 address        | int32 ports       | uint16 MTU, code |
 *   padding to the end:     | int32 -1                |
 * ```
 * Positions are bytes, and wrap at 2^32.
 */
export class HandOverRing {
  private readonly region: Region;
  private readonly i32: Int32Array;
  private readonly capacity: number;
  private readonly mask: number;
  private readonly tailIndex: number;
  private readonly headIndex: number;
  private readonly copies: CopyBurst = new CopyBurst(COPIES_MAX);
  /** The writer's: where its next record goes, how far the reader has been told, how far the reader was at the last look. */
  private tail = 0;
  private published = 0;
  private headSeen = 0;
  /** The reader's: how far it has read, and given back. */
  private head = 0;
  private released = 0;

  /** Memory for a ring that holds `capacity` bytes of records, a power of two. */
  static allocate(capacity: number): Region {
    assert(isPowerOfTwo(capacity), 'a ring is a power of two bytes, and its trailer');
    return Region.allocate(capacity + TRAILER_LENGTH);
  }

  constructor(region: Region) {
    const capacity = region.byteLength - TRAILER_LENGTH;
    this.region = region;
    this.i32 = region.i32;
    this.capacity = capacity;
    this.mask = capacity - 1;
    this.tailIndex = (capacity + TAIL) >> 2;
    this.headIndex = (capacity + HEAD) >> 2;
  }

  /** Adds a datagram, whose bytes are copied by {@link publish} at the latest. Returns false when there is no room. */
  addDatagram(
    handle: number,
    offset: number,
    length: number,
    sourceAddress: number,
    sourcePort: number,
    destinationAddress: number,
    destinationPort: number,
  ): boolean {
    const record = this.claim(HEADER_LENGTH + length);
    if (record < 0) return false;
    const i32 = this.i32;
    const index = record >> 2;
    i32[index] = length;
    i32[index + 1] = sourceAddress;
    i32[index + 2] = (sourcePort << 16) | destinationPort;
    i32[index + 3] = destinationAddress;
    if (length > 0) {
      if (this.copies.isFull) this.copies.copy();
      this.copies.add(this.region.handle, record + HEADER_LENGTH, handle, offset, length);
    }
    return true;
  }

  /** Adds what a neighbour said of itself. Returns false when there is no room. */
  addNeighbour(address: number, macHigh: number, macLow: number): boolean {
    return this.addShort(NEIGHBOUR, address, macHigh, macLow);
  }

  /** Adds what a router asks. Returns false when there is no room. */
  addQuery(group: number, version: number, responseTime: number): boolean {
    return this.addShort(QUERY, group, version, responseTime);
  }

  /** Adds what was said of a datagram of the other agent. Returns false when there is no room. */
  addUnreachable(address: number, ports: number, code: number, mtu: number): boolean {
    return this.addShort(UNREACHABLE, address, ports, (mtu << 16) | code);
  }

  private addShort(kind: number, a: number, b: number, c: number): boolean {
    const record = this.claim(HEADER_LENGTH);
    if (record < 0) return false;
    const i32 = this.i32;
    const index = record >> 2;
    i32[index] = kind;
    i32[index + 1] = a;
    i32[index + 2] = b;
    i32[index + 3] = c;
    return true;
  }

  /** Copies what was added, and lets the reader have it. */
  publish(): void {
    if (this.tail === this.published) return;
    this.copies.copy();
    this.published = this.tail;
    storeRelease(this.i32, this.tailIndex, this.tail); // Pairs with the load in read().
  }

  /** Hands over what was published, at most `limit` records; a call may end early at the end of the memory. */
  read(listener: HandOverListener, limit: number): number {
    const { i32, region } = this;
    const tail = loadAcquire(i32, this.tailIndex); // Pairs with the store in publish().
    let head = this.head;
    let records = 0;
    while (head !== tail && records < limit) {
      const record = head & this.mask;
      const index = record >> 2;
      const length = i32[index]!;
      if (length === PADDING) {
        head = (head + this.capacity - record) | 0;
        continue;
      }
      if (length === NEIGHBOUR) {
        head = (head + HEADER_LENGTH) | 0;
        listener.onNeighbour(i32[index + 1]!, i32[index + 2]!, i32[index + 3]!);
      } else if (length === QUERY) {
        head = (head + HEADER_LENGTH) | 0;
        listener.onQuery(i32[index + 1]!, i32[index + 2]!, i32[index + 3]!);
      } else if (length === UNREACHABLE) {
        head = (head + HEADER_LENGTH) | 0;
        const codeAndMtu = i32[index + 3]!;
        listener.onUnreachable(i32[index + 1]!, i32[index + 2]!, codeAndMtu & 0xffff, codeAndMtu >>> 16);
      } else {
        head = (head + alignRecord(HEADER_LENGTH + length)) | 0;
        const ports = i32[index + 2]!;
        listener.onHandedOver(
          region,
          record + HEADER_LENGTH,
          length,
          i32[index + 1]!,
          ports >>> 16,
          i32[index + 3]!,
          ports & 0xffff,
        );
      }
      records++;
    }
    this.head = head;
    return records;
  }

  /** Gives the memory of all that was read back to the writer. */
  release(): void {
    if (this.head === this.released) return;
    this.released = this.head;
    storeRelease(this.i32, this.headIndex, this.head); // Pairs with the load in claim().
  }

  close(): void {
    this.copies.close();
  }

  /** Takes room for a record in one piece. Returns its offset, or -1 when there is none. */
  private claim(length: number): number {
    const alignedLength = alignRecord(length);
    const offset = this.tail & this.mask;
    const toEnd = this.capacity - offset;
    const isWrapping = alignedLength > toEnd;
    const wanted = isWrapping ? toEnd + alignedLength : alignedLength;
    if (wanted > this.capacity - ((this.tail - this.headSeen) | 0)) {
      this.headSeen = loadAcquire(this.i32, this.headIndex); // Pairs with the store in release().
      if (wanted > this.capacity - ((this.tail - this.headSeen) | 0)) return -1;
    }
    this.tail = (this.tail + wanted) | 0;
    if (!isWrapping) return offset;
    this.i32[offset >> 2] = PADDING;
    return 0;
  }
}

function alignRecord(length: number): number {
  return (length + ALIGNMENT_MASK) & ~ALIGNMENT_MASK;
}
