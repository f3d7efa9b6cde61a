// hot
import { CopyBurst } from '../../memory/copy-burst.ts';
import { Region } from '../../memory/region.ts';
import { align } from '../../util/bits.ts';

/** Datagrams under way at a time; a power of two. */
const CAPACITY = 256;
const MASK = CAPACITY - 1;
const CACHE_LINE_LENGTH = 64;

/**
 * The way of datagrams to our own address, and to groups that we are in ourselves: a queue in memory, in order, without a
 * device. Like a device it takes only what there is room for.
 */
export class LocalDatagrams {
  readonly region: Region;
  private readonly slotLength: number;
  private readonly lengths: Int32Array = new Int32Array(CAPACITY);
  private readonly sourceAddresses: Int32Array = new Int32Array(CAPACITY);
  private readonly sourcePorts: Int32Array = new Int32Array(CAPACITY);
  private readonly destinationAddresses: Int32Array = new Int32Array(CAPACITY);
  private readonly destinationPorts: Int32Array = new Int32Array(CAPACITY);
  private readonly copies: CopyBurst = new CopyBurst(CAPACITY);
  /** Sequence numbers of the first datagram queued and of the next one; they wrap at 2^32. */
  private head = 0;
  private tail = 0;

  constructor(datagramLengthMax: number) {
    this.slotLength = align(datagramLengthMax, CACHE_LINE_LENGTH);
    this.region = Region.allocate(CAPACITY * this.slotLength);
  }

  get count(): number {
    return (this.tail - this.head) | 0;
  }

  get isFull(): boolean {
    return this.count === CAPACITY;
  }

  /** Queues a datagram; false when there is no room. Its bytes are copied by {@link copyQueued}. */
  add(
    handle: number,
    offset: number,
    length: number,
    sourceAddress: number,
    sourcePort: number,
    destinationAddress: number,
    destinationPort: number,
  ): boolean {
    if (this.count === CAPACITY) return false;
    const slot = this.tail & MASK;
    this.lengths[slot] = length;
    this.sourceAddresses[slot] = sourceAddress;
    this.sourcePorts[slot] = sourcePort;
    this.destinationAddresses[slot] = destinationAddress;
    this.destinationPorts[slot] = destinationPort;
    if (length > 0) this.copies.add(this.region.handle, slot * this.slotLength, handle, offset, length);
    this.tail = (this.tail + 1) | 0;
    return true;
  }

  copyQueued(): void {
    this.copies.copy();
  }

  /** Fields of the `index`th datagram queued. */
  offset(index: number): number {
    return this.slot(index) * this.slotLength;
  }

  length(index: number): number {
    return this.lengths[this.slot(index)]!;
  }

  sourceAddress(index: number): number {
    return this.sourceAddresses[this.slot(index)]!;
  }

  sourcePort(index: number): number {
    return this.sourcePorts[this.slot(index)]!;
  }

  destinationAddress(index: number): number {
    return this.destinationAddresses[this.slot(index)]!;
  }

  destinationPort(index: number): number {
    return this.destinationPorts[this.slot(index)]!;
  }

  /** Gives the places of the first `count` datagrams back. */
  release(count: number): void {
    this.head = (this.head + count) | 0;
  }

  close(): void {
    this.copies.close();
    this.region.close();
  }

  private slot(index: number): number {
    return (this.head + index) & MASK;
  }
}
