// hot
import type { Clock } from '../concurrent/clock.ts';
import { Region } from '../memory/region.ts';
import { addBytes, fold } from '../util/internet-checksum.ts';
import { ANY_IPV6, internIpv6, ipv6Word, retainAddress } from '../util/ip-address.ts';
import { ETHERNET_HEADER_LENGTH, IPV6_MULTICAST_HIGH, TYPE_IPV6 } from './ethernet.ts';
import type { FrameQueue } from './frame-queue.ts';
import type { GroupFilter, GroupSource } from './group-filter.ts';
import { GROUPS_MAX, GroupMembership, type ReportSender } from './group-membership.ts';
import {
  ICMPV6_CHECKSUM,
  ICMPV6_HEADER_LENGTH,
  MLD_QUERY,
  MLD_V1_DONE,
  MLD_V1_REPORT,
  MLD_V2_REPORT,
  writeIcmpv6Checksum,
} from './icmpv6.ts';
import {
  IPV6_DESTINATION,
  IPV6_HEADER_LENGTH,
  IPV6_HOP_LIMIT,
  IPV6_SOURCE,
  isLinkLocal,
  NEXT_HOP_BY_HOP,
  NEXT_ICMPV6,
  writeAddress,
  writeIpv6,
} from './ipv6.ts';
import type { Ipv6Addresses } from './ipv6-addresses.ts';
import type { NeighbourListener } from './neighbour-listener.ts';
import {
  ICMPV6_IGNORED,
  MLD_MALFORMED,
  MLD_QUERIES,
  MLD_REPORTS,
  MLD_REPORTS_LIMITED,
  MLD_REPORTS_SUPPRESSED,
} from './net-statistics.ts';
import { RateLimit } from './rate-limit.ts';

/** What anyone can cause, a second. */
const REPORTS_PER_SECOND = 1000;
const TOLD_PER_SECOND = 1000;

/** Of version 1, and of queries of version 2 up to what version 1 has not. */
const V1_LENGTH = 24;
const V2_QUERY_LENGTH = 28;
const RESPONSE_DELAY = 4;
const GROUP = 8;
const RECORD_LENGTH = 20;
const MILLISECONDS_PER_TENTH = 100;

/** The option "router alert" for MLD, RFC 2711, padded, in a hop-by-hop header before ICMPv6. */
const HOP_BY_HOP_LENGTH = 8;
const HOP_BY_HOP_START = (NEXT_ICMPV6 << 24) | 0x0502;
const HOP_BY_HOP_REST = 0x00000100;
const MESSAGE = ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH + HOP_BY_HOP_LENGTH;

/** A host's side of MLD: hears routers and other hosts, and sends what the membership has to say. */
export class MldHost implements ReportSender, GroupSource {
  readonly membership: GroupMembership;
  /** Null: nobody else wants to know. */
  listener: NeighbourListener | null = null;
  private readonly queue: FrameQueue;
  private readonly filter: GroupFilter;
  private readonly addresses: Ipv6Addresses;
  private readonly statistics: Float64Array;
  private readonly reportLimit: RateLimit;
  private readonly tellLimit: RateLimit;
  private readonly records: Region = Region.allocate(GROUPS_MAX * RECORD_LENGTH);
  /** ff02::16, routers of version 2, and ff02::2, all routers. */
  private readonly allV2Routers: number = retainAddress(internIpv6(0xff020000 | 0, 0, 0, 0x16, 0));
  private readonly allRouters: number = retainAddress(internIpv6(0xff020000 | 0, 0, 0, 2, 0));

  constructor(
    queue: FrameQueue,
    filter: GroupFilter,
    addresses: Ipv6Addresses,
    statistics: Float64Array,
    clock: Clock,
  ) {
    this.queue = queue;
    this.filter = filter;
    this.addresses = addresses;
    this.statistics = statistics;
    this.reportLimit = new RateLimit(clock, REPORTS_PER_SECOND);
    this.tellLimit = new RateLimit(clock, TOLD_PER_SECOND);
    this.membership = new GroupMembership(clock, queue.device.macLow, addresses.allNodes);
    filter.add(this);
  }

  /** Throws AeronError `ENOBUFS` when there are too many groups. Cold. */
  join(group: number): void {
    this.membership.join(group);
    this.filter.update();
  }

  /** Cold. */
  leave(group: number): void {
    this.membership.leave(group);
    this.filter.update();
  }

  /** A query, or another host's report, whose checksum is right. */
  onMessage(packet: number, message: number, length: number): void {
    const view = this.queue.view;
    const { statistics, membership } = this;
    const isFromHere =
      view.getUint8(packet + IPV6_HOP_LIMIT) === 1 && isLinkLocal(view.getInt32(packet + IPV6_SOURCE));
    const word0 = length < V1_LENGTH ? 0 : view.getInt32(message + GROUP);
    const isAny = word0 === 0;
    if (!isFromHere || length < V1_LENGTH || (length > V1_LENGTH && length < V2_QUERY_LENGTH)) {
      statistics[MLD_MALFORMED]!++;
      return;
    }
    const group = isAny ? ANY_IPV6 : this.groupAt(message + GROUP);
    if (view.getUint8(message) !== MLD_QUERY) {
      if (group === 0 || !membership.onReport(group)) statistics[ICMPV6_IGNORED]!++;
      statistics[MLD_REPORTS_SUPPRESSED] = membership.suppressedCount;
      return;
    }
    statistics[MLD_QUERIES]!++;
    if (group === 0) return;
    // What IGMP calls version 2 and 3.
    const version = length === V1_LENGTH ? 2 : 3;
    const code = view.getUint16(message + RESPONSE_DELAY);
    const delayMs =
      version === 2 || code < 0x8000 ? code : ((code & 0xfff) | 0x1000) << (((code >> 12) & 7) + 3);
    const tenths = delayMs / MILLISECONDS_PER_TENTH;
    this.onQuery(group, version, tenths);
    const { listener } = this;
    // Whole tenths: others get it as an integer.
    if (listener !== null && this.tellLimit.take()) listener.tellQuery(group, version, Math.floor(tenths));
  }

  /** A router asks who is in `group`; `::`: in any. */
  onQuery(group: number, version: number, responseTime: number): void {
    this.membership.onQuery(group === ANY_IPV6 ? 0 : group, version, responseTime);
  }

  /** Says what is due. */
  report(): void {
    const { statistics, membership } = this;
    const groupCount = membership.count;
    statistics[MLD_REPORTS]! += membership.report(this);
    // Routers have been told all of it of a group that was left.
    if (membership.count < groupCount) this.filter.update();
  }

  writeRecord(index: number, type: number, group: number): void {
    const view = this.records.view;
    view.setInt32(index * RECORD_LENGTH, type << 24);
    writeAddress(view, index * RECORD_LENGTH + 4, group);
  }

  sendRecords(count: number): boolean {
    if (!this.mayReport()) return false;
    const { queue, records } = this;
    const view = queue.view;
    const length = ICMPV6_HEADER_LENGTH + count * RECORD_LENGTH;
    const message = this.startMessage(this.allV2Routers, length);
    view.setInt32(message, MLD_V2_REPORT << 24);
    view.setInt32(message + 4, count);
    writeIcmpv6Checksum(
      view,
      message - HOP_BY_HOP_LENGTH - IPV6_HEADER_LENGTH,
      message,
      ICMPV6_HEADER_LENGTH,
    );
    // The records, and that the message is longer by them.
    const sum = addBytes(count * RECORD_LENGTH, records.view, 0, count * RECORD_LENGTH);
    const start = ~view.getUint16(message + ICMPV6_CHECKSUM) & 0xffff;
    view.setUint16(message + ICMPV6_CHECKSUM, ~fold(start + sum) & 0xffff);
    queue.addLong(MESSAGE + ICMPV6_HEADER_LENGTH, records.handle, 0, count * RECORD_LENGTH);
    // The next records are written where these lie.
    queue.transmit();
    return true;
  }

  sendGroup(group: number, isLeaving: boolean): boolean {
    if (!this.mayReport()) return false;
    const view = this.queue.view;
    const message = this.startMessage(isLeaving ? this.allRouters : group, V1_LENGTH);
    view.setInt32(message, (isLeaving ? MLD_V1_DONE : MLD_V1_REPORT) << 24);
    view.setInt32(message + RESPONSE_DELAY, 0);
    writeAddress(view, message + GROUP, group);
    writeIcmpv6Checksum(view, message - HOP_BY_HOP_LENGTH - IPV6_HEADER_LENGTH, message, V1_LENGTH);
    this.queue.addLong(MESSAGE + V1_LENGTH, 0, 0, 0);
    return true;
  }

  /** The groups, and that of all nodes, which the membership does not have. */
  get groupCount(): number {
    return this.membership.count + 1;
  }

  groupMacHigh(): number {
    return IPV6_MULTICAST_HIGH;
  }

  groupMacLow(index: number): number {
    const { membership, addresses } = this;
    return ipv6Word(index === membership.count ? addresses.allNodes : membership.groups[index]!, 3);
  }

  /** Gives its own memory back. Cold. */
  close(): void {
    this.records.close();
  }

  private mayReport(): boolean {
    if (this.reportLimit.take()) return this.queue.hasRoom();
    this.statistics[MLD_REPORTS_LIMITED]!++;
    return false;
  }

  /** Writes the headers of the next frame. Returns where its message goes. */
  private startMessage(destination: number, length: number): number {
    const queue = this.queue;
    const view = queue.view;
    const packet = queue.nextFrame() + ETHERNET_HEADER_LENGTH;
    const { reportSource } = this.addresses;
    queue.writeEthernetTo(IPV6_MULTICAST_HIGH, ipv6Word(destination, 3), TYPE_IPV6);
    writeIpv6(view, packet, HOP_BY_HOP_LENGTH + length, NEXT_HOP_BY_HOP, 1, reportSource, destination);
    view.setInt32(packet + IPV6_HEADER_LENGTH, HOP_BY_HOP_START);
    view.setInt32(packet + IPV6_HEADER_LENGTH + 4, HOP_BY_HOP_REST);
    return packet + IPV6_HEADER_LENGTH + HOP_BY_HOP_LENGTH;
  }

  /** The group of ours at `offset`; 0: it is none. */
  private groupAt(offset: number): number {
    const view = this.queue.view;
    return findGroup(
      this.membership,
      view.getInt32(offset),
      view.getInt32(offset + 4),
      view.getInt32(offset + 8),
      view.getInt32(offset + 12),
    );
  }
}

/** The group of a membership that these words are; 0: it is none. Strangers' groups never get a number by it. */
export function findGroup(
  membership: GroupMembership,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
): number {
  const { groups, count } = membership;
  for (let i = 0; i < count; i++) {
    const group = groups[i]!;
    if (
      ipv6Word(group, 3) === word3 &&
      ipv6Word(group, 2) === word2 &&
      ipv6Word(group, 1) === word1 &&
      ipv6Word(group, 0) === word0
    ) {
      return group;
    }
  }
  return 0;
}

/** Whether a packet goes to a group. */
export function isToGroup(view: DataView, packet: number): boolean {
  return view.getUint8(packet + IPV6_DESTINATION) === 0xff;
}
