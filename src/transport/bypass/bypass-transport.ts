// hot
import type { Clock } from '../../concurrent/clock.ts';
import type { Device } from '../../device/device.ts';
import { DpdkDevice, type DpdkDeviceOptions } from '../../device/dpdk/dpdk-device.ts';
import type { Region } from '../../memory/region.ts';
import { IpStack, type IpStackOptions, READY, UNRESOLVED } from '../../net/ip-stack.ts';
import { IPV4_HEADER_LENGTH } from '../../net/ipv4.ts';
import { LINK_UP, TX_UNREACHABLE, TX_UNRESOLVED } from '../../net/net-statistics.ts';
import { UDP_HEADER_LENGTH, type UdpListener } from '../../net/udp.ts';
import { AeronError } from '../../util/errors.ts';
import { formatIpv4 } from '../../util/ipv4.ts';
import {
  type BurstListener,
  type DatagramBurst,
  type DatagramHandler,
  type EndpointOptions,
  type Ipv4Address,
  type Transport,
  WORDS_PER_DATAGRAM,
} from '../transport.ts';
import { BypassEndpoint } from './bypass-endpoint.ts';
import {
  BypassStatistics,
  LOCAL_RECEIVED,
  LOCAL_RECEIVED_BYTES,
  LOCAL_SENT,
  LOCAL_SENT_BYTES,
  NO_ENDPOINT,
  NOT_CONNECTED,
  SENDS_TOO_LONG,
  SHORT_SENDS,
  TAKEN_OVER,
} from './bypass-statistics.ts';
import { HandOver, type HandOverConfig } from './hand-over.ts';
import type { HandOverListener } from './hand-over-ring.ts';
import { LocalDatagrams } from './local-datagrams.ts';
import { PortTable } from './port-table.ts';

/** Packet memory behind one ring entry, at least: what a received frame takes up, whatever its length. */
const PACKET_BUFFER_LENGTH = 2048;
const STATISTICS_INTERVAL_NS = 1e9;

/** A DPDK port and our addresses on it. */
export interface BypassConfig extends DpdkDeviceOptions {
  readonly localAddress: Ipv4Address;
  readonly prefixLength: number;
  /** 0: none, and other networks cannot be reached. */
  readonly gatewayAddress: Ipv4Address;
  /** Among several network agents; `null` or left out: the port has one. */
  readonly handOver?: HandOverConfig | null;
}

/**
 * Opens the port that `config` names, on the calling thread, which alone may use the transport.
 *
 * DPDK exists once per process: a second transport needs the same EAL arguments and another port.
 *
 * @throws AeronError `NATIVE_NOT_BUILT`, `DPDK_NO_HUGEPAGES`, `DPDK_INIT`, `DPDK_ALREADY_INITIALISED`, `DPDK_NO_PORT`,
 * `DPDK_PORT`.
 */
export function openBypassTransport(config: BypassConfig, clock: Clock): BypassTransport {
  return new BypassTransport(
    DpdkDevice.open(config),
    {
      address: config.localAddress,
      prefixLength: config.prefixLength,
      gatewayAddress: config.gatewayAddress,
    },
    clock,
    config.handOver ?? null,
  );
}

/**
 * UDP datagrams over a {@link Device}, without the kernel. One endpoint a port; unicast only. What comes for our own
 * address stays in memory. See {@link IpStack} for what happens while a neighbour's Ethernet address is unknown.
 *
 * Several network agents may share the port and the address, each with a transport over a queue pair of its own: see
 * {@link HandOver}.
 */
export class BypassTransport implements Transport, UdpListener, HandOverListener {
  readonly maxDatagramLength: number;
  readonly coalescedLengthMax = 0;
  readonly statistics: BypassStatistics;
  readonly device: Device;
  private readonly clock: Clock;
  private readonly address: Ipv4Address;
  private readonly stack: IpStack;
  private readonly ports: PortTable;
  private readonly local: LocalDatagrams;
  private readonly packets: Region;
  private readonly counts: Float64Array;
  /** Null: this agent is the only one. */
  private readonly handOver: HandOver | null;
  private statisticsNs = -1e18;

  constructor(device: Device, options: IpStackOptions, clock: Clock, handOver: HandOverConfig | null = null) {
    this.device = device;
    this.stack = new IpStack(device, options, clock);
    this.clock = clock;
    this.address = options.address;
    this.maxDatagramLength = device.mtu - IPV4_HEADER_LENGTH - UDP_HEADER_LENGTH;
    this.local = new LocalDatagrams(this.maxDatagramLength);
    this.packets = device.memory;
    this.statistics = new BypassStatistics(this.stack.statistics, device.statistics);
    this.counts = this.statistics.transport;
    this.handOver = handOver === null ? null : new HandOver(handOver, this.counts);
    this.ports = new PortTable(handOver?.index ?? 0, handOver?.to.length ?? 1);
    this.stack.neighbourListener = this.handOver;
  }

  /** What the device said of its link at the last look, ten times a second. */
  get isLinkUp(): boolean {
    return this.stack.statistics[LINK_UP] === 1;
  }

  /** Throws AeronError `EADDRNOTAVAIL` for an address that is not ours, `EADDRINUSE` for a port that is taken. */
  open(options: EndpointOptions, handler: DatagramHandler): BypassEndpoint {
    const { localAddress, localPort, remoteAddress, remotePort, multicast } = options;
    if (multicast != null) {
      throw new AeronError(
        'MULTICAST_UNSUPPORTED',
        `the DPDK port cannot join ${formatIpv4(multicast.groupAddress)}. Use aeron.transport=kernel for multicast.`,
      );
    }
    if (localAddress !== 0 && localAddress !== this.address) {
      throw new AeronError(
        'EADDRNOTAVAIL',
        `${formatIpv4(localAddress)} is not the address of the DPDK port, ${formatIpv4(this.address)}. ` +
          'Use that address in the channel; multicast needs the kernel transport.',
      );
    }
    const { rxRingLength, txRingLength } = this.device.capabilities;
    return new BypassEndpoint(
      this.ports,
      this.address,
      this.ports.choose(localPort),
      remoteAddress,
      remotePort,
      rxRingLength * PACKET_BUFFER_LENGTH,
      txRingLength * PACKET_BUFFER_LENGTH,
      handler,
    );
  }

  poll(listener: BurstListener): number {
    const localCount = this.local.count;
    for (let i = 0; i < localCount; i++) this.deliverLocal(i);
    let count = localCount + this.stack.receive(this);
    const handOver = this.handOver;
    if (handOver !== null) count += handOver.receive(this);
    if (count > 0) listener.onBurstEnd();
    if (handOver !== null) handOver.endBurst();
    this.local.release(localCount);
    return count;
  }

  send(endpoint: BypassEndpoint, burst: DatagramBurst, address: Ipv4Address, port: number): number {
    const connected = endpoint.remoteAddress !== 0;
    const toAddress = connected ? endpoint.remoteAddress : address;
    const toPort = connected ? endpoint.remotePort : port;
    const accepted =
      toAddress === this.address
        ? this.sendLocal(endpoint.localPort, burst, toPort)
        : this.sendOut(endpoint.localPort, burst, toAddress, toPort);
    if (accepted < burst.count) this.counts[SHORT_SENDS]!++;
    return accepted;
  }

  flush(): void {
    this.stack.flush();
    const nowNs = this.clock.nanoTime;
    if (nowNs - this.statisticsNs >= STATISTICS_INTERVAL_NS) {
      this.statisticsNs = nowNs;
      this.device.readStatistics();
    }
  }

  close(): void {
    this.device.close();
    this.local.close();
    this.handOver?.close();
  }

  onHandedOver(
    region: Region,
    offset: number,
    length: number,
    sourceAddress: Ipv4Address,
    sourcePort: number,
    destinationPort: number,
  ): void {
    this.counts[TAKEN_OVER]!++;
    this.deliver(region, offset, length, sourceAddress, sourcePort, destinationPort);
  }

  onNeighbour(address: Ipv4Address, macHigh: number, macLow: number): void {
    this.stack.learnNeighbour(address, macHigh, macLow);
  }

  onUdp(
    offset: number,
    length: number,
    sourceAddress: Ipv4Address,
    sourcePort: number,
    destinationPort: number,
  ): void {
    this.deliver(this.packets, offset, length, sourceAddress, sourcePort, destinationPort);
  }

  private sendOut(localPort: number, burst: DatagramBurst, address: Ipv4Address, port: number): number {
    const stack = this.stack;
    const state = stack.startDatagrams(address, localPort, port);
    if (state !== READY) {
      if (state === UNRESOLVED) {
        stack.statistics[TX_UNRESOLVED]!++;
        return 0;
      }
      // Lost, as a kernel loses them: a sender of several destinations goes on.
      stack.statistics[TX_UNREACHABLE]! += burst.count;
      return burst.count;
    }
    const words = burst.words;
    for (let i = 0; i < burst.count; i++) {
      const word = i * WORDS_PER_DATAGRAM;
      const length = words[word + 2]!;
      if (length > this.maxDatagramLength) {
        this.counts[SENDS_TOO_LONG]!++;
      } else if (!stack.addDatagram(words[word]!, words[word + 1]!, length)) {
        return i;
      }
    }
    return burst.count;
  }

  private sendLocal(localPort: number, burst: DatagramBurst, port: number): number {
    const local = this.local;
    const words = burst.words;
    const counts = this.counts;
    let accepted = 0;
    for (; accepted < burst.count; accepted++) {
      const word = accepted * WORDS_PER_DATAGRAM;
      const length = words[word + 2]!;
      if (length > this.maxDatagramLength) {
        counts[SENDS_TOO_LONG]!++;
      } else if (local.add(words[word]!, words[word + 1]!, length, localPort, port)) {
        counts[LOCAL_SENT]!++;
        counts[LOCAL_SENT_BYTES]! += length;
      } else {
        break;
      }
    }
    local.copyQueued();
    return accepted;
  }

  private deliverLocal(index: number): void {
    const local = this.local;
    const length = local.length(index);
    this.counts[LOCAL_RECEIVED]!++;
    this.counts[LOCAL_RECEIVED_BYTES]! += length;
    this.deliver(
      local.region,
      local.offset(index),
      length,
      this.address,
      local.sourcePort(index),
      local.destinationPort(index),
    );
  }

  private deliver(
    region: Region,
    offset: number,
    length: number,
    sourceAddress: Ipv4Address,
    sourcePort: number,
    destinationPort: number,
  ): void {
    const endpoint = this.ports.find(destinationPort);
    if (endpoint === null) {
      const isAnothers = this.handOver?.offer(
        region.handle,
        offset,
        length,
        sourceAddress,
        sourcePort,
        destinationPort,
      );
      if (isAnothers !== true) this.counts[NO_ENDPOINT]!++;
    } else if (!endpoint.accepts(sourceAddress, sourcePort)) {
      this.counts[NOT_CONNECTED]!++;
    } else {
      endpoint.handler.onDatagram(region, offset, length, sourceAddress, sourcePort);
    }
  }
}
