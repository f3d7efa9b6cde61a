// hot
import type { EpochNs } from '../concurrent/clock.ts';
import type { Region } from '../memory/region.ts';
import type {
  BurstListener,
  DatagramBurst,
  DatagramHandler,
  Endpoint,
  EndpointOptions,
  IpAddress,
  Transport,
} from './transport.ts';

/** What sends bursts: a {@link Transport}, or what stands before it. */
export type DatagramSender = Pick<Transport, 'send'>;

/** Sees every datagram that arrives at one network agent, before the endpoint it is for. */
export interface IncomingInterceptor {
  /**
   * Hands the datagram on with `next.onDatagram`, changed or not, more than once, or drops it by doing nothing. The bytes
   * may be written to and are valid until the call returns. Must not throw, and must not allocate for speed.
   */
  onDatagram(
    next: DatagramHandler,
    region: Region,
    offset: number,
    length: number,
    sourceAddress: IpAddress,
    sourcePort: number,
  ): void;
  close?(): void;
}

/** Sees every burst that one network agent sends. */
export interface OutgoingInterceptor {
  /**
   * Sends with `next.send`, and returns how many datagrams of `burst` are done with, in order from the first: those that
   * were accepted, and those that it dropped. The rest is tried again later. The burst is the caller's and stays as it is.
   */
  send(
    next: DatagramSender,
    endpoint: Endpoint,
    burst: DatagramBurst,
    address: IpAddress,
    port: number,
  ): number;
  close?(): void;
}

/** A transport whose datagrams go through interceptors, the last of each list first. Without any there is none of these. */
export class InterceptedTransport implements Transport {
  readonly maxDatagramLength: number;
  readonly coalescedLengthMax: number;
  private readonly inner: Transport;
  private readonly incoming: readonly IncomingInterceptor[];
  private readonly outgoing: readonly OutgoingInterceptor[];
  private readonly sender: DatagramSender;

  constructor(
    inner: Transport,
    incoming: readonly IncomingInterceptor[],
    outgoing: readonly OutgoingInterceptor[],
  ) {
    this.maxDatagramLength = inner.maxDatagramLength;
    this.coalescedLengthMax = inner.coalescedLengthMax;
    this.inner = inner;
    this.incoming = incoming;
    this.outgoing = outgoing;
    let sender: DatagramSender = inner;
    for (const interceptor of outgoing) sender = new OutgoingLink(interceptor, sender);
    this.sender = sender;
  }

  open(options: EndpointOptions, handler: DatagramHandler, arrivalTime: EpochNs | null = null): Endpoint {
    let first = handler;
    for (const interceptor of this.incoming) first = new IncomingLink(interceptor, first);
    return this.inner.open(options, first, arrivalTime);
  }

  poll(listener: BurstListener): number {
    return this.inner.poll(listener);
  }

  send(endpoint: Endpoint, burst: DatagramBurst, address: IpAddress, port: number): number {
    return this.sender.send(endpoint, burst, address, port);
  }

  flush(): void {
    this.inner.flush();
  }

  close(): void {
    this.inner.close();
    for (const interceptor of this.incoming) interceptor.close?.();
    for (const interceptor of this.outgoing) interceptor.close?.();
  }
}

class IncomingLink implements DatagramHandler {
  private readonly interceptor: IncomingInterceptor;
  private readonly next: DatagramHandler;

  constructor(interceptor: IncomingInterceptor, next: DatagramHandler) {
    this.interceptor = interceptor;
    this.next = next;
  }

  onDatagram(region: Region, offset: number, length: number, address: IpAddress, port: number): void {
    this.interceptor.onDatagram(this.next, region, offset, length, address, port);
  }
}

class OutgoingLink implements DatagramSender {
  private readonly interceptor: OutgoingInterceptor;
  private readonly next: DatagramSender;

  constructor(interceptor: OutgoingInterceptor, next: DatagramSender) {
    this.interceptor = interceptor;
    this.next = next;
  }

  send(endpoint: Endpoint, burst: DatagramBurst, address: IpAddress, port: number): number {
    return this.interceptor.send(this.next, endpoint, burst, address, port);
  }
}
