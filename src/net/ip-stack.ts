// hot
import type { Clock } from '../concurrent/clock.ts';
import {
  BURST_CAPACITY,
  type Device,
  RX_FLAGS,
  RX_IP_BAD,
  RX_IP_GOOD,
  RX_LENGTH,
  RX_OFFSET,
  RX_SUM,
  RX_SUMMED,
  RX_UDP_BAD,
  RX_UDP_GOOD,
  RX_WORDS,
  setTxPayload,
  TX_UDP_CHECKSUM,
  txFrame,
} from '../device/device.ts';
import { fold } from '../util/internet-checksum.ts';
import {
  ARP_OPERATION,
  ARP_REPLY,
  ARP_REQUEST,
  ARP_SENDER_ADDRESS,
  ARP_SENDER_MAC,
  ARP_TARGET_ADDRESS,
  isValidArp,
  writeArp,
} from './arp.ts';
import { DatagramHeader } from './datagram-header.ts';
import {
  BROADCAST_HIGH,
  BROADCAST_LOW,
  ETHERNET_DESTINATION,
  ETHERNET_HEADER_LENGTH,
  ETHERNET_SOURCE,
  ETHERNET_TYPE,
  isStation,
  MULTICAST_HIGH,
  multicastLow,
  TYPE_ARP,
  TYPE_IPV4,
  writeEthernet,
} from './ethernet.ts';
import { GroupMembership, type ReportSender } from './group-membership.ts';
import { ICMP_HEADER_LENGTH, isEchoRequest, isIcmpChecksumRight, writeEchoReply } from './icmp.ts';
import {
  IGMP_GROUP,
  IGMP_QUERY,
  IGMP_RESPONSE_CODE,
  IGMP_V1_REPORT,
  IGMP_V2_REPORT,
  isValidIgmp,
  maxResponseTime,
  queryVersion,
  writeIgmpStart,
} from './igmp.ts';
import {
  findIpv4Defect,
  IPV4_DESTINATION,
  IPV4_HEADER_LENGTH,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  IPV4_TOTAL_LENGTH,
  ipv4HeaderLength,
  isGroup,
  isUnicast,
  PROTOCOL_ICMP,
  PROTOCOL_IGMP,
  PROTOCOL_UDP,
  ROUTER_ALERT_IPV4_HEADER_LENGTH,
  TIME_TO_LIVE,
  writeIpv4,
  writeRouterAlertIpv4,
} from './ipv4.ts';
import { NeighbourCache } from './neighbour-cache.ts';
import * as count from './net-statistics.ts';
import { deliverPlain, plainPayloadLength } from './plain-datagram.ts';
import { RateLimit } from './rate-limit.ts';
import { Route } from './route.ts';
import {
  isUdpChecksumRight,
  pseudoHeaderSum,
  UDP_CHECKSUM,
  UDP_DESTINATION_PORT,
  UDP_HEADER_LENGTH,
  UDP_LENGTH,
  UDP_SOURCE_PORT,
  type UdpListener,
} from './udp.ts';

export interface IpStackOptions {
  readonly address: number;
  readonly prefixLength: number;
  /** 0: none. */
  readonly gatewayAddress: number;
}

/** Hears of every neighbour that says something of itself, and of routers that ask for members of groups. */
export interface NeighbourListener {
  tell(address: number, macHigh: number, macLow: number): void;
  /** As {@link GroupMembership.onQuery}. */
  tellQuery(group: number, version: number, responseTime: number): void;
}

/** Receives UDP payloads for groups, of any port, valid until the next receive. */
export interface GroupListener {
  onGroupUdp(
    offset: number,
    length: number,
    sourceAddress: number,
    sourcePort: number,
    group: number,
    destinationPort: number,
  ): void;
}

/** What {@link IpStack.startDatagrams} says. */
export const READY = 0;
/** The neighbour's Ethernet address is being asked for: try again. */
export const UNRESOLVED = -1;
/** There is no route, or the neighbour has been silent: datagrams would be lost. */
export const UNREACHABLE = -2;

const LINK_CHECK_INTERVAL_NS = 100e6;
/** Answers a second that anyone can cause, of each kind. */
const ARP_REPLIES_PER_SECOND = 1000;
const NEIGHBOURS_TOLD_PER_SECOND = 1000;
const ICMP_REPLIES_PER_SECOND = 1000;
const IGMP_REPORTS_PER_SECOND = 1000;

/** Behind an Ethernet header and an IPv4 header with the router alert there is room for this much of an IGMP message. */
const IGMP_START_LENGTH = 4;

/**
 * A host with one IPv4 address over a {@link Device}: answers ARP and ping, sends and receives UDP. Everything that can be
 * wrong with a frame is a number in `statistics`. Not supported, and counted: fragments (we never send any), IP options
 * (skipped), VLAN tags, IPv6, broadcast UDP, ICMP other than echo.
 *
 * Every datagram sent has a checksum, though IPv4 would let us leave it out: where the port does not fill it in, it is
 * summed up right after its bytes were copied, which costs 12 ns for 64 bytes and 40 ns for 1408, and as much to verify.
 *
 * While a neighbour's address is unknown {@link startDatagrams} answers UNRESOLVED, so that the sender keeps its bytes and
 * nothing is queued here; after a second of silence it answers UNREACHABLE, so that one absent host does not hold back
 * a sender that serves several.
 */
export class IpStack implements ReportSender {
  readonly device: Device;
  readonly route: Route;
  /** Null: nobody else wants to know. */
  neighbourListener: NeighbourListener | null = null;
  /** Null: nobody sends to groups or hears them. */
  groupListener: GroupListener | null = null;
  /** Whether datagrams for groups that this stack is not in are handed over too: another stack of the port may be. */
  hearsEveryGroup = false;
  readonly membership: GroupMembership;
  readonly statistics: Float64Array = new Float64Array(
    new SharedArrayBuffer(count.NET_STATISTICS.length * Float64Array.BYTES_PER_ELEMENT),
  );
  private readonly address: number;
  private readonly view: DataView;
  private readonly rxWords: Int32Array;
  private readonly txWords: Int32Array;
  private readonly clock: Clock;
  private readonly neighbours: NeighbourCache;
  private readonly arpLimit: RateLimit;
  private readonly tellLimit: RateLimit;
  private readonly icmpLimit: RateLimit;
  private readonly igmpLimit: RateLimit;
  private readonly header: DatagramHeader = new DatagramHeader();
  /** Frames written into the device's slots and not yet handed over. */
  private queued = 0;
  /** Those of them that are datagrams, and their payloads' bytes: counted when they are handed over. */
  private queuedDatagrams = 0;
  private queuedDatagramBytes = 0;
  private linkCheckNs = -1e18;
  /** The flow that `header` points at, and the state of the neighbours it was made from. */
  private headerAddress = 0;
  private headerPorts = 0;
  private headerVersion = -1;

  constructor(device: Device, options: IpStackOptions, clock: Clock) {
    this.device = device;
    this.clock = clock;
    this.neighbours = new NeighbourCache(clock);
    this.arpLimit = new RateLimit(clock, ARP_REPLIES_PER_SECOND);
    this.tellLimit = new RateLimit(clock, NEIGHBOURS_TOLD_PER_SECOND);
    this.icmpLimit = new RateLimit(clock, ICMP_REPLIES_PER_SECOND);
    this.igmpLimit = new RateLimit(clock, IGMP_REPORTS_PER_SECOND);
    this.membership = new GroupMembership(clock, options.address);
    this.route = new Route(options.address, options.prefixLength, options.gatewayAddress);
    this.address = options.address;
    this.view = device.memory.view;
    this.rxWords = device.rxWords;
    this.txWords = device.txWords;
  }

  /** Receives one burst. Returns the frames that came, whatever became of them. */
  receive(listener: UdpListener): number {
    // Replies queued may refer to the burst before, whose memory goes now.
    if (this.queued > 0) this.push();
    const words = this.rxWords;
    const frames = this.device.receive();
    const view = this.view;
    const address = this.address;
    const { macHigh, macLow } = this.device;
    let datagrams = 0;
    let datagramBytes = 0;
    for (let i = 0; i < frames; i++) {
      const word = i * RX_WORDS;
      const offset = words[word + RX_OFFSET]!;
      const length = words[word + RX_LENGTH]!;
      const flags = words[word + RX_FLAGS]!;
      const payloadLength = plainPayloadLength(view, offset, length, flags, macHigh, macLow, address);
      if (payloadLength >= 0) {
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
    this.neighbours.learn(address, macHigh, macLow);
  }

  /** Points the next {@link addDatagram}s at a flow. Returns READY, UNRESOLVED or UNREACHABLE. */
  startDatagrams(address: number, sourcePort: number, destinationPort: number): number {
    const nextHop = this.route.nextHop(address);
    if (nextHop === 0) return UNREACHABLE;
    const neighbours = this.neighbours;
    const entry = neighbours.locate(nextHop);
    if (this.hasRoom() && neighbours.takeRequest(entry)) this.sendArpRequest(nextHop);
    if (!neighbours.isResolved(entry)) return neighbours.isSilent(entry) ? UNREACHABLE : UNRESOLVED;

    const ports = (sourcePort << 16) | destinationPort;
    if (
      address !== this.headerAddress ||
      ports !== this.headerPorts ||
      neighbours.version !== this.headerVersion
    ) {
      const device = this.device;
      this.header.point(
        neighbours.macHigh(entry),
        neighbours.macLow(entry),
        device.macHigh,
        device.macLow,
        this.address,
        address,
        sourcePort,
        destinationPort,
        TIME_TO_LIVE,
      );
      this.headerAddress = address;
      this.headerPorts = ports;
      this.headerVersion = neighbours.version;
    }
    return READY;
  }

  /** Points the next {@link addDatagram}s at a group, past `timeToLive` - 1 routers. */
  startGroupDatagrams(group: number, sourcePort: number, destinationPort: number, timeToLive: number): void {
    const ports = (sourcePort << 16) | destinationPort;
    // Never the version of the neighbours, which counts up from 0.
    const version = -1 - timeToLive;
    if (group === this.headerAddress && ports === this.headerPorts && version === this.headerVersion) return;
    const { macHigh, macLow } = this.device;
    this.header.point(
      MULTICAST_HIGH,
      multicastLow(group),
      macHigh,
      macLow,
      this.address,
      group,
      sourcePort,
      destinationPort,
      timeToLive,
    );
    this.headerAddress = group;
    this.headerPorts = ports;
    this.headerVersion = version;
  }

  /** Throws AeronError `ENOBUFS` when there are too many groups. Cold. */
  joinGroup(group: number): void {
    this.membership.join(group);
    this.filterGroups();
  }

  /** Cold. */
  leaveGroup(group: number): void {
    this.membership.leave(group);
    this.filterGroups();
  }

  private filterGroups(): void {
    const { groups, count: groupCount } = this.membership;
    this.device.setGroups(groups, groupCount);
  }

  /**
   * Queues a datagram of the flow; its bytes are copied by {@link flush} at the latest. Returns false when the device has
   * no room for it. `length` must fit the MTU.
   */
  addDatagram(handle: number, offset: number, length: number): boolean {
    if (!this.hasRoom()) return false;
    this.header.write(this.view, this.nextFrame(), length);
    setTxPayload(this.txWords, this.queued, handle, offset, length, TX_UDP_CHECKSUM);
    this.queued++;
    this.queuedDatagrams++;
    this.queuedDatagramBytes += length;
    return true;
  }

  /** Hands queued frames to the device and looks after the link. */
  flush(): void {
    const nowNs = this.clock.nanoTime;
    if (nowNs - this.linkCheckNs >= LINK_CHECK_INTERVAL_NS) {
      this.linkCheckNs = nowNs;
      this.checkLink();
    }
    if (nowNs >= this.membership.dueNs) this.reportGroups();
    // Less than full room: frames the device has not taken yet wait in it.
    if (this.queued > 0 || this.device.txRoom < BURST_CAPACITY) this.push();
  }

  private checkLink(): void {
    const statistics = this.statistics;
    const up = this.device.isLinkUp() ? 1 : 0;
    if (up === statistics[count.LINK_UP]) return;
    statistics[count.LINK_UP] = up;
    statistics[count.LINK_CHANGES]!++;
    // Gratuitous: neighbours that know our address with another card learn this one.
    if (up !== 1) return;
    if (this.hasRoom()) this.sendArpRequest(this.address);
    this.membership.announceAll();
  }

  private reportGroups(): void {
    const { statistics, membership } = this;
    const groupCount = membership.count;
    statistics[count.IGMP_REPORTS]! += membership.report(this);
    // Routers have been told all of it of a group that was left.
    if (membership.count < groupCount) this.filterGroups();
  }

  sendReport(destination: number, type: number, length: number, sum: number): boolean {
    if (!this.igmpLimit.take()) {
      this.statistics[count.IGMP_REPORTS_LIMITED]!++;
      return false;
    }
    if (!this.hasRoom()) return false;
    const view = this.view;
    const { macHigh, macLow } = this.device;
    const frame = this.nextFrame();
    const packet = frame + ETHERNET_HEADER_LENGTH;
    const message = packet + ROUTER_ALERT_IPV4_HEADER_LENGTH;
    const totalLength = ROUTER_ALERT_IPV4_HEADER_LENGTH + IGMP_START_LENGTH + length;
    writeEthernet(view, frame, MULTICAST_HIGH, multicastLow(destination), macHigh, macLow, TYPE_IPV4);
    writeRouterAlertIpv4(view, packet, totalLength, PROTOCOL_IGMP, this.address, destination);
    writeIgmpStart(view, message, type, sum);
    setTxPayload(this.txWords, this.queued, this.membership.message.handle, 0, length, 0);
    this.queued++;
    // The next message is written where this one's payload lies.
    this.push();
    return true;
  }

  private push(): void {
    const statistics = this.statistics;
    statistics[count.TX_FRAMES]! += this.queued;
    statistics[count.TX_DATAGRAMS]! += this.queuedDatagrams;
    statistics[count.TX_DATAGRAM_BYTES]! += this.queuedDatagramBytes;
    this.device.transmit(this.queued);
    this.queued = 0;
    this.queuedDatagrams = 0;
    this.queuedDatagramBytes = 0;
  }

  /** True when a slot is free, after pushing out what is queued if that makes one. */
  private hasRoom(): boolean {
    const device = this.device;
    if (this.queued < device.txRoom) return true;
    this.push();
    if (device.txRoom > 0) return true;
    this.statistics[count.TX_NO_ROOM]!++;
    return false;
  }

  /** Queues a frame whose headers the caller wrote at {@link nextFrame}; its payload lies in the device's memory. */
  private addFrame(payloadOffset: number, payloadLength: number): void {
    setTxPayload(this.txWords, this.queued, this.device.memory.handle, payloadOffset, payloadLength, 0);
    this.queued++;
  }

  private nextFrame(): number {
    return txFrame(this.txWords, this.queued);
  }

  private onFrame(offset: number, length: number, flags: number, sum: number, listener: UdpListener): void {
    const view = this.view;
    const statistics = this.statistics;
    if (length < ETHERNET_HEADER_LENGTH) {
      statistics[count.ETHERNET_MALFORMED]!++;
      return;
    }
    const type = view.getUint16(offset + ETHERNET_TYPE);
    const device = this.device;
    const macHigh = view.getUint16(offset + ETHERNET_DESTINATION);
    const macLow = view.getInt32(offset + ETHERNET_DESTINATION + 2);
    const toUs = macHigh === device.macHigh && macLow === device.macLow;
    if (type === TYPE_IPV4 && toUs) {
      this.onIpv4(offset, length, flags, sum, listener);
    } else if (type === TYPE_IPV4 && macHigh === MULTICAST_HIGH && this.groupListener !== null) {
      this.onGroupIpv4(offset, length, flags, sum, listener, macLow);
    } else if (type === TYPE_ARP && (toUs || (macHigh === BROADCAST_HIGH && macLow === BROADCAST_LOW))) {
      this.onArp(offset + ETHERNET_HEADER_LENGTH, length - ETHERNET_HEADER_LENGTH);
    } else {
      statistics[
        type === TYPE_IPV4 || type === TYPE_ARP ? count.ETHERNET_NOT_OURS : count.ETHERNET_TYPE_UNSUPPORTED
      ]!++;
    }
  }

  /** A packet to a group, whose last 23 bits the frame's address repeats. */
  private onGroupIpv4(
    frame: number,
    length: number,
    flags: number,
    sum: number,
    listener: UdpListener,
    macLow: number,
  ): void {
    const view = this.view;
    const statistics = this.statistics;
    const offset = frame + ETHERNET_HEADER_LENGTH;
    const available = length - ETHERNET_HEADER_LENGTH;
    if (!this.isWhole(offset, available, flags)) return;
    const group = view.getInt32(offset + IPV4_DESTINATION);
    if (!isGroup(group) || multicastLow(group) !== macLow) {
      statistics[count.IPV4_NOT_OURS]!++;
      return;
    }
    const source = view.getInt32(offset + IPV4_SOURCE);
    const headerLength = ipv4HeaderLength(view, offset);
    const payloadLength = view.getUint16(offset + IPV4_TOTAL_LENGTH) - headerLength;
    const protocol = view.getUint8(offset + IPV4_PROTOCOL);
    if (protocol === PROTOCOL_IGMP) {
      if (source !== this.address) this.onIgmp(offset + headerLength, payloadLength);
    } else if (protocol !== PROTOCOL_UDP) {
      statistics[count.IPV4_PROTOCOL_UNSUPPORTED]!++;
    } else if (!isUnicast(source) || source === this.address) {
      statistics[count.IPV4_SOURCE_INVALID]!++;
    } else if (this.hearsEveryGroup || this.membership.isMember(group)) {
      const summed = available === IPV4_HEADER_LENGTH + payloadLength ? flags : flags & ~RX_SUMMED;
      this.onUdp(offset + headerLength, payloadLength, source, group, summed, sum, listener);
    } else {
      statistics[count.IPV4_NOT_OURS]!++;
    }
  }

  private onIgmp(offset: number, length: number): void {
    const view = this.view;
    const statistics = this.statistics;
    if (!isValidIgmp(view, offset, length)) {
      statistics[count.IGMP_MALFORMED]!++;
      return;
    }
    const type = view.getUint8(offset);
    const group = view.getInt32(offset + IGMP_GROUP);
    if (type === IGMP_QUERY) {
      const version = queryVersion(view, offset, length);
      if (version === 0 || (group !== 0 && !isGroup(group))) {
        statistics[count.IGMP_MALFORMED]!++;
        return;
      }
      statistics[count.IGMP_QUERIES]!++;
      const responseTime = maxResponseTime(view.getUint8(offset + IGMP_RESPONSE_CODE), version);
      this.membership.onQuery(group, version, responseTime);
      if (this.neighbourListener !== null && this.tellLimit.take()) {
        this.neighbourListener.tellQuery(group, version, responseTime);
      }
    } else if (type === IGMP_V1_REPORT || type === IGMP_V2_REPORT) {
      this.membership.onReport(group);
      statistics[count.IGMP_REPORTS_SUPPRESSED] = this.membership.suppressedCount;
    } else {
      statistics[count.IGMP_IGNORED]!++;
    }
  }

  /** Whether a packet may be looked into; if not, the reason is counted. */
  private isWhole(offset: number, available: number, flags: number): boolean {
    const statistics = this.statistics;
    if ((flags & RX_IP_BAD) !== 0) {
      statistics[count.IPV4_CHECKSUM]!++;
      return false;
    }
    const defect = findIpv4Defect(this.view, offset, available, (flags & RX_IP_GOOD) === 0);
    if (defect < 0) return true;
    statistics[defect]!++;
    return false;
  }

  private onIpv4(frame: number, length: number, flags: number, sum: number, listener: UdpListener): void {
    const view = this.view;
    const statistics = this.statistics;
    const offset = frame + ETHERNET_HEADER_LENGTH;
    const available = length - ETHERNET_HEADER_LENGTH;
    if (!this.isWhole(offset, available, flags)) return;
    const source = view.getInt32(offset + IPV4_SOURCE);
    if (view.getInt32(offset + IPV4_DESTINATION) !== this.address) {
      statistics[count.IPV4_NOT_OURS]!++;
      return;
    }
    if (!isUnicast(source) || source === this.address) {
      statistics[count.IPV4_SOURCE_INVALID]!++;
      return;
    }
    const headerLength = ipv4HeaderLength(view, offset);
    const payloadLength = view.getUint16(offset + IPV4_TOTAL_LENGTH) - headerLength;
    const protocol = view.getUint8(offset + IPV4_PROTOCOL);
    if (protocol === PROTOCOL_UDP) {
      // The device's sum covers the datagram only when nothing else lies between or behind.
      const summed = available === IPV4_HEADER_LENGTH + payloadLength ? flags : flags & ~RX_SUMMED;
      this.onUdp(offset + headerLength, payloadLength, source, this.address, summed, sum, listener);
    } else if (protocol === PROTOCOL_ICMP) {
      this.onIcmp(frame, offset + headerLength, payloadLength, source);
    } else {
      statistics[count.IPV4_PROTOCOL_UNSUPPORTED]!++;
    }
  }

  private onUdp(
    offset: number,
    available: number,
    source: number,
    destination: number,
    flags: number,
    sum: number,
    listener: UdpListener,
  ): void {
    const view = this.view;
    const statistics = this.statistics;
    const length = available < UDP_HEADER_LENGTH ? 0 : view.getUint16(offset + UDP_LENGTH);
    if (length < UDP_HEADER_LENGTH || length > available) {
      statistics[count.UDP_MALFORMED]!++;
      return;
    }
    if (view.getUint16(offset + UDP_CHECKSUM) !== 0 && (flags & RX_UDP_GOOD) === 0) {
      const right =
        (flags & RX_UDP_BAD) === 0 &&
        ((flags & RX_SUMMED) !== 0 && length === available
          ? fold(sum + pseudoHeaderSum(source, destination, length)) === 0xffff
          : isUdpChecksumRight(view, offset, length, source, destination));
      if (!right) {
        statistics[count.UDP_CHECKSUM_WRONG]!++;
        return;
      }
    }
    const payloadLength = length - UDP_HEADER_LENGTH;
    statistics[count.RX_DATAGRAMS]!++;
    statistics[count.RX_DATAGRAM_BYTES]! += payloadLength;
    const payload = offset + UDP_HEADER_LENGTH;
    const sourcePort = view.getUint16(offset + UDP_SOURCE_PORT);
    const destinationPort = view.getUint16(offset + UDP_DESTINATION_PORT);
    if (destination === this.address) {
      listener.onUdp(payload, payloadLength, source, sourcePort, destinationPort);
    } else {
      this.groupListener?.onGroupUdp(
        payload,
        payloadLength,
        source,
        sourcePort,
        destination,
        destinationPort,
      );
    }
  }

  private onIcmp(frame: number, offset: number, length: number, source: number): void {
    const view = this.view;
    const statistics = this.statistics;
    if (length < ICMP_HEADER_LENGTH || !isIcmpChecksumRight(view, offset, length)) {
      statistics[count.ICMP_MALFORMED]!++;
      return;
    }
    if (!isEchoRequest(view, offset) || IPV4_HEADER_LENGTH + length > this.device.mtu) {
      statistics[count.ICMP_IGNORED]!++;
      return;
    }
    if (!this.icmpLimit.take()) {
      statistics[count.ICMP_REPLIES_LIMITED]!++;
      return;
    }
    if (!this.hasRoom()) return;
    const reply = this.nextFrame();
    // Straight back to the card it came from, so that no stranger makes us ask for addresses.
    this.writeEthernetTo(
      view.getUint16(frame + ETHERNET_SOURCE),
      view.getInt32(frame + ETHERNET_SOURCE + 2),
      TYPE_IPV4,
    );
    writeIpv4(
      view,
      reply + ETHERNET_HEADER_LENGTH,
      IPV4_HEADER_LENGTH + length,
      PROTOCOL_ICMP,
      this.address,
      source,
    );
    writeEchoReply(view, reply + ETHERNET_HEADER_LENGTH + IPV4_HEADER_LENGTH, view, offset);
    this.addFrame(offset + ICMP_HEADER_LENGTH, length - ICMP_HEADER_LENGTH);
    statistics[count.ICMP_REPLIES]!++;
  }

  private onArp(offset: number, length: number): void {
    const view = this.view;
    const statistics = this.statistics;
    if (!isValidArp(view, offset, length)) {
      statistics[count.ARP_MALFORMED]!++;
      return;
    }
    const senderHigh = view.getUint16(offset + ARP_SENDER_MAC);
    const senderLow = view.getInt32(offset + ARP_SENDER_MAC + 2);
    const sender = view.getInt32(offset + ARP_SENDER_ADDRESS);
    if (!isStation(senderHigh, senderLow)) {
      statistics[count.ARP_MALFORMED]!++;
      return;
    }
    if (sender === this.address) {
      const ours = senderHigh === this.device.macHigh && senderLow === this.device.macLow;
      if (!ours) statistics[count.ARP_CONFLICTS]!++;
      return;
    }
    const known = this.neighbours.learn(sender, senderHigh, senderLow);
    const { neighbourListener } = this;
    if (neighbourListener !== null && this.tellLimit.take()) {
      neighbourListener.tell(sender, senderHigh, senderLow);
    }
    const forUs =
      view.getUint16(offset + ARP_OPERATION) === ARP_REQUEST &&
      view.getInt32(offset + ARP_TARGET_ADDRESS) === this.address;
    if (!forUs) {
      if (!known) statistics[count.ARP_UNSOLICITED]!++;
      return;
    }
    if (!this.arpLimit.take()) {
      statistics[count.ARP_REPLIES_LIMITED]!++;
      return;
    }
    if (!this.hasRoom()) return;
    this.sendArp(ARP_REPLY, senderHigh, senderLow, senderHigh, senderLow, sender);
    statistics[count.ARP_REPLIES]!++;
  }

  private sendArpRequest(address: number): void {
    this.sendArp(ARP_REQUEST, BROADCAST_HIGH, BROADCAST_LOW, 0, 0, address);
    this.statistics[count.ARP_REQUESTS]!++;
    this.statistics[count.NEIGHBOURS_EVICTED] = this.neighbours.evictedCount;
  }

  private sendArp(
    operation: number,
    toHigh: number,
    toLow: number,
    targetHigh: number,
    targetLow: number,
    target: number,
  ): void {
    const device = this.device;
    const frame = this.nextFrame();
    this.writeEthernetTo(toHigh, toLow, TYPE_ARP);
    writeArp(
      this.view,
      frame + ETHERNET_HEADER_LENGTH,
      operation,
      device.macHigh,
      device.macLow,
      this.address,
      targetHigh,
      targetLow,
      target,
    );
    this.addFrame(0, 0);
  }

  private writeEthernetTo(high: number, low: number, type: number): void {
    writeEthernet(this.view, this.nextFrame(), high, low, this.device.macHigh, this.device.macLow, type);
  }
}
