// hot
import { internIpv6 } from '../util/ip-address.ts';
import { FRAGMENTATION_NEEDED, ICMPV6_CODES, type IcmpErrors, PORT_UNREACHABLE } from './icmp-errors.ts';
import {
  DESTINATION_UNREACHABLE,
  ICMPV6_CODE,
  ICMPV6_HEADER_LENGTH,
  PORT_UNREACHABLE as ICMPV6_PORT_UNREACHABLE,
  PACKET_TOO_BIG,
} from './icmpv6.ts';
import {
  IPV6_DESTINATION,
  IPV6_HEADER_LENGTH,
  IPV6_MTU_MIN,
  IPV6_NEXT_HEADER,
  IPV6_PAYLOAD_LENGTH,
  IPV6_SOURCE,
  NEXT_UDP,
} from './ipv6.ts';
import type { Ipv6Addresses } from './ipv6-addresses.ts';
import { ICMP_UNMATCHED, ICMPV6_MALFORMED } from './net-statistics.ts';
import { UDP_DESTINATION_PORT, UDP_HEADER_LENGTH, UDP_SOURCE_PORT } from './udp.ts';

const MTU = 4;

/** As {@link IcmpErrors}, in the words of ICMPv6: "destination unreachable" and "packet too big", RFC 4443, 3.1 and 3.2. */
export class Icmpv6Errors {
  private readonly view: DataView;
  private readonly addresses: Ipv6Addresses;
  private readonly mtu: number;
  private readonly errors: IcmpErrors;
  private readonly statistics: Float64Array;

  /** @param mtu - Of the port: nothing that we sent was longer. */
  constructor(
    view: DataView,
    addresses: Ipv6Addresses,
    mtu: number,
    errors: IcmpErrors,
    statistics: Float64Array,
  ) {
    this.view = view;
    this.addresses = addresses;
    this.mtu = mtu;
    this.errors = errors;
    this.statistics = statistics;
  }

  /** A message of one of the two types, of `length` bytes, whose checksum is right. */
  onMessage(message: number, length: number): void {
    const { view } = this;
    const quote = message + ICMPV6_HEADER_LENGTH;
    const quoted = length - ICMPV6_HEADER_LENGTH;
    if (quoted < IPV6_HEADER_LENGTH + UDP_HEADER_LENGTH || view.getUint8(quote) >> 4 !== 6) {
      this.statistics[ICMPV6_MALFORMED]!++;
      return;
    }
    const isTooBig = view.getUint8(message) === PACKET_TOO_BIG;
    const mtu = isTooBig ? view.getUint32(message + MTU) : 0;
    const packetLength = IPV6_HEADER_LENGTH + view.getUint16(quote + IPV6_PAYLOAD_LENGTH);
    const isOurs =
      view.getUint8(quote + IPV6_NEXT_HEADER) === NEXT_UDP &&
      packetLength <= this.mtu &&
      this.isOurAddress(quote + IPV6_SOURCE) &&
      // RFC 8201, 4: every network carries as much; and nobody says that what was too long would fit.
      (!isTooBig || (mtu >= IPV6_MTU_MIN && mtu < packetLength));
    if (!isOurs) {
      this.statistics[ICMP_UNMATCHED]!++;
      return;
    }
    const datagram = quote + IPV6_HEADER_LENGTH;
    const ports =
      (view.getUint16(datagram + UDP_SOURCE_PORT) << 16) | view.getUint16(datagram + UDP_DESTINATION_PORT);
    this.errors.tell(this.addressAt(quote + IPV6_DESTINATION), ports, this.codeOf(message), mtu);
  }

  private codeOf(message: number): number {
    const { view } = this;
    const type = view.getUint8(message);
    const code = view.getUint8(message + ICMPV6_CODE);
    if (type === PACKET_TOO_BIG) return FRAGMENTATION_NEEDED;
    return type === DESTINATION_UNREACHABLE && code === ICMPV6_PORT_UNREACHABLE
      ? PORT_UNREACHABLE
      : ICMPV6_CODES | code;
  }

  private isOurAddress(offset: number): boolean {
    const { view } = this;
    return (
      this.addresses.indexOf(
        view.getInt32(offset),
        view.getInt32(offset + 4),
        view.getInt32(offset + 8),
        view.getInt32(offset + 12),
      ) >= 0
    );
  }

  private addressAt(offset: number): number {
    const { view } = this;
    return internIpv6(
      view.getInt32(offset),
      view.getInt32(offset + 4),
      view.getInt32(offset + 8),
      view.getInt32(offset + 12),
      0,
    );
  }
}
