// hot
import type { Clock } from '../concurrent/clock.ts';
import { ANY_IPV6, internIpv6, ipv6Word } from '../util/ip-address.ts';
import {
  ETHERNET_HEADER_LENGTH,
  ETHERNET_SOURCE,
  IPV6_MULTICAST_HIGH,
  isStation,
  TYPE_IPV6,
} from './ethernet.ts';
import type { FrameQueue } from './frame-queue.ts';
import {
  findMacOption,
  ICMPV6_CODE,
  MALFORMED_OPTIONS,
  ND_FLAGS,
  ND_LENGTH,
  ND_OVERRIDE,
  ND_SOLICITED,
  ND_TARGET,
  NEIGHBOUR_ADVERTISEMENT,
  NEIGHBOUR_SOLICITATION,
  OPTION_LENGTH,
  OPTION_SOURCE_MAC,
  OPTION_TARGET_MAC,
  writeIcmpv6Checksum,
} from './icmpv6.ts';
import {
  HOP_LIMIT_NEIGHBOUR,
  IPV6_DESTINATION,
  IPV6_HEADER_LENGTH,
  IPV6_HOP_LIMIT,
  IPV6_SOURCE,
  NEXT_ICMPV6,
  writeAddress,
  writeIpv6,
} from './ipv6.ts';
import { DUPLICATE, type Ipv6Addresses, PREFERRED, TENTATIVE } from './ipv6-addresses.ts';
import { NeighbourCache } from './neighbour-cache.ts';
import type { NeighbourListener } from './neighbour-listener.ts';
import {
  ND_CLAIMS,
  ND_CONFLICTS,
  ND_MALFORMED,
  ND_REPLIES,
  ND_REPLIES_LIMITED,
  ND_REQUESTS,
  ND_UNSOLICITED,
} from './net-statistics.ts';
import { RateLimit } from './rate-limit.ts';

/** What anyone can cause, a second; and as many again known neighbours, as with ARP. */
const REPLIES_PER_SECOND = 1000;
const TOLD_PER_SECOND = 1000;
/** RFC 4861, 10: how long who has an address is given to say so. */
const RETRANS_TIMER_NS = 1e9;

const MESSAGE = ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH;

/**
 * A host's side of neighbour discovery, RFC 4861, and of the search for others with an address of ours, RFC 4862, 5.4: asks
 * for neighbours that are wanted, answers for our addresses. As with ARP, strangers make no entries and change none: a
 * neighbour that says it has another card is asked at the card that is known. Routers are not listened to.
 */
export class NdHost {
  readonly neighbours: NeighbourCache;
  /** Null: nobody else wants to know. */
  listener: NeighbourListener | null = null;
  /** When {@link check} has something to do. */
  dueNs: number = Number.POSITIVE_INFINITY;
  private readonly queue: FrameQueue;
  private readonly addresses: Ipv6Addresses;
  private readonly statistics: Float64Array;
  private readonly clock: Clock;
  private readonly replyLimit: RateLimit;
  private readonly neighbourReplyLimit: RateLimit;
  private readonly tellLimit: RateLimit;

  constructor(queue: FrameQueue, addresses: Ipv6Addresses, statistics: Float64Array, clock: Clock) {
    this.queue = queue;
    this.addresses = addresses;
    this.statistics = statistics;
    this.clock = clock;
    this.neighbours = new NeighbourCache(clock);
    this.replyLimit = new RateLimit(clock, REPLIES_PER_SECOND);
    this.neighbourReplyLimit = new RateLimit(clock, REPLIES_PER_SECOND);
    this.tellLimit = new RateLimit(clock, TOLD_PER_SECOND);
  }

  /** The link came up: asks whether anybody else has our addresses. Cold. */
  probe(): void {
    const { addresses } = this;
    for (let i = 0; i < addresses.count; i++) {
      addresses.states[i] = TENTATIVE;
      const address = addresses.numbers[i]!;
      this.solicit(address, ANY_IPV6, IPV6_MULTICAST_HIGH, groupMacLow(address));
    }
    this.dueNs = this.clock.nanoTime + RETRANS_TIMER_NS;
  }

  /** Nobody has said that an address is theirs: it is ours, and whoever knew it with another card learns that. Cold. */
  check(): void {
    const { addresses, queue } = this;
    this.dueNs = Number.POSITIVE_INFINITY;
    for (let i = 0; i < addresses.count; i++) {
      if (addresses.states[i] !== TENTATIVE) continue;
      addresses.states[i] = PREFERRED;
      if (!queue.hasRoom()) continue;
      this.advertise(addresses.numbers[i]!, addresses.allNodes, ND_OVERRIDE, IPV6_MULTICAST_HIGH, 1);
    }
  }

  /** Asks for the neighbour of an entry: its own card, where it is known, so that nobody else answers. There must be room. */
  ask(entry: number, target: number): void {
    const { neighbours } = this;
    const source = this.addresses.sourceFor(target);
    if (neighbours.isResolved(entry)) {
      this.solicit(target, source, neighbours.macHigh(entry), neighbours.macLow(entry));
    } else {
      this.solicit(target, source, IPV6_MULTICAST_HIGH, groupMacLow(target));
    }
  }

  /** A solicitation or advertisement, whose checksum is right. */
  onMessage(frame: number, packet: number, message: number, length: number): void {
    const view = this.queue.view;
    const isSolicitation = view.getUint8(message) === NEIGHBOUR_SOLICITATION;
    const isFromHere = view.getUint8(packet + IPV6_HOP_LIMIT) === HOP_LIMIT_NEIGHBOUR;
    const isTargetGroup = length >= ND_LENGTH && view.getUint8(message + ND_TARGET) === 0xff;
    if (!isFromHere || length < ND_LENGTH || view.getUint8(message + ICMPV6_CODE) !== 0 || isTargetGroup) {
      this.statistics[ND_MALFORMED]!++;
      return;
    }
    const option = findMacOption(
      view,
      message,
      length,
      isSolicitation ? OPTION_SOURCE_MAC : OPTION_TARGET_MAC,
    );
    const isNoStation = option >= 0 && !isStation(view.getUint16(option), view.getInt32(option + 2));
    if (option === MALFORMED_OPTIONS || isNoStation) this.statistics[ND_MALFORMED]!++;
    else if (isSolicitation) this.onSolicitation(frame, packet, message, option);
    else this.onAdvertisement(frame, packet, message, option);
  }

  private onSolicitation(frame: number, packet: number, message: number, option: number): void {
    const { addresses, statistics, queue } = this;
    const view = queue.view;
    const source = addressAt(view, packet + IPV6_SOURCE);
    const isProbe = source === ANY_IPV6;
    const isToGroup = view.getUint8(packet + IPV6_DESTINATION) === 0xff;
    if (isProbe && (option >= 0 || !isToGroup)) {
      statistics[ND_MALFORMED]!++;
      return;
    }
    const index = this.ownIndexAt(message + ND_TARGET);
    const isKnown = option >= 0 && this.learn(source, view.getUint16(option), view.getInt32(option + 2));
    if (index < 0) {
      if (!isKnown) statistics[ND_UNSOLICITED]!++;
      return;
    }
    const macHigh = view.getUint16(frame + ETHERNET_SOURCE);
    const macLow = view.getInt32(frame + ETHERNET_SOURCE + 2);
    if (addresses.states[index] !== PREFERRED) {
      // Somebody else is about to take the address, too: then nobody does.
      if (isProbe && addresses.states[index] === TENTATIVE && !this.isOurs(macHigh, macLow))
        this.giveUp(index);
      return;
    }
    const isNeighbour = this.neighbours.isAt(source, macHigh, macLow);
    if (!(isNeighbour ? this.neighbourReplyLimit : this.replyLimit).take()) {
      statistics[ND_REPLIES_LIMITED]!++;
      return;
    }
    if (!queue.hasRoom()) return;
    const own = addresses.numbers[index]!;
    if (isProbe) {
      this.advertise(own, addresses.allNodes, ND_OVERRIDE, IPV6_MULTICAST_HIGH, 1);
    } else {
      // Straight back to the card it came from, so that no stranger makes us ask for addresses.
      this.advertise(own, source, ND_OVERRIDE | ND_SOLICITED, macHigh, macLow);
    }
    statistics[ND_REPLIES]!++;
  }

  private onAdvertisement(frame: number, packet: number, message: number, option: number): void {
    const { statistics, neighbours } = this;
    const view = this.queue.view;
    const flags = view.getInt32(message + ND_FLAGS);
    const isSolicited = (flags & ND_SOLICITED) !== 0;
    if (isSolicited && view.getUint8(packet + IPV6_DESTINATION) === 0xff) {
      statistics[ND_MALFORMED]!++;
      return;
    }
    const index = this.ownIndexAt(message + ND_TARGET);
    if (index >= 0) {
      const high = view.getUint16(frame + ETHERNET_SOURCE);
      const low = view.getInt32(frame + ETHERNET_SOURCE + 2);
      if (!this.isOurs(high, low)) this.giveUp(index);
      return;
    }
    const target = addressAt(view, message + ND_TARGET);
    const entry = neighbours.find(target);
    // Without an option it says only that the neighbour is still there; with one that it has moved, if it may say that.
    const isLive = entry >= 0 && neighbours.isResolved(entry);
    const high = option >= 0 ? view.getUint16(option) : isLive ? neighbours.macHigh(entry) : -1;
    const low = option >= 0 ? view.getInt32(option + 2) : isLive ? neighbours.macLow(entry) : 0;
    const isOther = isLive && (high !== neighbours.macHigh(entry) || low !== neighbours.macLow(entry));
    if (high < 0 || (isOther && (flags & ND_OVERRIDE) === 0) || !this.learn(target, high, low)) {
      statistics[ND_UNSOLICITED]!++;
    }
  }

  /** Takes over what a neighbour said of itself, if it is one of ours. */
  private learn(address: number, macHigh: number, macLow: number): boolean {
    const { neighbours, listener, statistics } = this;
    const entry = neighbours.find(address);
    if (entry >= 0) neighbours.learn(entry, macHigh, macLow);
    statistics[ND_CLAIMS] = neighbours.claimCount;
    if (listener !== null && address !== 0 && this.tellLimit.take()) listener.tell(address, macHigh, macLow);
    return entry >= 0;
  }

  private giveUp(index: number): void {
    this.statistics[ND_CONFLICTS]!++;
    if (this.addresses.states[index] === TENTATIVE) this.addresses.states[index] = DUPLICATE;
  }

  private isOurs(macHigh: number, macLow: number): boolean {
    const { device } = this.queue;
    return macHigh === device.macHigh && macLow === device.macLow;
  }

  private ownIndexAt(offset: number): number {
    const view = this.queue.view;
    return this.addresses.indexOf(
      view.getInt32(offset),
      view.getInt32(offset + 4),
      view.getInt32(offset + 8),
      view.getInt32(offset + 12),
    );
  }

  /** From `::` it asks whether anybody has an address of ours. */
  private solicit(target: number, source: number, macHigh: number, macLow: number): void {
    const queue = this.queue;
    if (!queue.hasRoom()) return;
    const view = queue.view;
    const frame = queue.nextFrame();
    const packet = frame + ETHERNET_HEADER_LENGTH;
    const message = frame + MESSAGE;
    const length = source === ANY_IPV6 ? ND_LENGTH : ND_LENGTH + OPTION_LENGTH;
    queue.writeEthernetTo(macHigh, macLow, TYPE_IPV6);
    if (macHigh === IPV6_MULTICAST_HIGH) {
      writeIpv6(view, packet, length, NEXT_ICMPV6, HOP_LIMIT_NEIGHBOUR, source, this.addresses.allNodes);
      // The solicited-node group, ff02::1:ffxx:xxxx.
      view.setInt32(packet + IPV6_DESTINATION + 8, 1);
      view.setInt32(packet + IPV6_DESTINATION + 12, macLow);
    } else {
      writeIpv6(view, packet, length, NEXT_ICMPV6, HOP_LIMIT_NEIGHBOUR, source, target);
    }
    view.setInt32(message, NEIGHBOUR_SOLICITATION << 24);
    view.setInt32(message + ND_FLAGS, 0);
    writeAddress(view, message + ND_TARGET, target);
    if (source !== ANY_IPV6) this.writeOwnMac(message + ND_LENGTH, OPTION_SOURCE_MAC);
    writeIcmpv6Checksum(view, packet, message, length);
    queue.addLong(MESSAGE + length, 0, 0, 0);
    this.statistics[ND_REQUESTS]!++;
  }

  private advertise(own: number, destination: number, flags: number, macHigh: number, macLow: number): void {
    const queue = this.queue;
    const view = queue.view;
    const frame = queue.nextFrame();
    const packet = frame + ETHERNET_HEADER_LENGTH;
    const message = frame + MESSAGE;
    const length = ND_LENGTH + OPTION_LENGTH;
    queue.writeEthernetTo(macHigh, macLow, TYPE_IPV6);
    writeIpv6(view, packet, length, NEXT_ICMPV6, HOP_LIMIT_NEIGHBOUR, own, destination);
    view.setInt32(message, NEIGHBOUR_ADVERTISEMENT << 24);
    view.setInt32(message + ND_FLAGS, flags);
    writeAddress(view, message + ND_TARGET, own);
    this.writeOwnMac(message + ND_LENGTH, OPTION_TARGET_MAC);
    writeIcmpv6Checksum(view, packet, message, length);
    queue.addLong(MESSAGE + length, 0, 0, 0);
  }

  private writeOwnMac(option: number, type: number): void {
    const { view, device } = this.queue;
    view.setUint16(option, (type << 8) | (OPTION_LENGTH / 8));
    view.setUint16(option + 2, device.macHigh);
    view.setInt32(option + 4, device.macLow);
  }
}

/** Where solicitations for an address go: the last four octets of the solicited-node group, and of its Ethernet address. */
function groupMacLow(address: number): number {
  return 0xff000000 | (ipv6Word(address, 3) & 0xffffff);
}

/** The number of the address at `offset`. */
function addressAt(view: DataView, offset: number): number {
  return internIpv6(
    view.getInt32(offset),
    view.getInt32(offset + 4),
    view.getInt32(offset + 8),
    view.getInt32(offset + 12),
    0,
  );
}
