// hot
import type { Clock } from '../concurrent/clock.ts';
import { addBytes, fold } from '../util/internet-checksum.ts';
import { internIpv6 } from '../util/ip-address.ts';
import { ETHERNET_HEADER_LENGTH, ETHERNET_SOURCE, TYPE_IPV6 } from './ethernet.ts';
import type { FrameQueue } from './frame-queue.ts';
import { type EchoReplyListener, ICMP_IDENTIFIER_AND_SEQUENCE } from './icmp.ts';
import {
  DESTINATION_UNREACHABLE,
  ECHO_REPLY,
  ECHO_REQUEST,
  ICMPV6_CHECKSUM,
  ICMPV6_CODE,
  ICMPV6_HEADER_LENGTH,
  MLD_QUERY,
  MLD_V1_REPORT,
  NEIGHBOUR_ADVERTISEMENT,
  NEIGHBOUR_SOLICITATION,
  PACKET_TOO_BIG,
  PORT_UNREACHABLE,
  writeIcmpv6Checksum,
} from './icmpv6.ts';
import type { Icmpv6Errors } from './icmpv6-errors.ts';
import {
  HOP_LIMIT,
  IPV6_DESTINATION,
  IPV6_HEADER_LENGTH,
  IPV6_MTU_MIN,
  IPV6_PAYLOAD_LENGTH,
  IPV6_SOURCE,
  isUpperChecksumRight,
  NEXT_ICMPV6,
} from './ipv6.ts';
import { isToGroup, type MldHost } from './mld-host.ts';
import type { NdHost } from './nd-host.ts';
import {
  ICMPV6_ERRORS,
  ICMPV6_IGNORED,
  ICMPV6_LIMITED,
  ICMPV6_MALFORMED,
  ICMPV6_REPLIES,
} from './net-statistics.ts';
import { RateLimit } from './rate-limit.ts';

/** What anyone can cause, a second. */
const REPLIES_PER_SECOND = 1000;
const ERRORS_PER_SECOND = 100;
/** Errors of others a second that are looked at. */
const HEARD_ERRORS_PER_SECOND = 1000;
/** RFC 4443, 2.4 (c): an error with what it quotes fits the smallest MTU there is. */
const ERROR_QUOTE_LENGTH_MAX: number = IPV6_MTU_MIN - IPV6_HEADER_LENGTH - ICMPV6_HEADER_LENGTH;

const HEADERS = ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH + ICMPV6_HEADER_LENGTH;
const VERSION = 0x60000000;

/**
 * A host's side of ICMPv6: answers echo requests, says which ports nobody has, hears of what did not arrive, and hands the rest
 * on.
 */
export class Icmpv6Host {
  /** Null: nobody here asks for echoes. */
  replyListener: EchoReplyListener | null = null;
  private readonly queue: FrameQueue;
  private readonly nd: NdHost;
  private readonly mld: MldHost;
  private readonly statistics: Float64Array;
  private readonly replyLimit: RateLimit;
  private readonly errorLimit: RateLimit;
  private readonly heardErrorLimit: RateLimit;
  private readonly errors: Icmpv6Errors;

  constructor(
    queue: FrameQueue,
    nd: NdHost,
    mld: MldHost,
    errors: Icmpv6Errors,
    statistics: Float64Array,
    clock: Clock,
  ) {
    this.errors = errors;
    this.heardErrorLimit = new RateLimit(clock, HEARD_ERRORS_PER_SECOND);
    this.queue = queue;
    this.nd = nd;
    this.mld = mld;
    this.statistics = statistics;
    this.replyLimit = new RateLimit(clock, REPLIES_PER_SECOND);
    this.errorLimit = new RateLimit(clock, ERRORS_PER_SECOND);
  }

  /** A message of `length` bytes; `isUsable`: to an address that is known to be ours. */
  onMessage(frame: number, packet: number, message: number, length: number, isUsable: boolean): void {
    const { queue, statistics } = this;
    const view = queue.view;
    if (length < ICMPV6_HEADER_LENGTH || !isUpperChecksumRight(view, packet, NEXT_ICMPV6, message, length)) {
      statistics[ICMPV6_MALFORMED]!++;
      return;
    }
    switch (view.getUint8(message)) {
      case NEIGHBOUR_SOLICITATION:
      case NEIGHBOUR_ADVERTISEMENT:
        this.nd.onMessage(frame, packet, message, length);
        return;
      case MLD_QUERY:
      case MLD_V1_REPORT:
        this.mld.onMessage(packet, message, length);
        return;
      case ECHO_REQUEST:
        if (isUsable && view.getUint8(message + ICMPV6_CODE) === 0) {
          this.reply(frame, packet, message, length);
          return;
        }
        break;
      case ECHO_REPLY:
        if (isUsable && this.replyListener !== null) {
          const at = packet + IPV6_SOURCE;
          const source = internIpv6(
            view.getInt32(at),
            view.getInt32(at + 4),
            view.getInt32(at + 8),
            view.getInt32(at + 12),
            0,
          );
          this.replyListener.onEchoReply(
            source,
            view.getInt32(message + ICMP_IDENTIFIER_AND_SEQUENCE),
            length,
          );
          return;
        }
        break;
      case DESTINATION_UNREACHABLE:
      case PACKET_TOO_BIG:
        if (isUsable && this.heardErrorLimit.take()) {
          this.errors.onMessage(message, length);
          return;
        }
    }
    statistics[ICMPV6_IGNORED]!++;
  }

  private reply(frame: number, packet: number, message: number, length: number): void {
    const { queue, statistics } = this;
    const view = queue.view;
    if (IPV6_HEADER_LENGTH + length > queue.device.mtu) {
      statistics[ICMPV6_IGNORED]!++;
      return;
    }
    if (!this.replyLimit.take()) {
      statistics[ICMPV6_LIMITED]!++;
      return;
    }
    if (!queue.hasRoom()) return;
    const out = this.startAnswer(frame, packet, length);
    // The same message but for the type, between the same addresses: RFC 1624.
    const sum = (~view.getUint16(message + ICMPV6_CHECKSUM) & 0xffff) + (~(ECHO_REQUEST << 8) & 0xffff);
    view.setUint16(out, ECHO_REPLY << 8);
    view.setUint16(out + ICMPV6_CHECKSUM, ~fold(sum + (ECHO_REPLY << 8)) & 0xffff);
    view.setInt32(out + 4, view.getInt32(message + 4));
    const { handle } = queue.device.memory;
    queue.addLong(HEADERS, handle, message + ICMPV6_HEADER_LENGTH, length - ICMPV6_HEADER_LENGTH);
    statistics[ICMPV6_REPLIES]!++;
  }

  /** Nobody here has the port that a datagram to an address of ours names. */
  onPortUnreachable(frame: number, packet: number): void {
    const { queue, statistics } = this;
    const view = queue.view;
    if (isToGroup(view, packet)) return;
    if (!this.errorLimit.take()) {
      statistics[ICMPV6_LIMITED]!++;
      return;
    }
    if (!queue.hasRoom()) return;
    const packetLength = IPV6_HEADER_LENGTH + view.getUint16(packet + IPV6_PAYLOAD_LENGTH);
    const quoted = Math.min(packetLength, ERROR_QUOTE_LENGTH_MAX);
    const length = ICMPV6_HEADER_LENGTH + quoted;
    const out = this.startAnswer(frame, packet, length);
    view.setInt32(out, (DESTINATION_UNREACHABLE << 24) | (PORT_UNREACHABLE << 16));
    view.setInt32(out + 4, 0);
    writeIcmpv6Checksum(view, out - IPV6_HEADER_LENGTH, out, ICMPV6_HEADER_LENGTH);
    // What is quoted, and that the message is longer by it.
    const sum = addBytes(quoted, view, packet, quoted);
    const start = ~view.getUint16(out + ICMPV6_CHECKSUM) & 0xffff;
    view.setUint16(out + ICMPV6_CHECKSUM, ~fold(start + sum) & 0xffff);
    queue.addLong(HEADERS, queue.device.memory.handle, packet, quoted);
    statistics[ICMPV6_ERRORS]!++;
  }

  /**
   * Writes the headers of a packet back to where one came from, straight to the card, so that no stranger makes us ask for
   * addresses. Returns where its message goes.
   */
  private startAnswer(frame: number, packet: number, length: number): number {
    const queue = this.queue;
    const view = queue.view;
    const answer = queue.nextFrame() + ETHERNET_HEADER_LENGTH;
    const sourceMac = frame + ETHERNET_SOURCE;
    queue.writeEthernetTo(view.getUint16(sourceMac), view.getInt32(sourceMac + 2), TYPE_IPV6);
    view.setInt32(answer, VERSION);
    view.setInt32(answer + IPV6_PAYLOAD_LENGTH, (length << 16) | (NEXT_ICMPV6 << 8) | HOP_LIMIT);
    for (let i = 0; i < 16; i += 4) {
      view.setInt32(answer + IPV6_SOURCE + i, view.getInt32(packet + IPV6_DESTINATION + i));
      view.setInt32(answer + IPV6_DESTINATION + i, view.getInt32(packet + IPV6_SOURCE + i));
    }
    return answer + IPV6_HEADER_LENGTH;
  }
}
