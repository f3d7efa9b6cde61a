// hot
import type { Clock } from '../concurrent/clock.ts';
import { Region } from '../memory/region.ts';
import { addBytes } from '../util/internet-checksum.ts';
import { ETHERNET_HEADER_LENGTH, MULTICAST_HIGH, multicastLow, TYPE_IPV4 } from './ethernet.ts';
import type { FrameQueue } from './frame-queue.ts';
import type { GroupFilter, GroupSource } from './group-filter.ts';
import { GROUPS_MAX, GroupMembership, type ReportSender } from './group-membership.ts';
import {
  ALL_ROUTERS,
  ALL_SYSTEMS,
  ALL_V3_ROUTERS,
  GROUP_RECORD_LENGTH,
  IGMP_GROUP,
  IGMP_QUERY,
  IGMP_RESPONSE_CODE,
  IGMP_V1_REPORT,
  IGMP_V2_LEAVE,
  IGMP_V2_REPORT,
  IGMP_V3_REPORT,
  isValidIgmp,
  maxResponseTime,
  queryVersion,
  writeIgmpStart,
} from './igmp.ts';
import { isGroup, PROTOCOL_IGMP, ROUTER_ALERT_IPV4_HEADER_LENGTH, writeRouterAlertIpv4 } from './ipv4.ts';
import type { NeighbourListener } from './neighbour-listener.ts';
import {
  IGMP_IGNORED,
  IGMP_MALFORMED,
  IGMP_QUERIES,
  IGMP_REPORTS,
  IGMP_REPORTS_LIMITED,
  IGMP_REPORTS_SUPPRESSED,
} from './net-statistics.ts';
import { RateLimit } from './rate-limit.ts';

/** What anyone can cause, a second. */
const REPORTS_PER_SECOND = 1000;
const TOLD_PER_SECOND = 1000;

/** Behind an Ethernet header and an IPv4 header with the router alert there is room for this much of an IGMP message. */
const IGMP_START_LENGTH = 4;
/** In a report of version 3, between its first four bytes and the records: reserved, and how many there are. */
const RECORDS = 4;

/** A host's side of IGMP as messages: hears routers and other hosts, and sends what the membership has to say. */
export class IgmpHost implements ReportSender, GroupSource {
  readonly membership: GroupMembership;
  /** Null: nobody else wants to know. */
  listener: NeighbourListener | null = null;
  private readonly queue: FrameQueue;
  private readonly filter: GroupFilter;
  /** What comes behind the first four bytes of the message that is being sent. */
  private readonly message: Region = Region.allocate(RECORDS + GROUPS_MAX * GROUP_RECORD_LENGTH);
  private readonly address: number;
  private readonly statistics: Float64Array;
  private readonly reportLimit: RateLimit;
  private readonly tellLimit: RateLimit;

  constructor(
    queue: FrameQueue,
    filter: GroupFilter,
    address: number,
    statistics: Float64Array,
    clock: Clock,
  ) {
    this.filter = filter;
    filter.add(this);
    this.queue = queue;
    this.address = address;
    this.statistics = statistics;
    this.membership = new GroupMembership(clock, address, ALL_SYSTEMS);
    this.reportLimit = new RateLimit(clock, REPORTS_PER_SECOND);
    this.tellLimit = new RateLimit(clock, TOLD_PER_SECOND);
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

  onIgmp(offset: number, length: number): void {
    const view = this.queue.view;
    const { statistics, membership } = this;
    if (!isValidIgmp(view, offset, length)) {
      statistics[IGMP_MALFORMED]!++;
      return;
    }
    const type = view.getUint8(offset);
    const group = view.getInt32(offset + IGMP_GROUP);
    if (type === IGMP_QUERY) {
      const version = queryVersion(view, offset, length);
      if (version === 0 || (group !== 0 && !isGroup(group))) {
        statistics[IGMP_MALFORMED]!++;
        return;
      }
      statistics[IGMP_QUERIES]!++;
      const responseTime = maxResponseTime(view.getUint8(offset + IGMP_RESPONSE_CODE), version);
      membership.onQuery(group, version, responseTime);
      const { listener } = this;
      if (listener !== null && this.tellLimit.take()) listener.tellQuery(group, version, responseTime);
    } else if (type === IGMP_V1_REPORT || type === IGMP_V2_REPORT) {
      if (!membership.onReport(group)) statistics[IGMP_IGNORED]!++;
      statistics[IGMP_REPORTS_SUPPRESSED] = membership.suppressedCount;
    } else {
      statistics[IGMP_IGNORED]!++;
    }
  }

  /** Says what is due. */
  report(): void {
    const { statistics, membership } = this;
    const groupCount = membership.count;
    statistics[IGMP_REPORTS]! += membership.report(this);
    // Routers have been told all of it of a group that was left.
    if (membership.count < groupCount) this.filter.update();
  }

  writeRecord(index: number, type: number, group: number): void {
    const offset = RECORDS + index * GROUP_RECORD_LENGTH;
    this.message.view.setInt32(offset, type << 24);
    this.message.view.setInt32(offset + 4, group);
  }

  sendRecords(count: number): boolean {
    this.message.view.setInt32(0, count);
    return this.send(ALL_V3_ROUTERS, IGMP_V3_REPORT, RECORDS + count * GROUP_RECORD_LENGTH);
  }

  /** To the group itself, so that its other members hear it. */
  sendGroup(group: number, isLeaving: boolean, version: number): boolean {
    this.message.view.setInt32(0, group);
    const type = isLeaving ? IGMP_V2_LEAVE : version === 1 ? IGMP_V1_REPORT : IGMP_V2_REPORT;
    return this.send(isLeaving ? ALL_ROUTERS : group, type, 4);
  }

  /** Sends a message: `type`, and behind its checksum `length` bytes that were written. */
  private send(destination: number, type: number, length: number): boolean {
    if (!this.reportLimit.take()) {
      this.statistics[IGMP_REPORTS_LIMITED]!++;
      return false;
    }
    const queue = this.queue;
    if (!queue.hasRoom()) return false;
    const view = queue.view;
    const packet = queue.nextFrame() + ETHERNET_HEADER_LENGTH;
    const message = packet + ROUTER_ALERT_IPV4_HEADER_LENGTH;
    const totalLength = ROUTER_ALERT_IPV4_HEADER_LENGTH + IGMP_START_LENGTH + length;
    queue.writeEthernetTo(MULTICAST_HIGH, multicastLow(destination), TYPE_IPV4);
    writeRouterAlertIpv4(view, packet, totalLength, PROTOCOL_IGMP, this.address, destination);
    writeIgmpStart(view, message, type, addBytes(0, this.message.view, 0, length));
    queue.add(this.message.handle, 0, length);
    // The next message is written where this one's payload lies.
    queue.transmit();
    return true;
  }

  /** With any group goes that of all systems, where routers ask for members. */
  get groupCount(): number {
    const { count } = this.membership;
    return count === 0 ? 0 : count + 1;
  }

  groupMacHigh(): number {
    return MULTICAST_HIGH;
  }

  groupMacLow(index: number): number {
    return multicastLow(index === this.membership.count ? ALL_SYSTEMS : this.membership.groups[index]!);
  }

  /** Gives its own memory back. Cold. */
  close(): void {
    this.message.close();
  }
}
