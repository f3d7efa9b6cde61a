import assert from 'node:assert/strict';
import { Region } from '../../src/memory/region.ts';
import type { KernelTransport } from '../../src/transport/kernel/kernel-transport.ts';
import {
  type BurstListener,
  DatagramBurst,
  type DatagramHandler,
  type Endpoint,
  type EndpointOptions,
} from '../../src/transport/transport.ts';

const LOOPBACK = 0x7f000001;
const DEADLINE_MS = 10_000;

/** Some datagrams of one length that follow each other, in memory too unless there is a gap after each. */
export interface Run {
  readonly length: number;
  readonly count: number;
  readonly hasGaps: boolean;
}

/** Datagrams from one loopback socket to another, each telling its number: they must arrive whole and in order. */
export class DatagramStream implements DatagramHandler, BurstListener {
  readonly sender: KernelTransport;
  readonly receiver: KernelTransport;
  sent = 0;
  received = 0;
  /** The most datagrams that one poll handed over. */
  largestPoll = 0;
  private readonly from: Endpoint;
  private readonly to: Endpoint;
  private readonly lengths: number[] = [];
  private readonly memory: Region = Region.allocate(4 * 1024 * 1024);
  private readonly burst: DatagramBurst = new DatagramBurst();
  private pending: { region: Region; offset: number; length: number; port: number }[] = [];

  constructor(
    sender: KernelTransport,
    receiver: KernelTransport,
    sendBufferLength: number = 2 * 1024 * 1024,
  ) {
    this.sender = sender;
    this.receiver = receiver;
    const receiveBufferLength = 4 * 1024 * 1024;
    const local = { localAddress: LOOPBACK, localPort: 0, receiveBufferLength, sendBufferLength };
    this.to = receiver.open({ ...local, remoteAddress: 0, remotePort: 0 }, this);
    const options: EndpointOptions = {
      ...local,
      remoteAddress: LOOPBACK,
      remotePort: this.to.localPort,
    };
    this.from = sender.open(options, this);
  }

  /** Sends the datagrams of `runs`, 64 at most, again and again until all are accepted. */
  send(runs: readonly Run[]): void {
    const { burst, memory } = this;
    const lengths = runs.flatMap(({ length, count }) => Array.from({ length: count }, () => length));
    const gaps = runs.flatMap(({ hasGaps, count }) => Array.from({ length: count }, () => hasGaps));
    assert.ok(lengths.length <= DatagramBurst.CAPACITY);
    const deadline = performance.now() + DEADLINE_MS;
    for (let first = 0; first < lengths.length; ) {
      burst.clear();
      let offset = 0;
      for (let i = first; i < lengths.length; i++) {
        fill(memory.bytes, offset, lengths[i]!, this.sent + i - first);
        burst.add(memory.handle, offset, lengths[i]!);
        offset += lengths[i]! + (gaps[i] ? 7 : 0);
      }
      const accepted = this.sender.send(this.from, burst, 0, 0);
      // What was not accepted may be overwritten, and what was accepted belongs to the kernel.
      memory.bytes.fill(0xee, 0, offset);
      this.lengths.push(...lengths.slice(first, first + accepted));
      this.sent += accepted;
      first += accepted;
      if (accepted === 0) this.poll();
      assert.ok(performance.now() < deadline, `sent ${this.sent} datagrams, then none more for 10 s`);
    }
  }

  poll(): void {
    this.largestPoll = Math.max(this.largestPoll, this.receiver.poll(this));
  }

  /** Polls until everything sent has arrived; fails when it does not. */
  drain(): void {
    const deadline = performance.now() + DEADLINE_MS;
    while (this.received < this.sent) {
      this.poll();
      assert.ok(performance.now() < deadline, `${this.received} of ${this.sent} datagrams arrived in 10 s`);
    }
    this.poll();
    assert.equal(this.received, this.sent);
  }

  onDatagram(region: Region, offset: number, length: number, _address: number, port: number): void {
    this.pending.push({ region, offset, length, port });
  }

  onBurstEnd(): void {
    for (const { region, offset, length, port } of this.pending) {
      const number = this.received++;
      assert.equal(length, this.lengths[number], `length of datagram ${number}`);
      assert.equal(port, this.from.localPort);
      const bytes = region.bytes.subarray(offset, offset + length);
      const expected = Buffer.alloc(length);
      fill(expected, 0, length, number);
      assert.ok(bytes.equals(expected), `bytes of datagram ${number}`);
    }
    this.pending = [];
  }

  close(): void {
    this.from.close();
    this.to.close();
    this.memory.close();
    this.burst.region.close();
  }
}

function fill(bytes: Buffer, offset: number, length: number, number: number): void {
  bytes.fill(number * 37, offset, offset + length);
  for (let i = 0; i < Math.min(length, 4); i++) bytes[offset + i] = number >>> (8 * i);
}
