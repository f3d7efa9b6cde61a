// hot
import type { Clock } from '../concurrent/clock.ts';
import { ETHERNET_HEADER_LENGTH, ETHERNET_SOURCE, TYPE_IPV4 } from './ethernet.ts';
import type { FrameQueue } from './frame-queue.ts';
import {
  type EchoReplyListener,
  ICMP_HEADER_LENGTH,
  ICMP_IDENTIFIER_AND_SEQUENCE,
  isEchoReply,
  isEchoRequest,
  isIcmpChecksumRight,
  writeEchoReply,
} from './icmp.ts';
import { ICMP_DESTINATION_UNREACHABLE, IcmpErrors } from './icmp-errors.ts';
import { IPV4_HEADER_LENGTH, PROTOCOL_ICMP, writeIpv4 } from './ipv4.ts';
import type { Ipv4Addresses } from './ipv4-addresses.ts';
import { ICMP_IGNORED, ICMP_MALFORMED, ICMP_REPLIES, ICMP_REPLIES_LIMITED } from './net-statistics.ts';
import { RateLimit } from './rate-limit.ts';
import type { RecentFlows } from './recent-flows.ts';

/** What anyone can cause, a second. */
const REPLIES_PER_SECOND = 1000;

/** Errors a second that are looked at. */
const ERRORS_PER_SECOND = 1000;

/** A host's side of ICMP: answers echo requests, and hears of what did not arrive. */
export class IcmpHost {
  readonly errors: IcmpErrors;
  /** Null: nobody here asks for echoes. */
  replyListener: EchoReplyListener | null = null;
  private readonly queue: FrameQueue;
  private readonly statistics: Float64Array;
  private readonly replyLimit: RateLimit;
  private readonly errorLimit: RateLimit;

  constructor(
    queue: FrameQueue,
    addresses: Ipv4Addresses,
    flows: RecentFlows,
    statistics: Float64Array,
    clock: Clock,
  ) {
    this.errors = new IcmpErrors(queue.view, addresses, queue.device.mtu, flows, statistics);
    this.errorLimit = new RateLimit(clock, ERRORS_PER_SECOND);
    this.queue = queue;
    this.statistics = statistics;
    this.replyLimit = new RateLimit(clock, REPLIES_PER_SECOND);
  }

  /** A message of `length` bytes at `offset`, which came to an address of ours in the frame at `frame`. */
  onIcmp(frame: number, offset: number, length: number, source: number, own: number): void {
    const { queue, statistics } = this;
    const view = queue.view;
    if (length < ICMP_HEADER_LENGTH || !isIcmpChecksumRight(view, offset, length)) {
      statistics[ICMP_MALFORMED]!++;
      return;
    }
    if (view.getUint8(offset) === ICMP_DESTINATION_UNREACHABLE) {
      if (this.errorLimit.take()) this.errors.onMessage(offset, length);
      else statistics[ICMP_IGNORED]!++;
      return;
    }
    if (this.replyListener !== null && isEchoReply(view, offset)) {
      this.replyListener.onEchoReply(source, view.getInt32(offset + ICMP_IDENTIFIER_AND_SEQUENCE), length);
      return;
    }
    if (!isEchoRequest(view, offset) || IPV4_HEADER_LENGTH + length > queue.device.mtu) {
      statistics[ICMP_IGNORED]!++;
      return;
    }
    if (!this.replyLimit.take()) {
      statistics[ICMP_REPLIES_LIMITED]!++;
      return;
    }
    if (!queue.hasRoom()) return;
    const packet = queue.nextFrame() + ETHERNET_HEADER_LENGTH;
    // Straight back to the card it came from, so that no stranger makes us ask for addresses.
    const sourceMac = frame + ETHERNET_SOURCE;
    queue.writeEthernetTo(view.getUint16(sourceMac), view.getInt32(sourceMac + 2), TYPE_IPV4);
    writeIpv4(view, packet, IPV4_HEADER_LENGTH + length, PROTOCOL_ICMP, own, source);
    writeEchoReply(view, packet + IPV4_HEADER_LENGTH, view, offset);
    queue.addOwn(offset + ICMP_HEADER_LENGTH, length - ICMP_HEADER_LENGTH);
    statistics[ICMP_REPLIES]!++;
  }
}
