// hot
import { RX_SUMMED, RX_UDP_BAD, RX_UDP_GOOD } from '../device/device.ts';
import type { Region } from '../memory/region.ts';
import { addBytes, fold } from '../util/internet-checksum.ts';
import { ANY_IPV6, internIpv6 } from '../util/ip-address.ts';
import { ETHERNET_HEADER_LENGTH } from './ethernet.ts';
import type { Icmpv6Host } from './icmpv6-host.ts';
import {
  IPV6_DESTINATION,
  IPV6_HEADER_LENGTH,
  IPV6_SOURCE,
  ipv6PseudoSum,
  isUpperChecksumRight,
  NEXT_ICMPV6,
  NEXT_UDP,
  UpperLayer,
} from './ipv6.ts';
import { type Ipv6Addresses, PREFERRED } from './ipv6-addresses.ts';
import { findGroup, type MldHost } from './mld-host.ts';
import {
  IPV6_FRAGMENTS,
  IPV6_NOT_OURS,
  IPV6_PROTOCOL_UNSUPPORTED,
  IPV6_SOURCE_INVALID,
  RX_DATAGRAM_BYTES,
  RX_DATAGRAMS,
  UDP_CHECKSUM_WRONG,
  UDP_MALFORMED,
} from './net-statistics.ts';
import type { Reassembly } from './reassembly.ts';
import {
  type ReassembledListener,
  UDP_CHECKSUM,
  UDP_DESTINATION_PORT,
  UDP_HEADER_LENGTH,
  UDP_LENGTH,
  UDP_SOURCE_PORT,
} from './udp.ts';

/** Receives UDP payloads of IPv6, for our addresses and for groups, of any port, valid until the next receive. */
export interface Ipv6Listener {
  /** Returns whether anybody wants it. */
  onIpv6Udp(
    offset: number,
    length: number,
    sourceAddress: number,
    sourcePort: number,
    destination: number,
    destinationPort: number,
  ): boolean;
}

/** What a device's sum leaves out of what a UDP checksum covers: all of the source but its last four octets. */
const UNSUMMED_LENGTH = 12;

/** Tells IPv6 packets to our addresses and to our groups apart, and hands each to who speaks its protocol. */
export class Ipv6Receiver {
  /** Null: nobody takes datagrams. */
  listener: Ipv6Listener | null = null;
  /** Whether datagrams for groups that we are not in are handed over too. */
  hearsEveryGroup = false;
  private readonly memory: Region;
  private readonly view: DataView;
  private readonly addresses: Ipv6Addresses;
  private readonly statistics: Float64Array;
  private readonly icmp: Icmpv6Host;
  private readonly mld: MldHost;
  private readonly upper: UpperLayer = new UpperLayer();
  /** Null: fragments are dropped. */
  private reassembly: Reassembly | null = null;
  private reassembledListener: ReassembledListener | null = null;

  constructor(
    memory: Region,
    addresses: Ipv6Addresses,
    statistics: Float64Array,
    icmp: Icmpv6Host,
    mld: MldHost,
  ) {
    this.memory = memory;
    this.view = memory.view;
    this.addresses = addresses;
    this.statistics = statistics;
    this.icmp = icmp;
    this.mld = mld;
  }

  /** Puts fragments together from now on, for `listener`. Cold. */
  reassemble(reassembly: Reassembly, listener: ReassembledListener): void {
    this.reassembly = reassembly;
    this.reassembledListener = listener;
  }

  /** A frame to our card, or to the Ethernet address of a group, of which `groupMacLow` are the last four octets. */
  onFrame(
    frame: number,
    length: number,
    flags: number,
    sum: number,
    isToCard: boolean,
    groupMacLow: number,
  ): void {
    const { view, statistics, addresses, upper } = this;
    const packet = frame + ETHERNET_HEADER_LENGTH;
    const available = length - ETHERNET_HEADER_LENGTH;
    const defect = upper.find(view, packet, available);
    if (defect >= 0) {
      statistics[defect]!++;
      return;
    }
    const word0 = view.getInt32(packet + IPV6_DESTINATION);
    const word1 = view.getInt32(packet + IPV6_DESTINATION + 4);
    const word2 = view.getInt32(packet + IPV6_DESTINATION + 8);
    const word3 = view.getInt32(packet + IPV6_DESTINATION + 12);
    const isGroup = word0 >>> 24 === 0xff;
    const own = isGroup ? -1 : addresses.indexOf(word0, word1, word2, word3);
    if (isGroup ? !isToCard && word3 !== groupMacLow : own < 0 || !isToCard) {
      statistics[IPV6_NOT_OURS]!++;
      return;
    }
    if (!this.isSourcePossible(packet)) {
      statistics[IPV6_SOURCE_INVALID]!++;
      return;
    }
    const isUsable = own >= 0 && addresses.states[own] === PREFERRED;
    if (upper.isFragment) statistics[IPV6_FRAGMENTS]!++;
    if (upper.protocol !== NEXT_UDP) {
      // Of pieces only those of UDP are put together: nobody sends the rest of what is for us in pieces (RFC 6980).
      if (upper.isFragment) return;
      if (upper.protocol === NEXT_ICMPV6) {
        this.icmp.onMessage(frame, packet, upper.offset, upper.length, isUsable);
      } else {
        statistics[IPV6_PROTOCOL_UNSUPPORTED]!++;
      }
      return;
    }
    let destination = isUsable ? addresses.numbers[own]! : 0;
    if (isGroup) {
      destination = findGroup(this.mld.membership, word0, word1, word2, word3);
      if (destination === 0 && this.hearsEveryGroup) destination = internIpv6(word0, word1, word2, word3, 0);
    }
    if (destination === 0) statistics[IPV6_NOT_OURS]!++;
    else if (upper.isFragment) this.onFragment(packet, destination);
    else this.onUdp(frame, packet, available, flags, sum, destination);
  }

  /** A piece of a datagram. */
  private onFragment(packet: number, destination: number): void {
    const { memory, upper, reassembly } = this;
    if (reassembly === null) return;
    const source = this.sourceOf(packet);
    if (source === 0) return;
    const slot = reassembly.add(
      source,
      destination,
      upper.identification,
      memory.handle,
      upper.offset,
      upper.length,
      upper.fragmentOffset,
      upper.isLastFragment,
    );
    if (slot >= 0) this.onReassembled(reassembly, slot, packet, source, destination);
  }

  /** `packet` is the last one of a datagram, with the same addresses as all of them. */
  private onReassembled(
    reassembly: Reassembly,
    slot: number,
    packet: number,
    source: number,
    destination: number,
  ): void {
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
    const sum = ipv6PseudoSum(this.view, packet, NEXT_UDP, length);
    if (view.getUint16(offset + UDP_CHECKSUM) === 0 || fold(addBytes(sum, view, offset, length)) !== 0xffff) {
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

  /** The number of a packet's source; 0, counted, where it has none that can be answered. */
  private sourceOf(packet: number): number {
    const view = this.view;
    const source = internIpv6(
      view.getInt32(packet + IPV6_SOURCE),
      view.getInt32(packet + IPV6_SOURCE + 4),
      view.getInt32(packet + IPV6_SOURCE + 8),
      view.getInt32(packet + IPV6_SOURCE + 12),
      0,
    );
    if (source !== 0 && source !== ANY_IPV6) return source;
    this.statistics[IPV6_SOURCE_INVALID]!++;
    return 0;
  }

  /** Not a group, nor ::1, nor one of ours; `::` is for neighbour discovery to judge. */
  private isSourcePossible(packet: number): boolean {
    const view = this.view;
    const word0 = view.getInt32(packet + IPV6_SOURCE);
    const word1 = view.getInt32(packet + IPV6_SOURCE + 4);
    const word2 = view.getInt32(packet + IPV6_SOURCE + 8);
    const word3 = view.getInt32(packet + IPV6_SOURCE + 12);
    if (word0 >>> 24 === 0xff || ((word0 | word1 | word2) === 0 && word3 === 1)) return false;
    return this.addresses.indexOf(word0, word1, word2, word3) < 0;
  }

  private onUdp(
    frame: number,
    packet: number,
    available: number,
    flags: number,
    sum: number,
    destination: number,
  ): void {
    const { view, statistics, upper, listener } = this;
    const { offset } = upper;
    const length = upper.length < UDP_HEADER_LENGTH ? 0 : view.getUint16(offset + UDP_LENGTH);
    if (length < UDP_HEADER_LENGTH || length > upper.length) {
      statistics[UDP_MALFORMED]!++;
      return;
    }
    // The device's sum covers the datagram only when nothing else lies between or behind.
    const isPlain =
      offset === packet + IPV6_HEADER_LENGTH &&
      available === IPV6_HEADER_LENGTH + length &&
      length === upper.length;
    if (!this.isChecksumRight(packet, offset, length, isPlain ? flags : flags & ~RX_SUMMED, sum)) {
      statistics[UDP_CHECKSUM_WRONG]!++;
      return;
    }
    const source = this.sourceOf(packet);
    if (source === 0) return;
    const payloadLength = length - UDP_HEADER_LENGTH;
    const sourcePort = view.getUint16(offset + UDP_SOURCE_PORT);
    const port = view.getUint16(offset + UDP_DESTINATION_PORT);
    statistics[RX_DATAGRAMS]!++;
    statistics[RX_DATAGRAM_BYTES]! += payloadLength;
    const payload = offset + UDP_HEADER_LENGTH;
    if (listener?.onIpv6Udp(payload, payloadLength, source, sourcePort, destination, port) === true) return;
    this.icmp.onPortUnreachable(frame, packet);
  }

  /** IPv6 wants a checksum: its header has none. */
  private isChecksumRight(
    packet: number,
    offset: number,
    length: number,
    flags: number,
    sum: number,
  ): boolean {
    const view = this.view;
    if (view.getUint16(offset + UDP_CHECKSUM) === 0 || (flags & RX_UDP_BAD) !== 0) return false;
    if ((flags & RX_UDP_GOOD) !== 0) return true;
    if ((flags & RX_SUMMED) === 0) return isUpperChecksumRight(view, packet, NEXT_UDP, offset, length);
    return fold(addBytes(sum + NEXT_UDP + length, view, packet + IPV6_SOURCE, UNSUMMED_LENGTH)) === 0xffff;
  }
}
