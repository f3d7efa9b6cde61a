// hot
import type { Clock } from '../concurrent/clock.ts';
import {
  BURST_CAPACITY,
  type Device,
  RX_FLAGS,
  RX_LENGTH,
  RX_OFFSET,
  RX_SUM,
  RX_WORDS,
} from '../device/device.ts';
import type { FrameTap, TapPoint } from '../device/frame-tap.ts';
import { isIpv6 } from '../util/ip-address.ts';
import type { ConflictListener } from './address-claim.ts';
import { ArpHost } from './arp-host.ts';
import { DatagramHeader } from './datagram-header.ts';
import { EchoRequests } from './echo-requests.ts';
import {
  BROADCAST_HIGH,
  BROADCAST_LOW,
  ETHERNET_DESTINATION,
  ETHERNET_HEADER_LENGTH,
  ETHERNET_TYPE,
  IPV6_MULTICAST_HIGH,
  MULTICAST_HIGH,
  multicastLow,
  TYPE_ARP,
  TYPE_IPV4,
  TYPE_IPV6,
} from './ethernet.ts';
import { FrameQueue } from './frame-queue.ts';
import { GroupFilter } from './group-filter.ts';
import type { GroupMembership } from './group-membership.ts';
import type { UnreachableListener } from './icmp-errors.ts';
import { IcmpHost } from './icmp-host.ts';
import { IgmpHost } from './igmp-host.ts';
import { TIME_TO_LIVE } from './ipv4.ts';
import type { Ipv4Addresses, Ipv4Prefix } from './ipv4-addresses.ts';
import { Ipv4Receiver } from './ipv4-receiver.ts';
import { Ipv6Host, type Ipv6Options } from './ipv6-host.ts';
import type { Ipv6Listener } from './ipv6-receiver.ts';
import { NOT_NOW } from './neighbour-cache.ts';
import type { NeighbourListener } from './neighbour-listener.ts';
import * as count from './net-statistics.ts';
import { deliverPlain, plainPayloadLength, plainSource } from './plain-datagram.ts';
import { Reassembly } from './reassembly.ts';
import { RecentFlows } from './recent-flows.ts';
import { Route, type RouteOptions } from './route.ts';
import { READY, UNREACHABLE, UNRESOLVED } from './send-state.ts';
import type { GroupListener, ReassembledListener, UdpListener } from './udp.ts';

export interface IpStackOptions {
  /** 0: none, and of IPv4 nothing is heard or sent. */
  readonly address: number;
  readonly prefixLength: number;
  /** Addresses besides that one, each in a network on the link. */
  readonly furtherAddresses?: readonly Ipv4Prefix[];
  /** 0: none. */
  readonly gatewayAddress: number;
  /** Networks besides those of our addresses, and those behind other routers than the gateway. */
  readonly routes?: readonly RouteOptions[];
  /** How often each address is asked for when the link comes up, before it is announced; 0 when left out: not at all. */
  readonly addressProbes?: number;
  /** Neighbours that are not asked. */
  readonly neighbours?: readonly StaticNeighbour[];
  /** Null or left out: no IPv6. */
  readonly ipv6?: Ipv6Options | null;
}

/** Who is never asked for its Ethernet address, because it was configured. */
export interface StaticNeighbour {
  readonly address: number;
  /** The first two octets, and the last four. */
  readonly macHigh: number;
  readonly macLow: number;
}

const LINK_CHECK_INTERVAL_NS = 100e6;

/**
 * A host with IPv4 addresses over a {@link Device}: answers ARP and ping, sends and receives UDP. Everything that can be
 * wrong with a frame is a number in `statistics`. We never send fragments; those that come are put together where somebody
 * wants that ({@link reassemble}). IP options are skipped. An {@link Ipv6Host} is beside it if there are addresses of IPv6.
 * Not supported, and counted: source routes, VLAN tags, broadcast UDP, ICMP other than echo and "destination unreachable".
 *
 * Every datagram sent has a checksum, though IPv4 would let us leave it out: where the port does not fill it in, it is
 * summed up right after its bytes were copied, which costs 12 ns for 64 bytes and 40 ns for 1408, and as much to verify.
 *
 * While a neighbour's address is unknown {@link startDatagrams} answers UNRESOLVED, so that the sender keeps its bytes and
 * nothing is queued here; after a second of silence it answers UNREACHABLE, so that one absent host does not hold back
 * a sender that serves several.
 */
export class IpStack implements TapPoint {
  readonly device: Device;
  readonly route: Route;
  readonly membership: GroupMembership;
  /** Null: frames of IPv6 are not for us. */
  readonly ipv6: Ipv6Host | null;
  readonly statistics: Float64Array = new Float64Array(
    new SharedArrayBuffer(count.NET_STATISTICS.length * Float64Array.BYTES_PER_ELEMENT),
  );
  /** Ours of IPv4. */
  readonly addresses: Ipv4Addresses;
  private readonly address: number;
  private readonly view: DataView;
  private readonly rxWords: Int32Array;
  private readonly clock: Clock;
  private readonly queue: FrameQueue;
  private readonly arp: ArpHost;
  private readonly igmp: IgmpHost;
  private readonly icmp: IcmpHost;
  private readonly flows: RecentFlows = new RecentFlows();
  private readonly ipv4: Ipv4Receiver;
  /** Null: pieces of datagrams are dropped. */
  private reassembly: Reassembly | null = null;
  private readonly header: DatagramHeader = new DatagramHeader();
  private linkCheckNs = -1e18;
  /** The flow that `header` points at, and the state of the neighbours it was made from. */
  private headerSource = 0;
  private headerAddress = 0;
  private headerPorts = 0;
  private headerVersion = -1;

  constructor(device: Device, options: IpStackOptions, clock: Clock) {
    const { statistics } = this;
    const { address, addressProbes = 0, neighbours = [] } = options;
    this.device = device;
    this.clock = clock;
    this.queue = new FrameQueue(device, statistics);
    this.route = new Route(
      address,
      options.prefixLength,
      options.gatewayAddress,
      options.routes,
      options.furtherAddresses,
    );
    const { addresses } = this.route;
    this.addresses = addresses;
    this.arp = new ArpHost(this.queue, addresses, addressProbes, statistics, clock);
    for (const { address: neighbour, macHigh, macLow } of neighbours) {
      this.arp.neighbours.addStatic(neighbour, macHigh, macLow);
    }
    const filter = new GroupFilter(device);
    this.igmp = new IgmpHost(this.queue, filter, address, statistics, clock);
    this.membership = this.igmp.membership;
    this.icmp = new IcmpHost(this.queue, addresses, this.flows, statistics, clock);
    this.ipv4 = new Ipv4Receiver(device.memory, addresses, statistics, this.icmp, this.igmp);
    const ipv6 = options.ipv6 ?? null;
    this.ipv6 =
      ipv6 === null ? null : new Ipv6Host(this.queue, filter, ipv6, this.icmp.errors, statistics, clock);
    this.address = address;
    this.view = device.memory.view;
    this.rxWords = device.rxWords;
  }

  /** Null: nobody else wants to know of neighbours and routers. */
  set neighbourListener(listener: NeighbourListener | null) {
    this.arp.listener = listener;
    this.igmp.listener = listener;
    this.icmp.errors.others = listener;
    if (this.ipv6 === null) return;
    this.ipv6.nd.listener = listener;
    this.ipv6.mld.listener = listener;
  }

  /** Null: nobody wants to know who else has an address of ours. */
  set conflictListener(listener: ConflictListener | null) {
    this.arp.conflictListener = listener;
  }

  /** Null: nobody wants to know what did not arrive. */
  set unreachableListener(listener: UnreachableListener | null) {
    this.icmp.errors.listener = listener;
  }

  /** Takes over what another stack of the port heard of a datagram of this one. */
  onUnreachable(address: number, ports: number, code: number, mtu: number): void {
    this.icmp.errors.onUnreachable(address, ports, code, mtu);
  }

  /** Whether an address of ours is being asked for: it is not known yet whether it is another's. */
  get isProbing(): boolean {
    return this.arp.isProbing;
  }

  /** Null: nobody sends to groups or hears them, and there is one address. */
  set groupListener(listener: GroupListener | null) {
    this.ipv4.groupListener = listener;
  }

  /** Null: nobody looks at the frames. */
  get tap(): FrameTap | null {
    return this.queue.tap;
  }

  set tap(tap: FrameTap | null) {
    this.queue.tap = tap;
  }

  /** Null: nobody takes datagrams of IPv6. */
  set ipv6Listener(listener: Ipv6Listener | null) {
    if (this.ipv6 !== null) this.ipv6.receiver.listener = listener;
  }

  /** Puts datagrams together that come in pieces, for `listener`; they are dropped otherwise. Cold. */
  reassemble(listener: ReassembledListener): void {
    const reassembly = new Reassembly(this.clock, this.statistics);
    this.reassembly = reassembly;
    this.ipv4.reassemble(reassembly, listener);
    this.ipv6?.receiver.reassemble(reassembly, listener);
  }

  /** For who looks for what is wrong: asks other hosts for echoes. Whoever gets it closes it. Cold. */
  echoRequests(): EchoRequests {
    const requests = new EchoRequests(this.queue, this.arp, this.route, this.ipv6);
    this.icmp.replyListener = requests;
    if (this.ipv6 !== null) this.ipv6.icmp.replyListener = requests;
    return requests;
  }

  /** Gives its own memory back, not the device. Cold. */
  close(): void {
    this.reassembly?.close();
    this.igmp.close();
    this.ipv6?.close();
  }

  /** Whether datagrams for groups that this stack is not in are handed over too: another stack of the port may be. */
  set hearsEveryGroup(hears: boolean) {
    this.ipv4.hearsEveryGroup = hears;
    if (this.ipv6 !== null) this.ipv6.receiver.hearsEveryGroup = hears;
  }

  /** Receives one burst. Returns the frames that came, whatever became of them. */
  receive(listener: UdpListener): number {
    // Replies queued may refer to the burst before, whose memory goes now.
    if (!this.queue.isEmpty) this.queue.transmit();
    const words = this.rxWords;
    const frames = this.device.receive();
    const { tap } = this.queue;
    if (tap !== null && frames > 0) tap.onReceive(this.device, frames);
    const view = this.view;
    const address = this.address;
    const { count: addressCount } = this.addresses;
    // Without an address no frame is plain: there is no such first half of a card's.
    const macHigh = addressCount > 0 ? this.device.macHigh : -1;
    const { macLow } = this.device;
    const hasFurther = addressCount > 1;
    let datagrams = 0;
    let datagramBytes = 0;
    for (let i = 0; i < frames; i++) {
      const word = i * RX_WORDS;
      const offset = words[word + RX_OFFSET]!;
      const length = words[word + RX_LENGTH]!;
      const flags = words[word + RX_FLAGS]!;
      const payloadLength = plainPayloadLength(view, offset, length, flags, macHigh, macLow, address);
      if (payloadLength >= 0 && !(hasFurther && this.addresses.has(plainSource(view, offset)))) {
        datagrams++;
        datagramBytes += payloadLength;
        deliverPlain(view, offset, payloadLength, listener);
      } else {
        this.onFrame(offset, length, flags, words[word + RX_SUM]!, listener);
      }
    }
    const statistics = this.statistics;
    statistics[count.RX_FRAMES]! += frames;
    statistics[count.RX_DATAGRAMS]! += datagrams;
    statistics[count.RX_DATAGRAM_BYTES]! += datagramBytes;
    return frames;
  }

  /** Takes over what a neighbour said of itself elsewhere. */
  learnNeighbour(address: number, macHigh: number, macLow: number): void {
    if (isIpv6(address) && this.ipv6 === null) return;
    const { neighbours } = isIpv6(address) ? this.ipv6!.nd : this.arp;
    const entry = neighbours.find(address);
    if (entry >= 0) neighbours.learn(entry, macHigh, macLow);
  }

  /** Points the next {@link addDatagram}s at a flow from `source`, ours. Returns READY, UNRESOLVED or UNREACHABLE. */
  startDatagrams(
    address: number,
    sourcePort: number,
    destinationPort: number,
    source: number = this.address,
  ): number {
    const nextHop = this.route.nextHop(address);
    if (nextHop === 0) return UNREACHABLE;
    const neighbours = this.arp.neighbours;
    const entry = neighbours.locate(nextHop);
    if (entry < 0) return entry === NOT_NOW ? UNRESOLVED : UNREACHABLE;
    if (this.queue.hasRoom() && neighbours.takeRequest(entry)) this.arp.ask(entry, nextHop);
    if (!neighbours.isResolved(entry)) return neighbours.isSilent(entry) ? UNREACHABLE : UNRESOLVED;

    const ports = (sourcePort << 16) | destinationPort;
    if (
      address !== this.headerAddress ||
      ports !== this.headerPorts ||
      source !== this.headerSource ||
      neighbours.version !== this.headerVersion
    ) {
      const device = this.device;
      this.header.point(
        neighbours.macHigh(entry),
        neighbours.macLow(entry),
        device.macHigh,
        device.macLow,
        source,
        address,
        sourcePort,
        destinationPort,
        TIME_TO_LIVE,
      );
      this.headerSource = source;
      this.headerAddress = address;
      this.headerPorts = ports;
      this.headerVersion = neighbours.version;
      this.flows.add(address, ports);
    }
    return READY;
  }

  /** Points the next {@link addDatagram}s at a group, past `timeToLive` - 1 routers. */
  startGroupDatagrams(
    group: number,
    sourcePort: number,
    destinationPort: number,
    timeToLive: number,
    source: number = this.address,
  ): void {
    const ports = (sourcePort << 16) | destinationPort;
    // Never the version of the neighbours, which counts up from 0.
    const version = -1 - timeToLive;
    if (
      group === this.headerAddress &&
      ports === this.headerPorts &&
      version === this.headerVersion &&
      source === this.headerSource
    ) {
      return;
    }
    const { macHigh, macLow } = this.device;
    this.header.point(
      MULTICAST_HIGH,
      multicastLow(group),
      macHigh,
      macLow,
      source,
      group,
      sourcePort,
      destinationPort,
      timeToLive,
    );
    this.headerSource = source;
    this.headerAddress = group;
    this.headerPorts = ports;
    this.headerVersion = version;
  }

  /** Takes over what a router asked elsewhere: as {@link GroupMembership.onQuery}, and `::` asks for any group of IPv6. */
  learnQuery(group: number, version: number, responseTime: number): void {
    if (isIpv6(group)) this.ipv6?.mld.onQuery(group, version, responseTime);
    else this.membership.onQuery(group, version, responseTime);
  }

  /** Throws AeronError `ENOBUFS` when there are too many groups. Cold. */
  joinGroup(group: number): void {
    if (isIpv6(group)) this.ipv6?.mld.join(group);
    else this.igmp.join(group);
  }

  /** Cold. */
  leaveGroup(group: number): void {
    if (isIpv6(group)) this.ipv6?.mld.leave(group);
    else this.igmp.leave(group);
  }

  /**
   * Queues a datagram of the flow; its bytes are copied by {@link flush} at the latest. Returns false when the device has
   * no room for it. `length` must fit the MTU.
   */
  addDatagram(handle: number, offset: number, length: number): boolean {
    const queue = this.queue;
    if (!queue.hasRoom()) return false;
    this.header.write(this.view, queue.nextFrame(), length);
    queue.addDatagram(handle, offset, length, 0);
    return true;
  }

  /** Hands queued frames to the device and looks after the link. */
  flush(): void {
    const nowNs = this.clock.nanoTime;
    if (nowNs - this.linkCheckNs >= LINK_CHECK_INTERVAL_NS) {
      this.linkCheckNs = nowNs;
      this.checkLink();
      this.arp.doWork();
    }
    if (nowNs >= this.membership.dueNs) this.igmp.report();
    if (this.ipv6 !== null) this.ipv6.doWork(nowNs);
    // Less than full room: frames the device has not taken yet wait in it.
    if (!this.queue.isEmpty || this.device.txRoom < BURST_CAPACITY) this.queue.transmit();
  }

  private checkLink(): void {
    const statistics = this.statistics;
    const up = this.device.isLinkUp() ? 1 : 0;
    if (up === statistics[count.LINK_UP]) return;
    statistics[count.LINK_UP] = up;
    statistics[count.LINK_CHANGES]!++;
    if (up !== 1) return;
    this.arp.onLinkUp();
    this.membership.announceAll();
    this.ipv6?.onLinkUp();
  }

  /** A frame that is not the rule: by type and Ethernet address to who takes it. */
  private onFrame(offset: number, length: number, flags: number, sum: number, listener: UdpListener): void {
    const { view, statistics, device } = this;
    if (length < ETHERNET_HEADER_LENGTH) {
      statistics[count.ETHERNET_MALFORMED]!++;
      return;
    }
    const type = view.getUint16(offset + ETHERNET_TYPE);
    const macHigh = view.getUint16(offset + ETHERNET_DESTINATION);
    const macLow = view.getInt32(offset + ETHERNET_DESTINATION + 2);
    const toUs = macHigh === device.macHigh && macLow === device.macLow;
    const isIpv4 = type === TYPE_IPV4 && this.address !== 0;
    if (isIpv4 && toUs) {
      this.ipv4.onFrame(offset, length, flags, sum, listener);
    } else if (isIpv4 && macHigh === MULTICAST_HIGH && this.ipv4.groupListener !== null) {
      this.ipv4.onGroupFrame(offset, length, flags, sum, listener, macLow);
    } else if (
      type === TYPE_ARP &&
      this.address !== 0 &&
      (toUs || (macHigh === BROADCAST_HIGH && macLow === BROADCAST_LOW))
    ) {
      this.arp.onArp(offset + ETHERNET_HEADER_LENGTH, length - ETHERNET_HEADER_LENGTH);
    } else if (type === TYPE_IPV6 && this.ipv6 !== null && (toUs || macHigh === IPV6_MULTICAST_HIGH)) {
      this.ipv6.receiver.onFrame(offset, length, flags, sum, toUs, macLow);
    } else {
      statistics[
        type === TYPE_IPV4 || type === TYPE_ARP ? count.ETHERNET_NOT_OURS : count.ETHERNET_TYPE_UNSUPPORTED
      ]!++;
    }
  }
}
