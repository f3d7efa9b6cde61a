// hot
import type { EpochNs } from '../concurrent/clock.ts';
import type { TapPoint } from '../device/frame-tap.ts';
import { Region } from '../memory/region.ts';

/** An IPv4 or IPv6 address as a signed 32-bit integer: see [the table](../util/ip-address.ts). */
export type IpAddress = number;

/** Membership in a multicast group, and how datagrams to groups leave. */
export interface MulticastOptions {
  /** The group whose datagrams arrive; not that of a remote address. */
  readonly groupAddress: IpAddress;
  /** Our address on the network of the groups. */
  readonly interfaceAddress: IpAddress;
  /** Of IPv6, the number that the kernel has for that interface; 0 or left out: it chooses. */
  readonly interfaceIndex?: number;
  /** Routers that datagrams may pass, plus one; 0 leaves the system's default, which is 1. */
  readonly ttl: number;
}

/** What a datagram endpoint is: a bound local address, connected to a remote one or open to all. */
export interface EndpointOptions {
  /** 0 binds every local address of IPv4, `::` that of IPv6. */
  readonly localAddress: IpAddress;
  /** 0 takes a free port. */
  readonly localPort: number;
  /** 0: not connected, datagrams of any source arrive and each burst names its destination. */
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
  /** Bytes; 0 leaves the system's default. */
  readonly receiveBufferLength: number;
  readonly sendBufferLength: number;
  /** Null or left out: unicast. Otherwise other endpoints of this machine may have the same local port. */
  readonly multicast?: MulticastOptions | null;
}

/** Receives datagrams of one endpoint. Called on the network agent's thread only. */
export interface DatagramHandler {
  /**
   * The payload is `length` bytes of `region` at `offset`, of any alignment, valid until the burst ends
   * ({@link BurstListener.onBurstEnd}). Must not throw, whatever the bytes are.
   */
  onDatagram(
    region: Region,
    offset: number,
    length: number,
    sourceAddress: IpAddress,
    sourcePort: number,
  ): void;
}

export interface BurstListener {
  /** The packet memory of the datagrams handed over so far is about to be reused: run pending copies now. */
  onBurstEnd(): void;
}

/** A UDP port of this machine. Made by {@link Transport.open}. */
export interface Endpoint {
  readonly localAddress: IpAddress;
  /** The port really bound. */
  readonly localPort: number;
  /** Bytes the receive side can hold; compared with the receiver window. */
  readonly receiveBufferLength: number;
  /** Points a connected endpoint at another remote address. */
  reconnect(remoteAddress: IpAddress, remotePort: number): void;
  close(): void;
}

/** Of a {@link DatagramBurst}: region handle, offset, length. */
export const WORDS_PER_DATAGRAM = 3;

/**
 * A list of datagrams to send to one destination: each a byte range of some region. Made once and refilled.
 * Native code reads the words: region handle, offset, length.
 */
export class DatagramBurst {
  static readonly CAPACITY: number = 64;
  count = 0;
  readonly region: Region = Region.allocate(DatagramBurst.CAPACITY * WORDS_PER_DATAGRAM * 4);
  readonly words: Int32Array = this.region.i32;

  get isFull(): boolean {
    return this.count === DatagramBurst.CAPACITY;
  }

  /** Adds a datagram. The caller looks at {@link isFull} first. */
  add(handle: number, offset: number, length: number): void {
    const index = this.count * WORDS_PER_DATAGRAM;
    this.words[index] = handle;
    this.words[index + 1] = offset;
    this.words[index + 2] = length;
    this.count++;
  }

  /** The region handle of the datagram added as number `index`. */
  handleAt(index: number): number {
    return this.words[index * WORDS_PER_DATAGRAM]!;
  }

  /** Where in its region the datagram starts. */
  offsetAt(index: number): number {
    return this.words[index * WORDS_PER_DATAGRAM + 1]!;
  }

  /** Bytes of the datagram added as number `index`. */
  lengthAt(index: number): number {
    return this.words[index * WORDS_PER_DATAGRAM + 2]!;
  }

  clear(): void {
    this.count = 0;
  }
}

/**
 * UDP datagrams in and out. One object belongs to one network agent and is used on its thread only.
 * Implementations: kernel sockets, and our own stack over a {@link Device}.
 */
export interface Transport {
  /** The largest UDP payload that can be sent, in bytes. */
  readonly maxDatagramLength: number;

  /**
   * Bytes of equally long datagrams that one send carries for little more than a single datagram costs; 0: each costs
   * the same.
   */
  readonly coalescedLengthMax: number;

  /**
   * `arrivalTime` is set to the time at which the machine had a datagram before that is handed over, by a transport that
   * knows it; others leave it at 0. Throws AeronError, for instance with code `EADDRINUSE`, when the endpoint cannot be
   * had. Cold.
   */
  open(options: EndpointOptions, handler: DatagramHandler, arrivalTime?: EpochNs | null): Endpoint;

  /**
   * Receives what has arrived, a bounded amount, without waiting. Hands each datagram to its endpoint's handler and
   * calls `listener.onBurstEnd()` before packet memory is reused. Returns the number of datagrams.
   */
  poll(listener: BurstListener): number;

  /**
   * Sends the burst from `endpoint` to `address:port`, or to the remote address when the endpoint is connected.
   * Returns how many were accepted, in order from the first; the rest should be tried again later. Bytes of accepted
   * datagrams may be read until {@link flush} returns. Errors of the network are counted, never thrown.
   */
  send(endpoint: Endpoint, burst: DatagramBurst, address: IpAddress, port: number): number;

  /** Ends a duty cycle: pushes out what {@link send} queued, runs time-driven work of the transport. */
  flush(): void;

  /** Where frames can be seen; left out where the kernel has them. */
  readonly tapPoint?: TapPoint;

  close(): void;
}
