import { Region } from '../memory/region.ts';
import { addBytes, fold } from '../util/internet-checksum.ts';
import { isIpv6 } from '../util/ip-address.ts';
import type { ArpHost } from './arp-host.ts';
import { ETHERNET_HEADER_LENGTH, TYPE_IPV4, TYPE_IPV6 } from './ethernet.ts';
import type { FrameQueue } from './frame-queue.ts';
import {
  type EchoReplyListener,
  ICMP_CHECKSUM,
  ICMP_HEADER_LENGTH,
  ICMP_IDENTIFIER_AND_SEQUENCE,
  TYPE_AND_CODE_ECHO_REQUEST,
} from './icmp.ts';
import { ECHO_REQUEST } from './icmpv6.ts';
import { IPV4_HEADER_LENGTH, PROTOCOL_ICMP, writeIpv4 } from './ipv4.ts';
import { HOP_LIMIT, IPV6_HEADER_LENGTH, ipv6PseudoSum, NEXT_ICMPV6, writeIpv6 } from './ipv6.ts';
import type { Ipv6Host } from './ipv6-host.ts';
import type { NeighbourCache } from './neighbour-cache.ts';
import type { Route } from './route.ts';
import { READY, UNREACHABLE, UNRESOLVED } from './send-state.ts';

const IPV6_HEADERS_LENGTH = ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH + ICMP_HEADER_LENGTH;

/** The next hop on the way to an address, as numbers: see {@link NeighbourCache}. */
export interface NextHop {
  /** 0: there is no way. */
  readonly address: number;
  /** Of the Ethernet address, the first two octets and the last four; both 0 while it is not known. */
  readonly macHigh: number;
  readonly macLow: number;
}

/**
 * A host that asks others for echoes, RFC 792 and RFC 4443, of packets that must not be cut in pieces. For who looks for what
 * is wrong: a driver asks nobody. One question at a time.
 */
export class EchoRequests implements EchoReplyListener {
  private readonly queue: FrameQueue;
  private readonly arp: ArpHost;
  private readonly route: Route;
  private readonly ipv6: Ipv6Host | null;
  private readonly zeros: Region;
  /** Whom is asked, under which number, and how long the reply should be. */
  private askedAddress = 0;
  private askedNumber = 0;
  private askedLength = 0;
  private isReplied = false;

  constructor(queue: FrameQueue, arp: ArpHost, route: Route, ipv6: Ipv6Host | null) {
    this.queue = queue;
    this.arp = arp;
    this.route = route;
    this.ipv6 = ipv6;
    this.zeros = Region.allocate(queue.device.mtu);
  }

  /** Whether the answer to the last {@link send} has come, as long as the question. */
  get isAnswered(): boolean {
    return this.isReplied;
  }

  /** Whose card a packet to `address` goes to, as far as it is known. */
  nextHop(address: number): NextHop {
    const next = this.nextHopAddress(address);
    const neighbours = this.neighboursOf(address);
    const entry = next === 0 ? -1 : neighbours.find(next);
    if (entry < 0 || !neighbours.isResolved(entry)) return { address: next, macHigh: 0, macLow: 0 };
    return { address: next, macHigh: neighbours.macHigh(entry), macLow: neighbours.macLow(entry) };
  }

  /** Asks for the next hop's Ethernet address when that is due. Returns READY, UNRESOLVED or UNREACHABLE, as for datagrams. */
  resolve(address: number): number {
    const next = this.nextHopAddress(address);
    if (next === 0) return UNREACHABLE;
    const host = isIpv6(address) ? this.ipv6!.nd : this.arp;
    if (isIpv6(address) && !this.ipv6!.addresses.isUsable(this.ipv6!.sourceFor(address, 0)))
      return UNRESOLVED;
    const { neighbours } = host;
    const entry = neighbours.locate(next);
    if (entry < 0) return UNRESOLVED;
    if (this.queue.hasRoom() && neighbours.takeRequest(entry)) host.ask(entry, next);
    if (neighbours.isResolved(entry)) return READY;
    return neighbours.isSilent(entry) ? UNREACHABLE : UNRESOLVED;
  }

  /**
   * Asks for an echo, in an IP packet of `packetLength` bytes: of the headers at least, of the MTU at most. `number` is that of
   * the question, of 32 bits. Returns whether it was queued: the way must be {@link resolve}d and the device have room.
   */
  send(address: number, number: number, packetLength: number): boolean {
    const { queue } = this;
    if (this.resolve(address) !== READY || !queue.hasRoom()) return false;
    const { macHigh, macLow } = this.nextHop(address);
    const isV6 = isIpv6(address);
    const headerLength = isV6 ? IPV6_HEADER_LENGTH : IPV4_HEADER_LENGTH;
    this.askedAddress = address;
    this.askedNumber = number | 0;
    this.askedLength = packetLength - headerLength;
    this.isReplied = false;
    const { view } = queue;
    const packet = queue.nextFrame() + ETHERNET_HEADER_LENGTH;
    const message = packet + headerLength;
    queue.writeEthernetTo(macHigh, macLow, isV6 ? TYPE_IPV6 : TYPE_IPV4);
    view.setInt32(message, (isV6 ? ECHO_REQUEST << 8 : TYPE_AND_CODE_ECHO_REQUEST) << 16);
    view.setInt32(message + ICMP_IDENTIFIER_AND_SEQUENCE, number);
    let sum = 0;
    if (isV6) {
      const source = this.ipv6!.sourceFor(address, 0);
      writeIpv6(view, packet, this.askedLength, NEXT_ICMPV6, HOP_LIMIT, source, address);
      sum = ipv6PseudoSum(view, packet, NEXT_ICMPV6, this.askedLength);
    } else {
      const source = this.route.addresses.sourceFor(this.nextHopAddress(address));
      writeIpv4(view, packet, packetLength, PROTOCOL_ICMP, source, address);
    }
    // What follows is zeros, which add nothing.
    const checksum = ~fold(addBytes(sum, view, message, ICMP_HEADER_LENGTH)) & 0xffff;
    view.setUint16(message + ICMP_CHECKSUM, checksum);
    const payloadLength = this.askedLength - ICMP_HEADER_LENGTH;
    if (isV6) queue.addLong(IPV6_HEADERS_LENGTH, this.zeros.handle, 0, payloadLength);
    else queue.add(this.zeros.handle, 0, payloadLength);
    return true;
  }

  onEchoReply(source: number, number: number, length: number): void {
    if (source === this.askedAddress && number === this.askedNumber && length === this.askedLength) {
      this.isReplied = true;
    }
  }

  /** Gives its memory back. Nothing may be queued any more. */
  close(): void {
    this.zeros.close();
  }

  private nextHopAddress(address: number): number {
    if (!isIpv6(address)) return this.route.nextHop(address);
    return this.ipv6 === null ? 0 : this.ipv6.addresses.nextHop(address);
  }

  private neighboursOf(address: number): NeighbourCache {
    return isIpv6(address) ? this.ipv6!.nd.neighbours : this.arp.neighbours;
  }
}
