// hot
import type { Clock, EpochNs } from '../concurrent/clock.ts';
import type { Region } from '../memory/region.ts';
import { DELAY, DROP, FaultDirection, type FaultRates } from './fault-direction.ts';
import {
  type BurstListener,
  DatagramBurst,
  type DatagramHandler,
  type Endpoint,
  type EndpointOptions,
  type IpAddress,
  type Transport,
  WORDS_PER_DATAGRAM,
} from './transport.ts';

export interface FaultOptions {
  /** The same seed and the same datagrams suffer the same faults. Any 32-bit integer. */
  readonly seed: number;
  readonly inbound: FaultRates;
  readonly outbound: FaultRates;
  /** Delayed datagrams and copies come up to this much later, by the transport's clock. */
  readonly delayNsMax: number;
}

/** A transport whose network is bad: it drops, duplicates, delays and so reorders the datagrams of another. */
export class FaultInjectingTransport implements Transport {
  readonly maxDatagramLength: number;
  readonly coalescedLengthMax: number;
  readonly inbound: FaultDirection;
  readonly outbound: FaultDirection;
  private readonly inner: Transport;
  private readonly clock: Clock;
  private readonly burst: DatagramBurst = new DatagramBurst();
  /** Of each datagram of the burst being sent, its fate; of each that is sent on, its place in that burst. */
  private readonly fates: Int32Array = new Int32Array(DatagramBurst.CAPACITY);
  private readonly places: Int32Array = new Int32Array(DatagramBurst.CAPACITY);

  /** Somebody else keeps the clock up to date. */
  constructor(inner: Transport, clock: Clock, options: FaultOptions) {
    this.maxDatagramLength = inner.maxDatagramLength;
    this.coalescedLengthMax = inner.coalescedLengthMax;
    this.inner = inner;
    this.clock = clock;
    this.inbound = new FaultDirection(options.seed, options.inbound, options.delayNsMax);
    this.outbound = new FaultDirection(~options.seed, options.outbound, options.delayNsMax);
  }

  open(options: EndpointOptions, handler: DatagramHandler, arrivalTime: EpochNs | null = null): Endpoint {
    const endpoint = new FaultyEndpoint(this, handler);
    endpoint.attach(this.inner.open(options, endpoint, arrivalTime));
    return endpoint;
  }

  poll(listener: BurstListener): number {
    return this.deliverDue(listener) + this.inner.poll(listener);
  }

  send(endpoint: Endpoint, burst: DatagramBurst, address: IpAddress, port: number): number {
    const fates = this.fates;
    const places = this.places;
    const outbound = this.outbound;
    const passing = this.burst;
    const words = burst.words;
    passing.clear();
    for (let i = 0, at = 0; i < burst.count; i++, at += WORDS_PER_DATAGRAM) {
      const fate = outbound.nextFate();
      fates[i] = fate;
      if (fate === DROP || fate === DELAY) continue;
      places[passing.count] = i;
      passing.add(words[at]!, words[at + 1]!, words[at + 2]!);
    }
    const faulty = endpoint as FaultyEndpoint;
    const passed = this.inner.send(faulty.inner!, passing, address, port);
    const accepted = passed < passing.count ? places[passed]! : burst.count;
    // Only now is it known which datagrams the caller will not try again.
    for (let i = 0, at = 0; i < accepted; i++, at += WORDS_PER_DATAGRAM) {
      outbound.suffer(fates[i]!, faulty, words[at]!, words[at + 1]!, words[at + 2]!, address, port);
    }
    return accepted;
  }

  flush(): void {
    const nowNs = this.clock.nanoTime;
    const outbound = this.outbound;
    this.inbound.nowNs = nowNs;
    outbound.nowNs = nowNs;
    const burst = this.burst;
    for (let slot = 0; slot < outbound.slotCount; slot++) {
      if (!outbound.isDue(slot)) continue;
      burst.clear();
      burst.add(outbound.region.handle, outbound.offsetOf(slot), outbound.lengths[slot]!);
      const endpoint = outbound.endpoints[slot]!.inner!;
      const passed = this.inner.send(endpoint, burst, outbound.addresses[slot]!, outbound.ports[slot]!);
      if (passed === 0) outbound.droppedCount++;
    }
    this.inner.flush();
    outbound.freeDue();
  }

  close(): void {
    this.inner.close();
    this.inbound.close();
    this.outbound.close();
  }

  private deliverDue(listener: BurstListener): number {
    const inbound = this.inbound;
    let count = 0;
    for (let slot = 0; slot < inbound.slotCount; slot++) {
      if (!inbound.isDue(slot)) continue;
      inbound.endpoints[slot]!.handler.onDatagram(
        inbound.region,
        inbound.offsetOf(slot),
        inbound.lengths[slot]!,
        inbound.addresses[slot]!,
        inbound.ports[slot]!,
      );
      count++;
    }
    if (count > 0) {
      listener.onBurstEnd();
      inbound.freeDue();
    }
    return count;
  }
}

/** An endpoint of the inner transport, and the handler that its datagrams come to first. */
export class FaultyEndpoint implements Endpoint, DatagramHandler {
  localAddress: IpAddress = 0;
  localPort = 0;
  receiveBufferLength = 0;
  inner: Endpoint | null = null;
  readonly handler: DatagramHandler;
  private readonly transport: FaultInjectingTransport;

  constructor(transport: FaultInjectingTransport, handler: DatagramHandler) {
    this.transport = transport;
    this.handler = handler;
  }

  attach(inner: Endpoint): void {
    this.localAddress = inner.localAddress;
    this.localPort = inner.localPort;
    this.receiveBufferLength = inner.receiveBufferLength;
    this.inner = inner;
  }

  onDatagram(region: Region, offset: number, length: number, address: IpAddress, port: number): void {
    const inbound = this.transport.inbound;
    const fate = inbound.nextFate();
    inbound.suffer(fate, this, region.handle, offset, length, address, port);
    if (fate === DROP || fate === DELAY) return;
    this.handler.onDatagram(region, offset, length, address, port);
  }

  reconnect(remoteAddress: IpAddress, remotePort: number): void {
    this.inner!.reconnect(remoteAddress, remotePort);
  }

  close(): void {
    this.transport.inbound.forget(this);
    this.transport.outbound.forget(this);
    this.inner!.close();
  }
}
