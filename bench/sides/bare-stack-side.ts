/** The four roles over our IP stack alone: UDP messages, one a packet, no driver and no client. */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { SystemClock } from '../../src/concurrent/clock.ts';
import { BURST_CAPACITY } from '../../src/device/device.ts';
import { DpdkDevice } from '../../src/device/dpdk/dpdk-device.ts';
import { sharedMemoryWire } from '../../src/device/dpdk/shared-memory-wire.ts';
import { Region } from '../../src/memory/region.ts';
import { shm } from '../../src/native/addons.ts';
import { IpStack } from '../../src/net/ip-stack.ts';
import { READY } from '../../src/net/send-state.ts';
import type { UdpListener } from '../../src/net/udp.ts';
import { parseIpv4 } from '../../src/util/ipv4.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type { SideArguments } from './side-arguments.ts';
import { runSlices, SLICE_NS } from './slices.ts';

/** What a port's datagrams go to. */
interface Endpoint {
  onDatagram(offset: number, length: number, sourceAddress: number, sourcePort: number): void;
}

const ADDRESSES = ['10.77.0.1', '10.77.0.2'];
const PORT = 20121;
const PORT_COUNT = 65536;
const RING_LENGTH = 1024;
const ETHERNET_MTU = 1500;
const HEADERS_LENGTH = 28;
const CYCLES_PER_CLOCK_UPDATE = 16;
const SAMPLE_NS = 100e6;
const SAMPLES_MAX = 4096;
const CONNECT_RETRY_NS = 10e6;
/** After this a reply is lost, when one is in flight. */
const REPLY_WAIT_NS = 100e6;
/** So long after its end the window's replies are waited for. */
const DRAIN_NS = 1000e6;
const TWO_32 = 4294967296;

/** Runs one side until it has printed its result; publishers and echoes run until they are killed. */
export async function runBareStack(args: SideArguments): Promise<void> {
  shm.pin(args.cpu);
  const clock = new SystemClock();
  const device = DpdkDevice.open({
    ealArguments: sharedMemoryWire({
      role: args.side === 0 ? 'a' : 'b',
      socketPath: join(args.folder, 'wire.sock'),
      useHugepages: args.hugepages,
    }).ealArguments,
    portId: 0,
    mtu: Math.max(ETHERNET_MTU, args.messageLength + HEADERS_LENGTH),
    rxQueueSize: RING_LENGTH,
    txQueueSize: RING_LENGTH,
  });
  const address = parseIpv4(ADDRESSES[args.side]!)!;
  const stack = new IpStack(device, { address, prefixLength: 24, gatewayAddress: 0 }, clock);
  const Role = { publish: Publisher, count: Counter, ping: Pinger, echo: Echo }[args.role];
  const side = new Role(args, clock, stack);
  print({ event: 'ready', reportsCollections: true });
  await side.run();
}

function print(event: object): void {
  writeSync(1, `${JSON.stringify(event)}\n`);
}

/** The stack's cycle, and the ports behind it. */
abstract class Side implements UdpListener, Endpoint {
  protected readonly args: SideArguments;
  protected readonly clock: SystemClock;
  protected readonly stack: IpStack;
  protected readonly view: DataView;
  protected readonly peer: number;
  private readonly endpoints: (Endpoint | null)[] = new Array<Endpoint | null>(PORT_COUNT).fill(null);
  /** As many messages as may wait to be copied into packets, all prepared. */
  private readonly slots: Region;
  private readonly slotLength: number;
  private slot = 0;

  constructor(args: SideArguments, clock: SystemClock, stack: IpStack) {
    this.args = args;
    this.clock = clock;
    this.stack = stack;
    this.view = stack.device.memory.view;
    this.peer = parseIpv4(ADDRESSES[1 - args.side]!)!;
    this.endpoints[PORT] = this;
    this.slotLength = (args.messageLength + 63) & ~63;
    this.slots = Region.allocate(BURST_CAPACITY * this.slotLength);
    this.slots.bytes.fill(0x6d);
  }

  abstract onDatagram(offset: number, length: number, sourceAddress: number, sourcePort: number): void;

  onUdp(offset: number, length: number, address: number, port: number, destinationPort: number): void {
    const endpoint = this.endpoints[destinationPort]!;
    if (endpoint !== null) endpoint.onDatagram(offset, length, address, port);
  }

  /** What is to be done between two looks at the network. Returns true when the side is done. */
  protected abstract step(): boolean;

  run(): Promise<void> {
    return runSlices(() => this.slice());
  }

  private slice(): boolean {
    const { clock, stack } = this;
    clock.update();
    const sliceEndNs = clock.nanoTime + SLICE_NS;
    while (clock.nanoTime < sliceEndNs) {
      for (let i = 0; i < CYCLES_PER_CLOCK_UPDATE; i++) {
        stack.receive(this);
        if (this.step()) return true;
        stack.flush();
      }
      clock.update();
    }
    return false;
  }

  protected isPeerKnown(): boolean {
    return this.stack.startDatagrams(this.peer, PORT, PORT) === READY;
  }

  /** Queues a message. Its slot is used again when 64 more have been queued, and then it is out. */
  protected send(sequence: number, stampNs: number): boolean {
    const { slots, slotLength, slot } = this;
    const word = (slot * slotLength) >> 2;
    slots.i32[word] = sequence | 0;
    slots.i32[word + 1] = (sequence / TWO_32) | 0;
    slots.i32[word + 2] = stampNs | 0;
    slots.i32[word + 3] = (stampNs / TWO_32) | 0;
    if (!this.stack.addDatagram(slots.handle, slot * slotLength, this.args.messageLength)) return false;
    this.slot = (slot + 1) % BURST_CAPACITY;
    return true;
  }

  protected wordAt(offset: number): number {
    return this.view.getInt32(offset + 4, true) * TWO_32 + this.view.getUint32(offset, true);
  }
}

class Publisher extends Side {
  private sequence = 0;

  onDatagram(): void {}

  step(): boolean {
    if (!this.isPeerKnown()) return false;
    let { sequence } = this;
    const end = sequence + BURST_CAPACITY;
    while (sequence < end && this.send(sequence, 0)) sequence++;
    this.sequence = sequence;
    return false;
  }
}

class Counter extends Side {
  private readonly samples: number[] = new Array<number>(SAMPLES_MAX).fill(0);
  private sampleCount = 0;
  private sampled = 0;
  private messages = 0;
  private expected = 0;
  private lost = 0;
  private messagesBefore = 0;
  private lostBefore = 0;
  private sampleEndNs = Number.NaN;
  private windowStartNs = Number.NaN;
  private isWindowOpen = false;

  onDatagram(offset: number): void {
    const sequence = this.wordAt(offset);
    if (sequence > this.expected && this.messages > 0) this.lost += sequence - this.expected;
    this.expected = sequence + 1;
    this.messages++;
  }

  step(): boolean {
    const { nanoTime } = this.clock;
    if (this.messages === 0) return false;
    if (Number.isNaN(this.sampleEndNs)) {
      this.sampleEndNs = nanoTime + SAMPLE_NS;
      this.windowStartNs = nanoTime + this.args.warmUpMs * 1e6;
    }
    if (nanoTime >= this.sampleEndNs) {
      this.samples[this.sampleCount++] = this.messages - this.sampled;
      this.sampled = this.messages;
      this.sampleEndNs += SAMPLE_NS;
    }
    if (!this.isWindowOpen && nanoTime >= this.windowStartNs) this.openWindow();
    if (!this.isWindowOpen || nanoTime - this.windowStartNs < this.args.durationMs * 1e6) return false;
    print({
      event: 'result',
      messages: this.messages - this.messagesBefore,
      elapsedNs: nanoTime - this.windowStartNs,
      lost: this.lost - this.lostBefore,
      samples: this.samples.slice(0, this.sampleCount),
    });
    return true;
  }

  private openWindow(): void {
    print({ event: 'window' });
    this.isWindowOpen = true;
    this.windowStartNs = this.clock.nanoTime;
    this.messagesBefore = this.messages;
    this.lostBefore = this.lost;
  }
}

/** Finds out that the echo is there, then sends by the schedule, or one message after the other. */
class Pinger extends Side {
  private readonly histogram: LatencyHistogram = new LatencyHistogram();
  private readonly intervalNs: number = this.args.rate === 0 ? 0 : 1e9 / this.args.rate;
  private sequence = 0;
  private isReplied = true;
  private isConnected = false;
  private isWindowOpen = false;
  private due = 0;
  private dueNs = 0.5;
  private lastSentNs = 0.5;
  private windowStartNs = Number.POSITIVE_INFINITY;
  private windowEndNs = Number.POSITIVE_INFINITY;

  onDatagram(offset: number): void {
    this.clock.update();
    const { nanoTime } = this.clock;
    if (!this.isConnected) this.connect();
    const isLast = this.wordAt(offset) === this.sequence - 1;
    if (isLast) this.isReplied = true;
    const stampNs = this.wordAt(offset + 8);
    // A reply that was given up is lost, though it comes.
    if (stampNs >= this.windowStartNs && (isLast || this.intervalNs > 0)) {
      this.histogram.record(nanoTime - stampNs);
    }
  }

  step(): boolean {
    this.clock.update();
    for (let i = 0; i < BURST_CAPACITY && this.isDue(); i++) {
      if (!this.isPeerKnown() || !this.send(this.sequence, this.dueNs)) break;
      this.noteSent();
    }
    return this.clock.nanoTime >= this.windowEndNs && this.isFinished();
  }

  private connect(): void {
    this.isConnected = true;
    this.dueNs = this.clock.nanoTime;
    this.windowStartNs = this.clock.nanoTime + this.args.warmUpMs * 1e6;
    this.windowEndNs = this.windowStartNs + this.args.durationMs * 1e6;
  }

  private isDue(): boolean {
    const { nanoTime } = this.clock;
    if (!this.isConnected || this.intervalNs === 0) {
      const waitNs = this.isConnected ? REPLY_WAIT_NS : CONNECT_RETRY_NS;
      if (!(this.isConnected && this.isReplied) && nanoTime < this.lastSentNs + waitNs) return false;
      this.dueNs = nanoTime;
    }
    return this.dueNs <= nanoTime && this.dueNs < this.windowEndNs;
  }

  private noteSent(): void {
    if (this.dueNs >= this.windowStartNs) {
      if (!this.isWindowOpen) {
        this.isWindowOpen = true;
        print({ event: 'window' });
      }
      this.due++;
    }
    this.sequence++;
    this.isReplied = false;
    this.lastSentNs = this.clock.nanoTime;
    if (this.isConnected) this.dueNs += this.intervalNs;
  }

  private isFinished(): boolean {
    const { durationMs, rate } = this.args;
    // What the schedule holds is due, sent or not.
    const due = rate === 0 ? this.due : Math.floor((rate * durationMs) / 1000);
    const messages = this.histogram.count;
    if (messages < due && this.clock.nanoTime < this.windowEndNs + DRAIN_NS) return false;
    print({
      event: 'result',
      messages,
      elapsedNs: durationMs * 1e6,
      lost: Math.max(0, due - messages),
      histogram: this.histogram.toBuckets(),
    });
    return true;
  }
}

class Echo extends Side {
  onDatagram(offset: number, length: number, sourceAddress: number, sourcePort: number): void {
    const { stack } = this;
    if (stack.startDatagrams(sourceAddress, PORT, sourcePort) !== READY) return;
    // From the packet it came in. The other side goes on receiving, so room comes.
    while (!stack.addDatagram(stack.device.memory.handle, offset, length)) stack.flush();
  }

  step(): boolean {
    return false;
  }
}
