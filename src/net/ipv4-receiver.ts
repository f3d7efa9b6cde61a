// hot
import { RX_IP_BAD, RX_IP_GOOD, RX_SUMMED, RX_UDP_BAD, RX_UDP_GOOD } from '../device/device.ts';
import { fold } from '../util/internet-checksum.ts';
import { ETHERNET_HEADER_LENGTH, multicastLow } from './ethernet.ts';
import type { IcmpHost } from './icmp-host.ts';
import type { IgmpHost } from './igmp-host.ts';
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
} from './ipv4.ts';
import {
  IPV4_CHECKSUM,
  IPV4_NOT_OURS,
  IPV4_PROTOCOL_UNSUPPORTED,
  IPV4_SOURCE_INVALID,
  RX_DATAGRAM_BYTES,
  RX_DATAGRAMS,
  UDP_CHECKSUM_WRONG,
  UDP_MALFORMED,
} from './net-statistics.ts';
import {
  type GroupListener,
  isUdpChecksumRight,
  pseudoHeaderSum,
  UDP_CHECKSUM,
  UDP_DESTINATION_PORT,
  UDP_HEADER_LENGTH,
  UDP_LENGTH,
  UDP_SOURCE_PORT,
  type UdpListener,
} from './udp.ts';

/** Tells IPv4 packets to our address and to our groups apart, and hands each to who speaks its protocol. */
export class Ipv4Receiver {
  /** Null: nobody sends to groups or hears them. */
  groupListener: GroupListener | null = null;
  /** Whether datagrams for groups that we are not in are handed over too. */
  hearsEveryGroup = false;
  private readonly view: DataView;
  private readonly address: number;
  private readonly statistics: Float64Array;
  private readonly icmp: IcmpHost;
  private readonly igmp: IgmpHost;

  constructor(view: DataView, address: number, statistics: Float64Array, icmp: IcmpHost, igmp: IgmpHost) {
    this.view = view;
    this.address = address;
    this.statistics = statistics;
    this.icmp = icmp;
    this.igmp = igmp;
  }

  /** A frame to our card. */
  onFrame(frame: number, length: number, flags: number, sum: number, listener: UdpListener): void {
    const { view, statistics } = this;
    const offset = frame + ETHERNET_HEADER_LENGTH;
    const available = length - ETHERNET_HEADER_LENGTH;
    if (!this.isWhole(offset, available, flags)) return;
    const source = view.getInt32(offset + IPV4_SOURCE);
    if (view.getInt32(offset + IPV4_DESTINATION) !== this.address) {
      statistics[IPV4_NOT_OURS]!++;
      return;
    }
    if (!isUnicast(source) || source === this.address) {
      statistics[IPV4_SOURCE_INVALID]!++;
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
      this.icmp.onIcmp(frame, offset + headerLength, payloadLength, source);
    } else {
      statistics[IPV4_PROTOCOL_UNSUPPORTED]!++;
    }
  }

  /** A frame to a group's Ethernet address, which repeats the last 23 bits of the group. */
  onGroupFrame(
    frame: number,
    length: number,
    flags: number,
    sum: number,
    listener: UdpListener,
    macLow: number,
  ): void {
    const { view, statistics } = this;
    const offset = frame + ETHERNET_HEADER_LENGTH;
    const available = length - ETHERNET_HEADER_LENGTH;
    if (!this.isWhole(offset, available, flags)) return;
    const group = view.getInt32(offset + IPV4_DESTINATION);
    if (!isGroup(group) || multicastLow(group) !== macLow) {
      statistics[IPV4_NOT_OURS]!++;
      return;
    }
    const source = view.getInt32(offset + IPV4_SOURCE);
    const headerLength = ipv4HeaderLength(view, offset);
    const payloadLength = view.getUint16(offset + IPV4_TOTAL_LENGTH) - headerLength;
    const protocol = view.getUint8(offset + IPV4_PROTOCOL);
    if (protocol === PROTOCOL_IGMP) {
      if (source !== this.address) this.igmp.onIgmp(offset + headerLength, payloadLength);
    } else if (protocol !== PROTOCOL_UDP) {
      statistics[IPV4_PROTOCOL_UNSUPPORTED]!++;
    } else if (!isUnicast(source) || source === this.address) {
      statistics[IPV4_SOURCE_INVALID]!++;
    } else if (this.hearsEveryGroup || this.igmp.membership.isMember(group)) {
      const summed = available === IPV4_HEADER_LENGTH + payloadLength ? flags : flags & ~RX_SUMMED;
      this.onUdp(offset + headerLength, payloadLength, source, group, summed, sum, listener);
    } else {
      statistics[IPV4_NOT_OURS]!++;
    }
  }

  /** Whether a packet may be looked into; if not, the reason is counted. */
  private isWhole(offset: number, available: number, flags: number): boolean {
    const statistics = this.statistics;
    if ((flags & RX_IP_BAD) !== 0) {
      statistics[IPV4_CHECKSUM]!++;
      return false;
    }
    const defect = findIpv4Defect(this.view, offset, available, (flags & RX_IP_GOOD) === 0);
    if (defect < 0) return true;
    statistics[defect]!++;
    return false;
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
    const { view, statistics } = this;
    const length = available < UDP_HEADER_LENGTH ? 0 : view.getUint16(offset + UDP_LENGTH);
    if (length < UDP_HEADER_LENGTH || length > available) {
      statistics[UDP_MALFORMED]!++;
      return;
    }
    if (view.getUint16(offset + UDP_CHECKSUM) !== 0 && (flags & RX_UDP_GOOD) === 0) {
      const right =
        (flags & RX_UDP_BAD) === 0 &&
        ((flags & RX_SUMMED) !== 0 && length === available
          ? fold(sum + pseudoHeaderSum(source, destination, length)) === 0xffff
          : isUdpChecksumRight(view, offset, length, source, destination));
      if (!right) {
        statistics[UDP_CHECKSUM_WRONG]!++;
        return;
      }
    }
    const payload = offset + UDP_HEADER_LENGTH;
    const payloadLength = length - UDP_HEADER_LENGTH;
    const sourcePort = view.getUint16(offset + UDP_SOURCE_PORT);
    const port = view.getUint16(offset + UDP_DESTINATION_PORT);
    statistics[RX_DATAGRAMS]!++;
    statistics[RX_DATAGRAM_BYTES]! += payloadLength;
    if (destination === this.address) {
      listener.onUdp(payload, payloadLength, source, sourcePort, port);
    } else {
      this.groupListener?.onGroupUdp(payload, payloadLength, source, sourcePort, destination, port);
    }
  }
}
