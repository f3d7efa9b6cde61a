// hot
import { Region } from '../memory/region.ts';
import { DatagramBurst, type Endpoint, type Transport } from '../transport/transport.ts';
import type { AgentCounters } from './agent-counters.ts';

const SLOT_LENGTH = 64;
const SLOT_COUNT = 1024;

/**
 * Sends the small frames: setups, heartbeats, status messages, NAKs. A transport may read a datagram until the duty cycle
 * ends, so each gets a slot of its own until then.
 */
export class FrameSender {
  readonly view: DataView;
  private readonly transport: Transport;
  private readonly counters: AgentCounters;
  private readonly region: Region = Region.allocate(SLOT_LENGTH * SLOT_COUNT);
  private readonly burst: DatagramBurst = new DatagramBurst();
  private slotsUsed = 0;

  constructor(transport: Transport, counters: AgentCounters) {
    this.transport = transport;
    this.counters = counters;
    this.view = this.region.view;
  }

  /** Of the region behind {@link view}. */
  get handle(): number {
    return this.region.handle;
  }

  /** Byte offset in {@link view} to write the next frame at, or -1 when this cycle has sent too many. */
  claim(): number {
    return this.slotsUsed < SLOT_COUNT ? this.slotsUsed++ * SLOT_LENGTH : -1;
  }

  /** Sends a frame written at `offset` of {@link view}. Returns whether it was accepted. */
  send(endpoint: Endpoint, offset: number, length: number, address: number, port: number): boolean {
    return this.sendFrom(this.region.handle, endpoint, offset, length, address, port);
  }

  /** Sends a frame of another region. Returns whether it was accepted. */
  sendFrom(
    handle: number,
    endpoint: Endpoint,
    offset: number,
    length: number,
    address: number,
    port: number,
  ): boolean {
    const burst = this.burst;
    burst.clear();
    burst.add(handle, offset, length);
    if (this.transport.send(endpoint, burst, address, port) === 0) {
      this.counters.shortSends.increment();
      return false;
    }
    this.counters.bytesSent.add(length);
    return true;
  }

  /** The transport has let go of this cycle's datagrams. */
  endCycle(): void {
    this.slotsUsed = 0;
  }

  close(): void {
    this.region.close();
    this.burst.region.close();
  }
}
