import { CopyBurst } from '../../src/memory/copy-burst.ts';
import { Region } from '../../src/memory/region.ts';
import type {
  BurstListener,
  DatagramBurst,
  DatagramHandler,
  Endpoint,
  EndpointOptions,
  Transport,
} from '../../src/transport/transport.ts';
import { Prng } from '../../src/util/prng.ts';

const SLOT_LENGTH = 2048;
const POLL_LIMIT = 64;
const CHANCES = 1 << 24;

/** What goes wrong on the wire, each a probability. */
export interface Faults {
  readonly loss: number;
  readonly duplication: number;
  /** That a datagram changes places with one that is already waiting. */
  readonly reordering: number;
}

export const NO_FAULTS: Faults = { loss: 0, duplication: 0, reordering: 0 };

/** Carries datagrams of up to 2 KiB between transports of one isolate, by port. Makes no garbage while it does. */
export class MemoryNetwork {
  /** Of {@link CHANCES}: integers, because fractions that are passed on would be boxed. */
  readonly loss: number;
  readonly duplication: number;
  readonly reordering: number;
  readonly prng: Prng;
  readonly transports: MemoryTransport[] = [];
  private nextPort = 50000;

  constructor(seed: number, faults: Faults = NO_FAULTS) {
    this.prng = new Prng(seed);
    this.loss = Math.floor(faults.loss * CHANCES);
    this.duplication = Math.floor(faults.duplication * CHANCES);
    this.reordering = Math.floor(faults.reordering * CHANCES);
  }

  attach(): MemoryTransport {
    const transport = new MemoryTransport(this);
    this.transports.push(transport);
    return transport;
  }

  /** Whether what is as likely as `threshold` of {@link CHANCES} happens. */
  happens(threshold: number): boolean {
    return this.prng.next() >>> 8 < threshold;
  }

  claimPort(wanted: number): number {
    return wanted === 0 ? this.nextPort++ : wanted;
  }

  /** Puts a datagram into the inbox of whoever has the port; nobody has it, or the inbox is full: it is gone. */
  carry(handle: number, offset: number, length: number, fromPort: number, toPort: number): void {
    for (let i = 0; i < this.transports.length; i++) {
      if (this.transports[i]!.enqueue(handle, offset, length, fromPort, toPort)) return;
    }
  }
}

class MemoryEndpoint implements Endpoint {
  readonly localAddress = 0x7f000001;
  readonly localPort: number;
  readonly receiveBufferLength = 1 << 20;
  readonly handler: DatagramHandler;
  remotePort: number;
  isOpen = true;

  constructor(localPort: number, remotePort: number, handler: DatagramHandler) {
    this.localPort = localPort;
    this.remotePort = remotePort;
    this.handler = handler;
  }

  reconnect(_remoteAddress: number, remotePort: number): void {
    this.remotePort = remotePort;
  }

  close(): void {
    this.isOpen = false;
  }
}

/** One machine on a {@link MemoryNetwork}. */
export class MemoryTransport implements Transport {
  readonly maxDatagramLength: number = SLOT_LENGTH;
  readonly coalescedLengthMax = 0;
  private readonly network: MemoryNetwork;
  private readonly capacity: number = 1024;
  private readonly slots: Region = Region.allocate(this.capacity * SLOT_LENGTH);
  private readonly copies: CopyBurst = new CopyBurst(1);
  private readonly endpoints: MemoryEndpoint[] = [];
  /** Free slots, then those that wait, each by number. */
  private readonly free: Int32Array = Int32Array.from({ length: this.capacity }, (_, index) => index);
  private freeCount: number = this.capacity;
  private readonly waiting: Int32Array = new Int32Array(this.capacity);
  private first = 0;
  private count = 0;
  private readonly lengths: Int32Array = new Int32Array(this.capacity);
  private readonly fromPorts: Int32Array = new Int32Array(this.capacity);
  private readonly toEndpoints: Int32Array = new Int32Array(this.capacity);

  constructor(network: MemoryNetwork) {
    this.network = network;
  }

  open(options: EndpointOptions, handler: DatagramHandler): Endpoint {
    const endpoint = new MemoryEndpoint(
      this.network.claimPort(options.localPort),
      options.remotePort,
      handler,
    );
    this.endpoints.push(endpoint);
    return endpoint;
  }

  send(endpoint: Endpoint, burst: DatagramBurst, _address: number, port: number): number {
    const from = endpoint as MemoryEndpoint;
    const toPort = from.remotePort !== 0 ? from.remotePort : port;
    const { words, count } = burst;
    const network = this.network;
    for (let i = 0; i < count; i++) {
      if (network.happens(network.loss)) continue;
      const copies = network.happens(network.duplication) ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        network.carry(words[3 * i]!, words[3 * i + 1]!, words[3 * i + 2]!, from.localPort, toPort);
      }
    }
    return count;
  }

  enqueue(handle: number, offset: number, length: number, fromPort: number, toPort: number): boolean {
    for (let i = 0; i < this.endpoints.length; i++) {
      const endpoint = this.endpoints[i]!;
      if (!endpoint.isOpen || endpoint.localPort !== toPort) continue;
      if (endpoint.remotePort !== 0 && endpoint.remotePort !== fromPort) continue;
      if (this.freeCount === 0) return true;
      const slot = this.free[--this.freeCount]!;
      this.copies.add(this.slots.handle, slot * SLOT_LENGTH, handle, offset, length);
      this.copies.copy();
      this.lengths[slot] = length;
      this.fromPorts[slot] = fromPort;
      this.toEndpoints[slot] = i;
      const last = (this.first + this.count++) % this.capacity;
      this.waiting[last] = slot;
      if (this.network.happens(this.network.reordering)) {
        const other = (this.first + ((this.network.prng.next() >>> 1) % this.count)) % this.capacity;
        this.waiting[last] = this.waiting[other]!;
        this.waiting[other] = slot;
      }
      return true;
    }
    return false;
  }

  poll(listener: BurstListener): number {
    const count = Math.min(this.count, POLL_LIMIT);
    const first = this.first;
    for (let i = 0; i < count; i++) {
      const slot = this.waiting[(first + i) % this.capacity]!;
      const endpoint = this.endpoints[this.toEndpoints[slot]!]!;
      const length = this.lengths[slot]!;
      if (!endpoint.isOpen) continue;
      endpoint.handler.onDatagram(this.slots, slot * SLOT_LENGTH, length, 0x7f000001, this.fromPorts[slot]!);
    }
    listener.onBurstEnd();
    for (let i = 0; i < count; i++) this.free[this.freeCount++] = this.waiting[(first + i) % this.capacity]!;
    this.first = (first + count) % this.capacity;
    this.count -= count;
    return count;
  }

  flush(): void {}

  close(): void {
    for (const endpoint of this.endpoints) endpoint.close();
  }
}
