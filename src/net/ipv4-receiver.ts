// hot
import { RX_IP_BAD, RX_IP_GOOD, RX_SUMMED, RX_UDP_BAD, RX_UDP_GOOD } from '../device/device.ts';
import type { Region } from '../memory/region.ts';
import { fold } from '../util/internet-checksum.ts';
import { ETHERNET_HEADER_LENGTH, multicastLow } from './ethernet.ts';
import type { IcmpHost } from './icmp-host.ts';
import type { IgmpHost } from './igmp-host.ts';
import {
  FRAGMENT_OFFSET,
  findIpv4Defect,
  IPV4_DESTINATION,
  IPV4_FRAGMENT,
  IPV4_HEADER_LENGTH,
  IPV4_IDENTIFICATION,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  IPV4_TOTAL_LENGTH,
  ipv4HeaderLength,
  isFragment,
  isGroup,
  isUnicast,
  MORE_FRAGMENTS,
  PROTOCOL_ICMP,
  PROTOCOL_IGMP,
  PROTOCOL_UDP,
} from './ipv4.ts';
import type { Ipv4Addresses } from './ipv4-addresses.ts';
import {
  IPV4_CHECKSUM,
  IPV4_FRAGMENTS,
  IPV4_NOT_OURS,
  IPV4_PROTOCOL_UNSUPPORTED,
  IPV4_SOURCE_INVALID,
  RX_DATAGRAM_BYTES,
  RX_DATAGRAMS,
  UDP_CHECKSUM_WRONG,
  UDP_MALFORMED,
} from './net-statistics.ts';
import type { Reassembly } from './reassembly.ts';
import {
  type GroupListener,
  isUdpChecksumRight,
  pseudoHeaderSum,
  type ReassembledListener,
  UDP_CHECKSUM,
  UDP_DESTINATION_PORT,
  UDP_HEADER_LENGTH,
  UDP_LENGTH,
  UDP_SOURCE_PORT,
  type UdpListener,
} from './udp.ts';

/** Tells IPv4 packets to our addresses and to our groups apart, and hands each to who speaks its protocol, whole. */
export class Ipv4Receiver {
  /** Null: nobody sends to groups or hears them, and there is one address. */
  groupListener: GroupListener | null = null;
  /** Whether datagrams for groups that we are not in are handed over too. */
  hearsEveryGroup = false;
  private readonly memory: Region;
  private readonly view: DataView;
  private readonly addresses: Ipv4Addresses;
  /** The first of them, whose datagrams have a listener of their own. */
  private readonly address: number;
  private readonly statistics: Float64Array;
  private readonly icmp: IcmpHost;
  private readonly igmp: IgmpHost;
  /** Null: fragments are dropped. */
  private reassembly: Reassembly | null = null;
  private reassembledListener: ReassembledListener | null = null;

  constructor(
    memory: Region,
    addresses: Ipv4Addresses,
    statistics: Float64Array,
    icmp: IcmpHost,
    igmp: IgmpHost,
  ) {
    this.memory = memory;
    this.view = memory.view;
    this.addresses = addresses;
    this.address = addresses.first;
    this.statistics = statistics;
    this.icmp = icmp;
    this.igmp = igmp;
  }

  /** Puts fragments together from now on, for `listener`. Cold. */
  reassemble(reassembly: Reassembly, listener: ReassembledListener): void {
    this.reassembly = reassembly;
    this.reassembledListener = listener;
  }

  /** A frame to our card. */
  onFrame(frame: number, length: number, flags: number, sum: number, listener: UdpListener): void {
    const { view, statistics } = this;
    const offset = frame + ETHERNET_HEADER_LENGTH;
    const available = length - ETHERNET_HEADER_LENGTH;
    if (!this.isWhole(offset, available, flags)) return;
    const source = view.getInt32(offset + IPV4_SOURCE);
    const destination = view.getInt32(offset + IPV4_DESTINATION);
    if (!this.addresses.has(destination)) {
      statistics[IPV4_NOT_OURS]!++;
      return;
    }
    if (!isUnicast(source) || this.addresses.has(source)) {
      statistics[IPV4_SOURCE_INVALID]!++;
      return;
    }
    const headerLength = ipv4HeaderLength(view, offset);
    const payloadLength = view.getUint16(offset + IPV4_TOTAL_LENGTH) - headerLength;
    const protocol = view.getUint8(offset + IPV4_PROTOCOL);
    if (isFragment(view, offset)) {
      this.onFragment(offset, headerLength, payloadLength, protocol, source, destination);
    } else if (protocol === PROTOCOL_UDP) {
      // The device's sum covers the datagram only when nothing else lies between or behind.
      const summed = available === IPV4_HEADER_LENGTH + payloadLength ? flags : flags & ~RX_SUMMED;
      this.onUdp(offset + headerLength, payloadLength, source, destination, summed, sum, listener);
    } else if (protocol === PROTOCOL_ICMP) {
      this.icmp.onIcmp(frame, offset + headerLength, payloadLength, source, destination);
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
      if (isFragment(view, offset)) statistics[IPV4_FRAGMENTS]!++;
      else if (this.addresses.has(source)) statistics[IPV4_SOURCE_INVALID]!++;
      else this.igmp.onIgmp(offset + headerLength, payloadLength);
    } else if (protocol !== PROTOCOL_UDP) {
      statistics[IPV4_PROTOCOL_UNSUPPORTED]!++;
    } else if (!isUnicast(source) || this.addresses.has(source)) {
      statistics[IPV4_SOURCE_INVALID]!++;
    } else if (!this.hearsEveryGroup && !this.igmp.membership.isMember(group)) {
      statistics[IPV4_NOT_OURS]!++;
    } else if (isFragment(view, offset)) {
      this.onFragment(offset, headerLength, payloadLength, protocol, source, group);
    } else {
      const summed = available === IPV4_HEADER_LENGTH + payloadLength ? flags : flags & ~RX_SUMMED;
      this.onUdp(offset + headerLength, payloadLength, source, group, summed, sum, listener);
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

  /** A part of a packet to `destination`. Only UDP is put together: nobody sends the rest of what is for us in parts. */
  private onFragment(
    offset: number,
    headerLength: number,
    length: number,
    protocol: number,
    source: number,
    destination: number,
  ): void {
    const { view, statistics, reassembly } = this;
    statistics[IPV4_FRAGMENTS]!++;
    if (reassembly === null || protocol !== PROTOCOL_UDP) return;
    const fragment = view.getUint16(offset + IPV4_FRAGMENT);
    const slot = reassembly.add(
      source,
      destination,
      view.getUint16(offset + IPV4_IDENTIFICATION),
      this.memory.handle,
      offset + headerLength,
      length,
      (fragment & FRAGMENT_OFFSET) << 3,
      (fragment & MORE_FRAGMENTS) === 0,
    );
    if (slot >= 0) this.onReassembled(reassembly, slot, source, destination);
  }

  private onReassembled(reassembly: Reassembly, slot: number, source: number, destination: number): void {
    const { statistics } = this;
    const { region } = reassembly;
    const { view } = region;
    const offset = reassembly.offset(slot);
    const available = reassembly.length(slot);
    const length = available < UDP_HEADER_LENGTH ? 0 : view.getUint16(offset + UDP_LENGTH);
    if (length < UDP_HEADER_LENGTH || length > available) {
      statistics[UDP_MALFORMED]!++;
      return;
    }
    if (
      view.getUint16(offset + UDP_CHECKSUM) !== 0 &&
      !isUdpChecksumRight(view, offset, length, source, destination)
    ) {
      statistics[UDP_CHECKSUM_WRONG]!++;
      return;
    }
    statistics[RX_DATAGRAMS]!++;
    statistics[RX_DATAGRAM_BYTES]! += length - UDP_HEADER_LENGTH;
    this.reassembledListener?.onReassembledUdp(
      region,
      offset + UDP_HEADER_LENGTH,
      length - UDP_HEADER_LENGTH,
      source,
      view.getUint16(offset + UDP_SOURCE_PORT),
      destination,
      view.getUint16(offset + UDP_DESTINATION_PORT),
    );
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
