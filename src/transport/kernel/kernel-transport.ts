// hot
import type { EpochNs } from '../../concurrent/clock.ts';
import { Region } from '../../memory/region.ts';
import { loadUdp, type UdpAddon } from '../../native/udp.ts';
import { isIpv6 } from '../../util/ip-address.ts';
import type {
  BurstListener,
  DatagramBurst,
  DatagramHandler,
  Endpoint,
  EndpointOptions,
  IpAddress,
  Transport,
} from '../transport.ts';
import { Ipv6Table } from './ipv6-table.ts';
import { KernelEndpoint } from './kernel-endpoint.ts';
import { KernelStatistics } from './kernel-statistics.ts';
import { openSocket, reconnectSocket } from './open-socket.ts';
import { TimedDatagrams } from './timed-datagrams.ts';

/** What IPv4 leaves for the payload of a UDP datagram: 65535 less the two headers, 20 and 8 bytes. IPv6 leaves 20 more. */
const MAX_DATAGRAM_LENGTH = 65507;

/** `kCoalescedLengthMax` of native/udp_messages.h. */
const COALESCED_LENGTH_MAX = 65469;

/** Datagrams that one poll receives at most, and less if it is asked to. */
const RECEIVE_BURST_LENGTH_MAX = 64;

/** An odd number of cache lines, so that the starts of the slots do not share a set of the cache. */
const SLOT_LENGTH = 65600;

/** The words of a received datagram, in the order of `Incoming` in native/udp_socket_set.h. */
const ENDPOINT = 0;
const OFFSET = 1;
const LENGTH = 2;
const ADDRESS = 3;
const PORT = 4;
const WORDS_PER_DATAGRAM = 5;

/** The number of a closed endpoint in datagrams that it left behind in the burst. */
const CLOSED = -1;

export interface KernelTransportConfig {
  /**
   * Whether sockets of endpoints with a remote address are connected to it (`AERON_DRIVER_CONNECT`). The kernel then
   * spares the look-up of a route for each datagram, and others are not heard.
   */
  readonly connectSendSockets: boolean;
  /**
   * Whether datagrams to one destination go to the kernel several in a message (UDP GSO), and come from it so (UDP
   * GRO), where the kernel can.
   */
  readonly coalesceDatagrams: boolean;
  /** Datagrams that one poll takes from the kernel at most, 1 to 64. 64 when absent or 0. */
  readonly receiveBurstLength?: number;
}

/**
 * A transport over the kernel's UDP sockets: IPv4 and IPv6, unicast and multicast.
 * @throws AeronError `NATIVE_NOT_BUILT` or `NATIVE_NOT_LOADED`.
 */
export function openKernelTransport(
  config: KernelTransportConfig = { connectSendSockets: true, coalesceDatagrams: true },
): KernelTransport {
  return new KernelTransport(config);
}

/** See {@link openKernelTransport}. A poll is one native call and so is a send; neither makes garbage. */
export class KernelTransport implements Transport {
  readonly maxDatagramLength: number = MAX_DATAGRAM_LENGTH;
  readonly coalescedLengthMax: number;
  readonly statistics: KernelStatistics = new KernelStatistics();
  private readonly udp: UdpAddon = loadUdp();
  private readonly packets: Region = Region.allocate(RECEIVE_BURST_LENGTH_MAX * SLOT_LENGTH);
  private readonly incoming: Region = Region.allocate(RECEIVE_BURST_LENGTH_MAX * WORDS_PER_DATAGRAM * 4);
  private readonly words: Int32Array = this.incoming.i32;
  private readonly ipv6: Ipv6Table = new Ipv6Table(RECEIVE_BURST_LENGTH_MAX);
  private readonly sockets: number;
  /** By the number that the native side calls each by. */
  private readonly endpoints: (KernelEndpoint | null)[] = [];
  /** Datagrams of the burst that is being handed over. */
  private burstCount = 0;
  private isClosed = false;
  private readonly connectSendSockets: boolean;

  constructor(config: KernelTransportConfig) {
    this.connectSendSockets = config.connectSendSockets;
    this.coalescedLengthMax = config.coalesceDatagrams ? COALESCED_LENGTH_MAX : 0;
    const wanted = config.receiveBurstLength ?? 0;
    const receiveBurstLength = wanted === 0 ? RECEIVE_BURST_LENGTH_MAX : wanted;
    this.sockets = this.udp.createSet(
      this.packets.handle,
      SLOT_LENGTH,
      receiveBurstLength,
      this.incoming.handle,
      this.statistics.region.handle,
      config.coalesceDatagrams,
      this.ipv6.region.handle,
    );
  }

  open(
    options: EndpointOptions,
    handler: DatagramHandler,
    arrivalTime: EpochNs | null = null,
  ): KernelEndpoint {
    const free = this.endpoints.indexOf(null);
    const index = free === -1 ? this.endpoints.length : free;
    const { remoteAddress, remotePort } = options;
    const isConnected = remotePort !== 0 && this.connectSendSockets;
    const isTimed = arrivalTime !== null;
    const socket = openSocket(this.udp, this.sockets, index, options, isConnected, isTimed, this.ipv6);
    const heard = arrivalTime === null ? handler : new TimedDatagrams(handler, arrivalTime, SLOT_LENGTH);
    const endpoint = new KernelEndpoint(this, index, socket, isConnected, remoteAddress, remotePort, heard);
    this.endpoints[index] = endpoint;
    return endpoint;
  }

  poll(listener: BurstListener): number {
    const count = this.udp.receive(this.sockets);
    if (count === 0) return 0;
    this.burstCount = count;
    const words = this.words;
    const endpoints = this.endpoints;
    const packets = this.packets;
    for (let i = 0, at = 0; i < count; i++, at += WORDS_PER_DATAGRAM) {
      const index = words[at + ENDPOINT]!;
      if (index === CLOSED) continue;
      let address = words[at + ADDRESS]!;
      if (address === 0) {
        address = this.ipv6.source(i);
        if (address === 0) {
          this.statistics.countUnknownSource();
          continue;
        }
      }
      endpoints[index]!.handler.onDatagram(
        packets,
        words[at + OFFSET]!,
        words[at + LENGTH]!,
        address,
        words[at + PORT]!,
      );
    }
    this.burstCount = 0;
    listener.onBurstEnd();
    return count;
  }

  send(endpoint: Endpoint, burst: DatagramBurst, address: IpAddress, port: number): number {
    const socket = endpoint as KernelEndpoint;
    if (socket.isClosed) return 0;
    const hasRemote = socket.remotePort !== 0;
    const toAddress = hasRemote ? socket.remoteAddress : address;
    // Port 0 tells the native side that the kernel knows the destination.
    const toPort = socket.isConnected ? 0 : hasRemote ? socket.remotePort : port;
    if (socket.isIpv6) {
      this.ipv6.setRemote(toAddress);
    } else if (isIpv6(toAddress)) {
      this.statistics.countUnreachable();
      return burst.count;
    }
    return this.udp.send(this.sockets, socket.index, burst.region.handle, burst.count, toAddress, toPort);
  }

  /** Nothing waits here: the kernel has taken what was sent. */
  flush(): void {}

  /** Closes every endpoint. The statistics stay readable. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (let i = 0; i < this.endpoints.length; i++) this.endpoints[i]?.close();
    this.udp.destroySet(this.sockets);
    this.packets.close();
    this.incoming.close();
    this.ipv6.region.close();
    this.statistics.region.close();
  }

  /** For {@link KernelEndpoint.reconnect}. */
  reconnect(endpoint: KernelEndpoint, remoteAddress: IpAddress, remotePort: number): void {
    if (endpoint.remotePort === 0 || endpoint.isClosed) return;
    if (endpoint.isConnected) {
      if (endpoint.isIpv6) this.ipv6.setRemote(remoteAddress);
      reconnectSocket(this.udp, this.sockets, endpoint.index, remoteAddress, remotePort);
    }
    endpoint.remoteAddress = remoteAddress;
    endpoint.remotePort = remotePort;
  }

  /** For {@link KernelEndpoint.close}. */
  closeEndpoint(endpoint: KernelEndpoint): void {
    if (endpoint.isClosed) return;
    this.udp.close(this.sockets, endpoint.index);
    endpoint.isClosed = true;
    this.endpoints[endpoint.index] = null;
    for (let i = 0; i < this.burstCount; i++) {
      const at = i * WORDS_PER_DATAGRAM + ENDPOINT;
      if (this.words[at] === endpoint.index) this.words[at] = CLOSED;
    }
  }
}
