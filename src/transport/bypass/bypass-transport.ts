// hot
import type { Clock } from '../../concurrent/clock.ts';
import type { Device } from '../../device/device.ts';
import type { TapPoint } from '../../device/frame-tap.ts';
import type { Region } from '../../memory/region.ts';
import type { ConflictListener } from '../../net/address-claim.ts';
import type { UnreachableListener } from '../../net/icmp-errors.ts';
import { IpStack, type IpStackOptions } from '../../net/ip-stack.ts';
import { IPV4_HEADER_LENGTH, isGroup } from '../../net/ipv4.ts';
import type { Ipv4Addresses } from '../../net/ipv4-addresses.ts';
import type { Ipv6Listener } from '../../net/ipv6-receiver.ts';
import { LINK_UP, TX_UNREACHABLE, TX_UNRESOLVED } from '../../net/net-statistics.ts';
import { READY, UNRESOLVED } from '../../net/send-state.ts';
import {
  type GroupListener,
  type ReassembledListener,
  UDP_HEADER_LENGTH,
  type UdpListener,
} from '../../net/udp.ts';
import { AeronError } from '../../util/errors.ts';
import { isIpv6, isMulticast } from '../../util/ip-address.ts';
import { formatIpAddress } from '../../util/ip-text.ts';
import {
  type BurstListener,
  type DatagramBurst,
  type DatagramHandler,
  type EndpointOptions,
  type IpAddress,
  type Transport,
  WORDS_PER_DATAGRAM,
} from '../transport.ts';
import { AddressPorts } from './address-ports.ts';
import { BypassEndpoint, type EndpointOwner } from './bypass-endpoint.ts';
import { BypassIpv6 } from './bypass-ipv6.ts';
import { addressConflict, unreachableReport } from './bypass-reports.ts';
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
import type { PortTable } from './port-table.ts';
import { type DatagramInterest, TapThroughDevice } from './tap-through-device.ts';

/** Packet memory behind one ring entry, at least: what a received frame takes up, whatever its length. */
const PACKET_BUFFER_LENGTH = 2048;
const STATISTICS_INTERVAL_NS = 1e9;

/**
 * UDP datagrams over a {@link Device}, without the kernel. One endpoint a port of an address, and any number a port of a group.
 * What comes for our own addresses stays in memory; what goes to a group that we are in ourselves comes back too. See
 * {@link IpStack} for what happens while a neighbour's Ethernet address is unknown.
 *
 * Several network agents may share the port and the address, each with a transport over a queue pair of its own: see
 * {@link HandOver}.
 */
export class BypassTransport
  implements
    Transport,
    UdpListener,
    GroupListener,
    Ipv6Listener,
    ReassembledListener,
    HandOverListener,
    EndpointOwner,
    DatagramInterest,
    ConflictListener,
    UnreachableListener
{
  readonly maxDatagramLength: number;
  readonly coalescedLengthMax = 0;
  readonly statistics: BypassStatistics;
  readonly device: Device;
  private readonly clock: Clock;
  /** Our first one of IPv4; 0: there is none. */
  private readonly address: IpAddress;
  private readonly addresses: Ipv4Addresses;
  readonly tapPoint: TapPoint;
  readonly stack: IpStack;
  /** Endpoints of our first address, and of all of them. */
  private readonly ports: PortTable;
  private readonly addressPorts: AddressPorts;
  /** Null: the stack has no IPv6. */
  private readonly ipv6: BypassIpv6 | null;
  /** Endpoints of groups. Few: a datagram looks at each. */
  private readonly members: BypassEndpoint[] = [];
  private readonly local: LocalDatagrams;
  private readonly packets: Region;
  private readonly counts: Float64Array;
  /** Null: this agent is the only one. */
  private readonly handOver: HandOver | null;
  private statisticsNs = -1e18;
  /** What was last said of our address being another's; `''`: nothing. */
  conflict = '';

  constructor(device: Device, options: IpStackOptions, clock: Clock, handOver: HandOverConfig | null = null) {
    this.device = device;
    this.stack = new IpStack(device, options, clock);
    this.tapPoint = device instanceof TapThroughDevice ? device : this.stack;
    this.clock = clock;
    this.address = options.address;
    this.addresses = this.stack.addresses;
    this.maxDatagramLength = device.mtu - IPV4_HEADER_LENGTH - UDP_HEADER_LENGTH;
    this.local = new LocalDatagrams(this.maxDatagramLength);
    this.packets = device.memory;
    this.statistics = new BypassStatistics(this.stack.statistics, device.statistics);
    this.counts = this.statistics.transport;
    if (device instanceof TapThroughDevice) device.attach(this, this.counts);
    this.handOver = handOver === null ? null : new HandOver(handOver, this.counts);
    const agentIndex = handOver?.index ?? 0;
    const agentCount = handOver?.to.length ?? 1;
    this.addressPorts = new AddressPorts(this.addresses.numbers, agentIndex, agentCount);
    this.ports = this.addressPorts.first;
    const host = this.stack.ipv6;
    this.ipv6 =
      host === null
        ? null
        : new BypassIpv6(this.stack, host, agentIndex, agentCount, this.local, this.counts);
    this.stack.ipv6Listener = this;
    this.stack.neighbourListener = this.handOver;
    this.stack.groupListener = this;
    this.stack.conflictListener = this;
    this.stack.unreachableListener = this;
    this.stack.reassemble(this);
    this.stack.hearsEveryGroup = handOver !== null;
  }

  /** What the device said of its link at the last look, ten times a second. */
  get isLinkUp(): boolean {
    return this.stack.statistics[LINK_UP] === 1;
  }

  /** Whether an address of ours is being asked for. */
  get isProbing(): boolean {
    return this.stack.isProbing;
  }

  /** Cold. */
  onAddressConflict(address: IpAddress, macHigh: number, macLow: number): void {
    this.conflict = addressConflict(address, macHigh, macLow);
    this.statistics.report(`${this.conflict}. Give one of the two hosts another address.`);
  }

  /** Cold. */
  onDatagramUnreachable(code: number, address: IpAddress, mtu: number): void {
    const text = unreachableReport(code, address, mtu, this.device.mtu);
    if (text !== '') this.statistics.report(text);
  }

  /**
   * Throws AeronError `EADDRNOTAVAIL` for an address that is not ours, `EADDRINUSE` for a port that is taken, `ENOBUFS` for one
   * group too many.
   */
  open(options: EndpointOptions, handler: DatagramHandler): BypassEndpoint {
    const { localAddress, localPort, remoteAddress, remotePort, multicast = null } = options;
    const ownAddress = multicast === null ? localAddress : multicast.interfaceAddress;
    const ipv6 = isIpv6(ownAddress) ? this.ipv6 : null;
    if (ipv6 !== null) {
      ipv6.checkOwn(ownAddress);
    } else {
      this.checkOwn(ownAddress);
    }
    if (multicast !== null) this.stack.joinGroup(multicast.groupAddress);
    const { rxRingLength, txRingLength } = this.device.capabilities;
    const ports = ipv6 === null ? this.addressPorts : ipv6.ports;
    // Where there is one address, an endpoint without one has that.
    const endpointAddress = ipv6 === null && this.addresses.count === 1 ? this.address : ownAddress;
    const endpoint = new BypassEndpoint(
      this,
      endpointAddress,
      multicast === null ? ports.choose(endpointAddress, localPort) : localPort,
      ipv6 === null ? remoteAddress : ipv6.withoutZone(remoteAddress),
      remotePort,
      rxRingLength * PACKET_BUFFER_LENGTH,
      txRingLength * PACKET_BUFFER_LENGTH,
      handler,
      multicast,
    );
    if (multicast === null) ports.add(endpoint);
    else this.members.push(endpoint);
    return endpoint;
  }

  /** Throws AeronError `EADDRNOTAVAIL` for an IPv4 address that is not ours. Cold. */
  private checkOwn(address: IpAddress): void {
    const { count, numbers } = this.addresses;
    if (count > 0 && (address === 0 || this.addresses.has(address))) return;
    const ours = Array.from(numbers, formatIpAddress).join(', ');
    throw new AeronError(
      'EADDRNOTAVAIL',
      count === 0
        ? `the DPDK port has no IPv4 address, and ${formatIpAddress(address)} is one. Use IPv6 in the channel, or set ` +
            'aeron.dpdk.local.ipv4.address.'
        : `${formatIpAddress(address)} is no address of the DPDK port, which has ${ours}. Use one of those in the channel.`,
    );
  }

  /** Cold. */
  release(endpoint: BypassEndpoint): void {
    if (endpoint.groupAddress === 0) {
      const ports = isIpv6(endpoint.localAddress) ? this.ipv6!.ports : this.addressPorts;
      ports.remove(endpoint);
    } else {
      this.members.splice(this.members.indexOf(endpoint), 1);
      this.stack.leaveGroup(endpoint.groupAddress);
    }
  }

  /** Whether a datagram to an address and port of this host, or of a group, is waited for. */
  hasEndpointAt(address: IpAddress, port: number): boolean {
    if (this.addresses.has(address)) return this.addressPorts.find(address, port) !== null;
    const members = this.members;
    for (let i = 0; i < members.length; i++) {
      if (members[i]!.localPort === port && members[i]!.groupAddress === address) return true;
    }
    return false;
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

  send(endpoint: BypassEndpoint, burst: DatagramBurst, address: IpAddress, port: number): number {
    const connected = endpoint.remoteAddress !== 0;
    const toAddress = connected ? endpoint.remoteAddress : address;
    const toPort = connected ? endpoint.remotePort : port;
    const accepted =
      toAddress === this.address
        ? this.sendLocal(endpoint, burst, toAddress, toPort)
        : isGroup(toAddress)
          ? this.sendToGroup(endpoint, burst, toAddress, toPort)
          : isIpv6(toAddress)
            ? this.sendIpv6(endpoint, burst, toAddress, toPort)
            : this.sendOut(endpoint, burst, toAddress, toPort);
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
    this.stack.close();
    this.local.close();
    this.handOver?.close();
  }

  onHandedOver(
    region: Region,
    offset: number,
    length: number,
    sourceAddress: IpAddress,
    sourcePort: number,
    destinationAddress: IpAddress,
    destinationPort: number,
  ): void {
    this.counts[TAKEN_OVER]!++;
    this.onReassembledUdp(
      region,
      offset,
      length,
      sourceAddress,
      sourcePort,
      destinationAddress,
      destinationPort,
    );
  }

  onReassembledUdp(
    region: Region,
    offset: number,
    length: number,
    sourceAddress: IpAddress,
    sourcePort: number,
    destinationAddress: IpAddress,
    destinationPort: number,
  ): void {
    if (destinationAddress === this.address) {
      this.deliver(region, offset, length, sourceAddress, sourcePort, destinationPort);
    } else if (!isMulticast(destinationAddress)) {
      this.deliverElsewhere(
        region,
        offset,
        length,
        sourceAddress,
        sourcePort,
        destinationAddress,
        destinationPort,
      );
    } else {
      this.deliverToGroup(
        region,
        offset,
        length,
        sourceAddress,
        sourcePort,
        destinationAddress,
        destinationPort,
      );
    }
  }

  onQuery(group: IpAddress, version: number, responseTime: number): void {
    this.stack.learnQuery(group, version, responseTime);
  }

  onUnreachable(address: IpAddress, ports: number, code: number, mtu: number): void {
    this.stack.onUnreachable(address, ports, code, mtu);
  }

  onNeighbour(address: IpAddress, macHigh: number, macLow: number): void {
    this.stack.learnNeighbour(address, macHigh, macLow);
  }

  onUdp(
    offset: number,
    length: number,
    sourceAddress: IpAddress,
    sourcePort: number,
    destinationPort: number,
  ): void {
    this.deliver(this.packets, offset, length, sourceAddress, sourcePort, destinationPort);
  }

  onGroupUdp(
    offset: number,
    length: number,
    sourceAddress: IpAddress,
    sourcePort: number,
    destination: IpAddress,
    destinationPort: number,
  ): void {
    this.onReassembledUdp(
      this.packets,
      offset,
      length,
      sourceAddress,
      sourcePort,
      destination,
      destinationPort,
    );
  }

  onIpv6Udp(
    offset: number,
    length: number,
    sourceAddress: IpAddress,
    sourcePort: number,
    destination: IpAddress,
    destinationPort: number,
  ): boolean {
    const { packets } = this;
    if (!isMulticast(destination)) {
      return this.deliverElsewhere(
        packets,
        offset,
        length,
        sourceAddress,
        sourcePort,
        destination,
        destinationPort,
      );
    }
    this.deliverToGroup(packets, offset, length, sourceAddress, sourcePort, destination, destinationPort);
    return true;
  }

  /** A datagram to a group leaves, and comes back if there is a member among our own endpoints. */
  private sendToGroup(
    endpoint: BypassEndpoint,
    burst: DatagramBurst,
    group: IpAddress,
    port: number,
  ): number {
    const { stack, local, counts } = this;
    const words = burst.words;
    const { localPort, ttl } = endpoint;
    const isLocalToo = stack.membership.isMember(group);
    const source = endpoint.localAddress === 0 ? this.address : endpoint.localAddress;
    stack.startGroupDatagrams(group, localPort, port, ttl, source);
    let accepted = 0;
    for (; accepted < burst.count; accepted++) {
      const word = accepted * WORDS_PER_DATAGRAM;
      const length = words[word + 2]!;
      if (length > this.maxDatagramLength) {
        counts[SENDS_TOO_LONG]!++;
        continue;
      }
      if (isLocalToo && local.isFull) break;
      if (!stack.addDatagram(words[word]!, words[word + 1]!, length)) break;
      if (!isLocalToo) continue;
      local.add(words[word]!, words[word + 1]!, length, source, localPort, group, port);
    }
    local.copyQueued();
    return accepted;
  }

  private sendIpv6(endpoint: BypassEndpoint, burst: DatagramBurst, address: IpAddress, port: number): number {
    if (this.ipv6 !== null) return this.ipv6.send(endpoint, burst, address, port);
    this.stack.statistics[TX_UNREACHABLE]! += burst.count;
    return burst.count;
  }

  private sendOut(endpoint: BypassEndpoint, burst: DatagramBurst, address: IpAddress, port: number): number {
    const { stack, addresses } = this;
    if (addresses.count > 1 && addresses.has(address)) return this.sendLocal(endpoint, burst, address, port);
    const { localAddress, localPort } = endpoint;
    const source = localAddress === 0 ? stack.route.sourceFor(address) : localAddress;
    const state = stack.startDatagrams(address, localPort, port, source);
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

  private sendLocal(
    { localAddress, localPort }: BypassEndpoint,
    burst: DatagramBurst,
    address: IpAddress,
    port: number,
  ): number {
    const source = localAddress === 0 ? address : localAddress;
    const local = this.local;
    const words = burst.words;
    const counts = this.counts;
    let accepted = 0;
    for (; accepted < burst.count; accepted++) {
      const word = accepted * WORDS_PER_DATAGRAM;
      const length = words[word + 2]!;
      if (length > this.maxDatagramLength) {
        counts[SENDS_TOO_LONG]!++;
      } else if (local.add(words[word]!, words[word + 1]!, length, source, localPort, address, port)) {
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
    const destinationAddress = local.destinationAddress(index);
    this.counts[LOCAL_RECEIVED]!++;
    this.counts[LOCAL_RECEIVED_BYTES]! += length;
    this.onReassembledUdp(
      local.region,
      local.offset(index),
      length,
      local.sourceAddress(index),
      local.sourcePort(index),
      destinationAddress,
      local.destinationPort(index),
    );
  }

  private deliver(
    region: Region,
    offset: number,
    length: number,
    sourceAddress: IpAddress,
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
        this.address,
        destinationPort,
      );
      if (isAnothers !== true) this.counts[NO_ENDPOINT]!++;
    } else if (!endpoint.accepts(sourceAddress, sourcePort)) {
      this.counts[NOT_CONNECTED]!++;
    } else {
      endpoint.handler.onDatagram(region, offset, length, sourceAddress, sourcePort);
    }
  }

  /** To the endpoint of another address of ours. Returns whether there is one, here or with another agent. */
  private deliverElsewhere(
    region: Region,
    offset: number,
    length: number,
    sourceAddress: IpAddress,
    sourcePort: number,
    destination: IpAddress,
    destinationPort: number,
  ): boolean {
    const ports = isIpv6(destination) && this.ipv6 !== null ? this.ipv6.ports : this.addressPorts;
    const endpoint = ports.find(destination, destinationPort);
    if (endpoint === null) {
      const isAnothers = this.handOver?.offer(
        region.handle,
        offset,
        length,
        sourceAddress,
        sourcePort,
        destination,
        destinationPort,
      );
      if (isAnothers === true) return true;
      this.counts[NO_ENDPOINT]!++;
      return false;
    }
    if (endpoint.accepts(sourceAddress, sourcePort)) {
      endpoint.handler.onDatagram(region, offset, length, sourceAddress, sourcePort);
    } else {
      this.counts[NOT_CONNECTED]!++;
    }
    return true;
  }

  /** To every endpoint that is in the group at that port; all of them are the same agent's. */
  private deliverToGroup(
    region: Region,
    offset: number,
    length: number,
    sourceAddress: IpAddress,
    sourcePort: number,
    group: IpAddress,
    destinationPort: number,
  ): void {
    const members = this.members;
    let isHeard = false;
    for (let i = 0; i < members.length; i++) {
      const endpoint = members[i]!;
      if (endpoint.localPort !== destinationPort || endpoint.groupAddress !== group) continue;
      endpoint.handler.onDatagram(region, offset, length, sourceAddress, sourcePort);
      isHeard = true;
    }
    if (isHeard) return;
    const isAnothers = this.handOver?.offer(
      region.handle,
      offset,
      length,
      sourceAddress,
      sourcePort,
      group,
      destinationPort,
    );
    if (isAnothers !== true) this.counts[NO_ENDPOINT]!++;
  }
}
