// hot
import type { Clock } from '../concurrent/clock.ts';
import { ETHERNET_HEADER_LENGTH, MULTICAST_HIGH, multicastLow, TYPE_IPV4 } from './ethernet.ts';
import type { FrameQueue } from './frame-queue.ts';
import { GroupMembership, type ReportSender } from './group-membership.ts';
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

/** A host's side of IGMP as messages: hears routers and other hosts, and sends what the membership has to say. */
export class IgmpHost implements ReportSender {
  readonly membership: GroupMembership;
  /** Null: nobody else wants to know. */
  listener: NeighbourListener | null = null;
  private readonly queue: FrameQueue;
  private readonly address: number;
  private readonly statistics: Float64Array;
  private readonly reportLimit: RateLimit;
  private readonly tellLimit: RateLimit;

  constructor(queue: FrameQueue, address: number, statistics: Float64Array, clock: Clock) {
    this.queue = queue;
    this.address = address;
    this.statistics = statistics;
    this.membership = new GroupMembership(clock, address);
    this.reportLimit = new RateLimit(clock, REPORTS_PER_SECOND);
    this.tellLimit = new RateLimit(clock, TOLD_PER_SECOND);
  }

  /** Throws AeronError `ENOBUFS` when there are too many groups. Cold. */
  join(group: number): void {
    this.membership.join(group);
    this.filterGroups();
  }

  /** Cold. */
  leave(group: number): void {
    this.membership.leave(group);
    this.filterGroups();
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
      membership.onReport(group);
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
    if (membership.count < groupCount) this.filterGroups();
  }

  sendReport(destination: number, type: number, length: number, sum: number): boolean {
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
    writeIgmpStart(view, message, type, sum);
    queue.add(this.membership.message.handle, 0, length);
    // The next message is written where this one's payload lies.
    queue.transmit();
    return true;
  }

  private filterGroups(): void {
    const { groups, count } = this.membership;
    this.queue.device.setGroups(groups, count);
  }
}
