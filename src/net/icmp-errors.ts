// hot
import {
  FRAGMENT_OFFSET,
  IPV4_DESTINATION,
  IPV4_FRAGMENT,
  IPV4_HEADER_LENGTH,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  IPV4_TOTAL_LENGTH,
  ipv4HeaderLength,
  PROTOCOL_UDP,
} from './ipv4.ts';
import type { Ipv4Addresses } from './ipv4-addresses.ts';
import type { NeighbourListener } from './neighbour-listener.ts';
import {
  ICMP_FRAGMENTATION_NEEDED,
  ICMP_MALFORMED,
  ICMP_PORT_UNREACHABLE,
  ICMP_UNMATCHED,
  ICMP_UNREACHABLE,
} from './net-statistics.ts';
import type { RecentFlows } from './recent-flows.ts';
import { UDP_DESTINATION_PORT, UDP_HEADER_LENGTH, UDP_SOURCE_PORT } from './udp.ts';

/** Destination unreachable, RFC 792, and two of its codes. */
export const ICMP_DESTINATION_UNREACHABLE = 3;
export const PORT_UNREACHABLE = 3;
export const FRAGMENTATION_NEEDED = 4;
/** Set in what is told of ICMPv6's "destination unreachable" with another code than that for ports; the code is in the rest. */
export const ICMPV6_CODES = 0x100;
const NEXT_HOP_MTU = 6;
const QUOTE = 8;
/** RFC 791: every network carries as much. */
const MTU_MIN = 68;

/** Hears that what we sent did not arrive. Cold. */
export interface UnreachableListener {
  /** `code` is ICMP's, also for what ICMPv6 says in other numbers, or has {@link ICMPV6_CODES} set; `mtu` is of the network that a packet was too long for, or 0. */
  onDatagramUnreachable(code: number, address: number, mtu: number): void;
}

/**
 * What hosts and routers say of packets of ours that did not arrive. Anybody can say that, so it counts only when it quotes a
 * datagram of a flow that we send: our address and port, and whom we send to. Nothing is changed by it, it is only told.
 */
export class IcmpErrors {
  /** Null: nobody wants to know. */
  listener: UnreachableListener | null = null;
  /** Null: there is no other stack of the port that may have sent it. */
  others: NeighbourListener | null = null;
  private readonly view: DataView;
  private readonly addresses: Ipv4Addresses;
  private readonly mtu: number;
  /** Of IPv6 too. */
  readonly flows: RecentFlows;
  private readonly statistics: Float64Array;

  constructor(
    view: DataView,
    addresses: Ipv4Addresses,
    mtu: number,
    flows: RecentFlows,
    statistics: Float64Array,
  ) {
    this.view = view;
    this.addresses = addresses;
    this.mtu = mtu;
    this.flows = flows;
    this.statistics = statistics;
  }

  /** A message "destination unreachable" of `length` bytes whose checksum is right. */
  onMessage(offset: number, length: number): void {
    const { view, statistics } = this;
    const quote = offset + QUOTE;
    const quoted = length - QUOTE;
    if (quoted < IPV4_HEADER_LENGTH + UDP_HEADER_LENGTH || view.getUint8(quote) >> 4 !== 4) {
      statistics[ICMP_MALFORMED]!++;
      return;
    }
    const headerLength = ipv4HeaderLength(view, quote);
    if (headerLength < IPV4_HEADER_LENGTH || headerLength + UDP_HEADER_LENGTH > quoted) {
      statistics[ICMP_MALFORMED]!++;
      return;
    }
    const totalLength = view.getUint16(quote + IPV4_TOTAL_LENGTH);
    const code = view.getUint8(offset + 1);
    const mtu = code === FRAGMENTATION_NEEDED ? view.getUint16(offset + NEXT_HOP_MTU) : 0;
    const isOurs =
      view.getUint8(quote + IPV4_PROTOCOL) === PROTOCOL_UDP &&
      this.addresses.has(view.getInt32(quote + IPV4_SOURCE)) &&
      (view.getUint16(quote + IPV4_FRAGMENT) & FRAGMENT_OFFSET) === 0 &&
      headerLength === IPV4_HEADER_LENGTH &&
      totalLength <= this.mtu &&
      // Routers from before RFC 1191 say 0; none says that what was too long would fit.
      (mtu === 0 || (mtu >= MTU_MIN && mtu < totalLength));
    if (!isOurs) {
      statistics[ICMP_UNMATCHED]!++;
      return;
    }
    const datagram = quote + IPV4_HEADER_LENGTH;
    const ports =
      (view.getUint16(datagram + UDP_SOURCE_PORT) << 16) | view.getUint16(datagram + UDP_DESTINATION_PORT);
    this.tell(view.getInt32(quote + IPV4_DESTINATION), ports, code, mtu);
  }

  /** Somebody says so of a datagram from an address of ours. */
  tell(address: number, ports: number, code: number, mtu: number): void {
    const isOthers = this.others?.tellUnreachable(address, ports, code, mtu);
    if (isOthers !== true) this.onUnreachable(address, ports, code, mtu);
  }

  /** A datagram from and to these ports did not arrive at an address. */
  onUnreachable(address: number, ports: number, code: number, mtu: number): void {
    const { statistics } = this;
    if (!this.flows.has(address, ports)) {
      statistics[ICMP_UNMATCHED]!++;
      return;
    }
    statistics[
      code === PORT_UNREACHABLE
        ? ICMP_PORT_UNREACHABLE
        : code === FRAGMENTATION_NEEDED
          ? ICMP_FRAGMENTATION_NEEDED
          : ICMP_UNREACHABLE
    ]!++;
    this.listener?.onDatagramUnreachable(code, address, mtu);
  }
}
