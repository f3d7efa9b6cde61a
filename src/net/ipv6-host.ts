// hot
import type { Clock } from '../concurrent/clock.ts';
import { TX_HEADER_LENGTH_SHIFT } from '../device/device.ts';
import { ipv6Word, isMulticast } from '../util/ip-address.ts';
import { IPV6_MULTICAST_HIGH } from './ethernet.ts';
import type { FrameQueue } from './frame-queue.ts';
import type { GroupFilter } from './group-filter.ts';
import type { IcmpErrors } from './icmp-errors.ts';
import { Icmpv6Errors } from './icmpv6-errors.ts';
import { Icmpv6Host } from './icmpv6-host.ts';
import { HOP_LIMIT } from './ipv6.ts';
import { Ipv6Addresses, type Ipv6Prefix } from './ipv6-addresses.ts';
import { IPV6_DATAGRAM_HEADER_LENGTH, Ipv6DatagramHeader } from './ipv6-datagram-header.ts';
import { Ipv6Receiver } from './ipv6-receiver.ts';
import { MldHost } from './mld-host.ts';
import { NdHost } from './nd-host.ts';
import { NOT_NOW } from './neighbour-cache.ts';
import type { RecentFlows } from './recent-flows.ts';
import { READY, UNREACHABLE, UNRESOLVED } from './send-state.ts';

export interface Ipv6Options {
  /** Our addresses; where none is link-local, one is made of the card's address. */
  readonly addresses: readonly Ipv6Prefix[];
  /** 0: none. */
  readonly gatewayAddress: number;
}

/**
 * A host with IPv6 addresses beside an IPv4 one: discovers neighbours and answers them, asks whether anybody has its
 * addresses before it uses them, tells routers of its groups, answers ping, sends and receives UDP. Addresses and the gateway
 * are configured: router advertisements and redirects are ignored, and counted. Datagrams that come in pieces are put together
 * where somebody wants that. Not supported, and counted: source routes, options that may not be skipped.
 */
export class Ipv6Host {
  readonly addresses: Ipv6Addresses;
  readonly receiver: Ipv6Receiver;
  readonly mld: MldHost;
  readonly nd: NdHost;
  readonly icmp: Icmpv6Host;
  private readonly queue: FrameQueue;
  private readonly flows: RecentFlows;
  private readonly header: Ipv6DatagramHeader = new Ipv6DatagramHeader();
  /** The flow that `header` points at, and the state of the neighbours it was made from. */
  private headerSource = 0;
  private headerAddress = 0;
  private headerPorts = 0;
  private headerVersion = -1;

  constructor(
    queue: FrameQueue,
    filter: GroupFilter,
    { addresses, gatewayAddress }: Ipv6Options,
    errors: IcmpErrors,
    statistics: Float64Array,
    clock: Clock,
  ) {
    const { macHigh, macLow, mtu } = queue.device;
    this.queue = queue;
    this.flows = errors.flows;
    this.addresses = new Ipv6Addresses(addresses, gatewayAddress, macHigh, macLow);
    this.nd = new NdHost(queue, this.addresses, statistics, clock);
    this.mld = new MldHost(queue, filter, this.addresses, statistics, clock);
    const errors6 = new Icmpv6Errors(queue.view, this.addresses, mtu, errors, statistics);
    this.icmp = new Icmpv6Host(queue, this.nd, this.mld, errors6, statistics, clock);
    this.receiver = new Ipv6Receiver(queue.device.memory, this.addresses, statistics, this.icmp, this.mld);
    for (const group of this.addresses.solicitedNodes) this.mld.join(group);
  }

  /**
   * Points the next {@link addDatagram}s at a flow from `source`, an address of ours. Returns READY, UNRESOLVED or
   * UNREACHABLE.
   */
  startDatagrams(source: number, address: number, sourcePort: number, destinationPort: number): number {
    const nextHop = this.addresses.nextHop(address);
    if (nextHop === 0) return UNREACHABLE;
    // While it is being asked whether the address is ours alone, senders wait.
    if (!this.addresses.isUsable(source)) {
      return this.addresses.isDuplicate(source) ? UNREACHABLE : UNRESOLVED;
    }
    const { nd, queue } = this;
    const neighbours = nd.neighbours;
    const entry = neighbours.locate(nextHop);
    if (entry < 0) return entry === NOT_NOW ? UNRESOLVED : UNREACHABLE;
    if (queue.hasRoom() && neighbours.takeRequest(entry)) nd.ask(entry, nextHop);
    if (!neighbours.isResolved(entry)) return neighbours.isSilent(entry) ? UNREACHABLE : UNRESOLVED;
    const macHigh = neighbours.macHigh(entry);
    const macLow = neighbours.macLow(entry);
    this.point(macHigh, macLow, source, address, sourcePort, destinationPort, HOP_LIMIT, neighbours.version);
    return READY;
  }

  /** Points the next {@link addDatagram}s at a group, past `hopLimit` - 1 routers. Returns READY, UNRESOLVED or UNREACHABLE. */
  startGroupDatagrams(
    source: number,
    group: number,
    sourcePort: number,
    destinationPort: number,
    hopLimit: number,
  ): number {
    if (!this.addresses.isUsable(source))
      return this.addresses.isDuplicate(source) ? UNREACHABLE : UNRESOLVED;
    // Never the version of the neighbours, which counts up from 0.
    const version = -1 - hopLimit;
    const macLow = ipv6Word(group, 3);
    this.point(IPV6_MULTICAST_HIGH, macLow, source, group, sourcePort, destinationPort, hopLimit, version);
    return READY;
  }

  /** As {@link IpStack.addDatagram}. */
  addDatagram(handle: number, offset: number, length: number): boolean {
    const queue = this.queue;
    if (!queue.hasRoom()) return false;
    this.header.write(queue.view, queue.nextFrame(), length);
    queue.addDatagram(handle, offset, length, IPV6_DATAGRAM_HEADER_LENGTH << TX_HEADER_LENGTH_SHIFT);
    return true;
  }

  /** What an endpoint without an address of its own speaks from. */
  sourceFor(destination: number, own: number): number {
    return this.addresses.has(own) && !isMulticast(own) ? own : this.addresses.sourceFor(destination);
  }

  /** Time-driven work: part of every duty cycle. */
  doWork(nowNs: number): void {
    if (nowNs >= this.nd.dueNs) this.onProbed();
    if (nowNs >= this.mld.membership.dueNs) this.mld.report();
  }

  /** Cold. */
  onLinkUp(): void {
    this.nd.probe();
    this.mld.membership.announceAll();
  }

  /** Gives its own memory back. Cold. */
  close(): void {
    this.mld.close();
  }

  /** Routers take reports from link-local addresses only. Cold. */
  private onProbed(): void {
    this.nd.check();
    this.mld.membership.announceAll();
  }

  private point(
    macHigh: number,
    macLow: number,
    source: number,
    address: number,
    sourcePort: number,
    destinationPort: number,
    hopLimit: number,
    version: number,
  ): void {
    const ports = (sourcePort << 16) | destinationPort;
    if (
      address === this.headerAddress &&
      ports === this.headerPorts &&
      version === this.headerVersion &&
      source === this.headerSource
    ) {
      return;
    }
    const { device } = this.queue;
    this.header.point(
      macHigh,
      macLow,
      device.macHigh,
      device.macLow,
      source,
      address,
      sourcePort,
      destinationPort,
      hopLimit,
    );
    this.headerSource = source;
    this.headerAddress = address;
    this.headerPorts = ports;
    this.headerVersion = version;
    this.flows.add(address, ports);
  }
}
